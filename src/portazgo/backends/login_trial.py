"""Logs in as a node does, for `portazgo backend test`, and says why no token came or why the backend doesn't like it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from portazgo.backends.claims import MissingValue
from portazgo.backends.credentials import context_of
from portazgo.backends.logins import for_nodes, service
from portazgo.backends.models import Backend, ServiceCredential
from portazgo.backends.tokens import PROBE_ID, PROBE_KEY, Caller, token_claims, values
from portazgo.kit.secret import Secret
from portazgo.kit.wrapping import KeyWrapper, WrappingFailed
from portazgo.logins.answers import LoginFailed
from portazgo.logins.logging_in import log_in
from portazgo.logins.orders import Order, service_values
from portazgo.signing.minting import NothingSigns, mint
from portazgo.signing.models import Issuer

_PLACE = "{token}"


class NotFetched(Exception):
    """No token: the findings say why, and what to do."""

    def __init__(self, *findings: str) -> None:
        super().__init__(" ".join(findings))
        self.findings = [finding for finding in findings if finding]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A token, and the header that carries it."""

    token: Secret
    header: str
    value: Secret
    finding: str


def fetch(backend: Backend, environment: str, caller: Caller, *, wrapper: KeyWrapper, now: datetime) -> Fetched:
    """Log in for a caller. Unwraps and calls out: not for a transaction. Raises NotFetched."""
    settings = backend.environments[environment]
    credential = for_nodes(settings)
    order = Order(
        backend=backend.name,
        environment=environment,
        whose=f"application {caller.application['name']}",
        login=credential["login"],
        values=_read(credential["reads"], caller),
        service=_service(backend, environment, settings["credential"], caller, wrapper),
        subject_token=_subject(credential["subject"], caller, wrapper, now),
    )
    try:
        found = log_in(order)
    except LoginFailed as failure:
        raise NotFetched(failure.why, failure.advice) from None
    attach = credential["attach"]
    return Fetched(
        found.token,
        attach["header"],
        Secret(attach["value"].replace(_PLACE, found.token.reveal())),
        f"The login brought a token that is good for {found.life_seconds:.0f} s; it is shared by calls of the same "
        f"{credential['per']}.",
    )


def explain_refused(credential: Mapping[str, Any], status: int, said: str) -> list[str]:
    """Say why a backend may refuse a token that a login has just brought."""
    attach, login = credential["attach"], credential["login"]
    words = f" It says: {said}" if said else ""
    headline = f"The backend refused the token that the login had just brought: {status}.{words}"
    how = f"`{attach['header']}: {attach['value']}`"
    pointer = credential.get("token", "/access_token")
    where = login["url"] or login["path"]
    return [
        headline,
        f"Header: the token travels as {how}. Compare that with what the backend reads.",
        f"Pointer: it is what stands at {pointer} of the login's answer. See that it is not the one for refreshing.",
        f"Place: the login is at {where}. See that its tokens are meant for this backend: issuer, audience, scope, user.",
    ]


def _read(paths: list[str], caller: Caller) -> dict[str, Any]:
    there = values(caller, PROBE_KEY)
    for path in paths:
        if path not in there:
            raise NotFetched(f"No login can be made: {{{path}}} has no value here.", _advice(caller))
    return {path: there[path] for path in paths}


def _advice(caller: Caller) -> str:
    if caller.application_id == PROBE_ID:
        return "A probe has no such value: name an application with --application."
    return "The gateway refuses the calls of this application until it has that value."


def _service(
    backend: Backend, environment: str, credential: Mapping[str, Any], caller: Caller, wrapper: KeyWrapper
) -> dict[str, Secret]:
    whose = service(credential)
    if whose == "none":
        return {}
    if whose == "partner" and caller.partner_id == PROBE_ID:
        raise NotFetched("Each partner logs in with a credential of its own: name an application with --application.")
    partner = UUID(caller.partner_id) if whose == "partner" else None
    row = ServiceCredential.objects.filter(backend=backend, environment=environment, partner=partner).first()
    if row is None:
        named = f" --partner {caller.partner['name']}" if partner else ""
        raise NotFetched(
            "No service credential is set: there is nothing to log in with.",
            f"Set it: portazgo backend credential set {backend.name}{named}",
        )
    try:
        return service_values(wrapper.unwrap(context_of(row.id), row.wrapped))
    except WrappingFailed as problem:
        raise NotFetched(f"The service credential can't be opened: {problem}.") from None


def _subject(subject: Mapping[str, Any] | None, caller: Caller, wrapper: KeyWrapper, now: datetime) -> Secret | None:
    if subject is None:
        return None
    issuer = Issuer.objects.get(id=subject["issuer"])
    try:
        claims = token_claims(subject, issuer.url, caller, PROBE_KEY, now=now, jti=secrets.token_hex(16))
        return mint(subject["issuer"], subject["algorithm"], claims, wrapper=wrapper).token
    except MissingValue as problem:
        raise NotFetched(f"No subject token can be made: {problem}.", _advice(caller)) from None
    except NothingSigns:
        algorithm = subject["algorithm"]
        raise NotFetched(
            f"No subject token can be made: no key of the issuer {issuer.name} signs with {algorithm}."
        ) from None
    except WrappingFailed as problem:
        raise NotFetched(f"No subject token can be made: {problem}.") from None
