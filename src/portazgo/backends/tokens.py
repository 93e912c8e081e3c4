"""What a backend's token says, as the data plane makes it (native/crates/core/src/credential). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portazgo.backends.claims import Values, fill_claims

# A backend's clock may be a little behind ours.
BACKDATED_SECONDS = 5
PROBE_NAME = "portazgo-probe"
PROBE_ID = "00000000-0000-0000-0000-000000000000"
PROBE_KID = "0000000000"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token it is: partner and application as nodes know them, with their ids, and what the plan grants."""

    partner_id: str
    partner: Mapping[str, Any]
    application_id: str
    application: Mapping[str, Any]
    plan_scopes: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class CallerKey:
    """The key that a call comes with. Null scopes: all of the plan."""

    kid: str
    name: str
    scopes: Sequence[str] | None = None


PROBE_KEY = CallerKey(PROBE_KID, PROBE_NAME)


def probe(environment: str) -> Caller:
    """Give a caller that is nobody: it has names, and no metadata."""
    partner = {"name": PROBE_NAME, "metadata": {}}
    return Caller(PROBE_ID, partner, PROBE_ID, {"name": PROBE_NAME, "environment": environment, "metadata": {}})


def values(caller: Caller, key: CallerKey) -> Values:
    """Give what templates read, by path. What has no value is absent, which refuses the mint."""
    scopes = key.scopes if key.scopes is not None else caller.plan_scopes
    return {
        "partner.id": caller.partner_id,
        "partner.name": caller.partner["name"],
        **{f"partner.metadata.{name}": value for name, value in caller.partner["metadata"].items()},
        "application.id": caller.application_id,
        "application.name": caller.application["name"],
        "application.environment": caller.application["environment"],
        **{f"application.metadata.{name}": value for name, value in caller.application["metadata"].items()},
        "key.kid": key.kid,
        "key.name": key.name,
        **({"key.scopes": list(scopes)} if scopes is not None else {}),
    }


def token_claims(
    credential: Mapping[str, Any], issuer_url: str, caller: Caller, key: CallerKey, *, now: datetime, jti: str
) -> dict[str, Any]:
    """Give the claims of a token. Raises MissingValue."""
    seconds = int(now.timestamp())
    return {
        "sub": caller.application_id,
        **fill_claims(credential["claims"], values(caller, key)),
        "iss": issuer_url,
        "aud": credential["audience"],
        "iat": seconds - BACKDATED_SECONDS,
        "nbf": seconds - BACKDATED_SECONDS,
        "exp": seconds + credential["life_seconds"],
        "jti": jti,
    }
