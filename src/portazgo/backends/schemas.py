"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from portazgo.backends.claims import check_claims
from portazgo.backends.domain import LIFE_SECONDS, Timeouts, check_targets
from portazgo.backends.tls import (
    PEM_CHARACTERS_AT_MOST,
    check_authorities,
    check_pins,
    check_revocation_lists,
    check_rules,
    check_server_name,
)
from portazgo.kit.names import PLAIN_TEXT_PATTERN, SLUG_PATTERN
from portazgo.kit.web.schemas import Body, NameFilter, PageQuery, Whole

Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=63)]
Milliseconds = Annotated[Whole, Field(ge=1, le=600_000)]
DEFAULT_TIMEOUTS = Timeouts()


class TimeoutsBody(Body):
    """How long the gateway waits."""

    connect_ms: Milliseconds = DEFAULT_TIMEOUTS.connect_ms
    first_byte_ms: Milliseconds = DEFAULT_TIMEOUTS.first_byte_ms
    idle_ms: Milliseconds = DEFAULT_TIMEOUTS.idle_ms
    total_ms: Milliseconds = DEFAULT_TIMEOUTS.total_ms


class CredentialBody(Body):
    """How calls are credentialed: `mint`, a JWT that the issuer signs, or `none`."""

    kind: Literal["mint", "none"] = "mint"
    issuer: UUID | None = Field(None, description="Null: the default issuer.")
    audience: Annotated[str, StringConstraints(pattern=PLAIN_TEXT_PATTERN, max_length=200)] = ""
    life_seconds: Whole = Field(300, ge=LIFE_SECONDS.start, lt=LIFE_SECONDS.stop)
    claims: Annotated[dict[str, Any], AfterValidator(check_claims)] = Field(
        {}, examples=[{"token_type": "access", "partner": "{partner.name}"}]
    )

    @model_validator(mode="after")
    def _audience_with_mint(self) -> CredentialBody:
        if self.kind == "mint" and not self.audience:
            raise ValueError("a minted token needs an audience: the value that the backend expects in `aud`")
        return self


class TlsBody(Body):
    """How `https://` targets are verified; null: by the public authorities and the target's name."""

    ca: (
        Annotated[str, StringConstraints(max_length=PEM_CHARACTERS_AT_MOST), AfterValidator(check_authorities)] | None
    ) = Field(None, description="PEM: the authorities that count instead of the public ones.")
    server_name: Annotated[str, AfterValidator(check_server_name)] | None = Field(
        None, description="The name that the certificate must be for, where it is not the target's.", max_length=253
    )
    pins_sha256: Annotated[list[str], AfterValidator(check_pins)] = Field(
        [], description="Base64 of SHA-256 over the public key (SPKI); the backend's must be one of them."
    )
    crl: (
        Annotated[str, StringConstraints(max_length=PEM_CHARACTERS_AT_MOST), AfterValidator(check_revocation_lists)]
        | None
    ) = Field(None, description="PEM: revocation lists of the authorities.")


class EnvironmentBody(Body):
    """A backend in one environment."""

    targets: Annotated[list[str], AfterValidator(check_targets)] = Field(examples=[["http://127.0.0.1:8000"]])
    timeouts: TimeoutsBody = TimeoutsBody()
    credential: CredentialBody
    tls: TlsBody | None = None

    @model_validator(mode="after")
    def _rules_for_tls(self) -> EnvironmentBody:
        check_rules(self.targets, self.tls)
        return self


class EnvironmentsBody(Body):
    """By environment; where there is no `test`, test keys are answered `environment_unavailable`."""

    live: EnvironmentBody | None = None
    test: EnvironmentBody | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> EnvironmentsBody:
        if self.live is None and self.test is None:
            raise ValueError("a backend has at least one environment, live or test")
        return self


class CreateBackend(Body):
    """A backend to be made."""

    name: Slug = Field(examples=["insignia"])
    environments: EnvironmentsBody


class ChangeBackend(Body):
    """What is to change; null leaves as it is."""

    name: Slug | None = None
    environments: EnvironmentsBody | None = None


class BackendsQuery(PageQuery):
    """A page of backends."""

    name: NameFilter = None


class BackendView(Schema):
    """A backend."""

    id: UUID
    name: str
    environments: dict[str, Any]
    created_at: datetime


class TestBackend(Body):
    """A call to be tried."""

    path: Annotated[str, StringConstraints(pattern=r"^/[^\s\\#]*$", max_length=500)] = Field(
        "/", examples=["/api/badges/"]
    )
    environment: Literal["live", "test"] = "live"
    application: UUID | None = Field(None, description="As which application; null: as a probe.")


class TestOutcome(Schema):
    """What the backend said, and what that means."""

    ok: bool
    status: int | None
    target: str
    claims: dict[str, Any] | None
    findings: list[str]
