"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag, model_validator

from portazgo.backends.claims import check_claims
from portazgo.backends.domain import TARGETS_AT_MOST, Timeouts, check_targets
from portazgo.backends.forwarding import (
    BOUNDS,
    BREAKER,
    CHECK,
    CHECK_PATH_LENGTH,
    CHECK_PATH_PATTERN,
    DNS,
    EJECTION,
    POOL,
    RETRY,
    WEIGHTS,
    Balance,
    Http2,
)
from portazgo.backends.login_schemas import ClientCredentialsBody, ExchangeBody, TokenExchangeBody
from portazgo.backends.logins import LOGIN_KINDS
from portazgo.backends.tls import check_rules
from portazgo.backends.tls_schemas import TlsBody
from portazgo.kit.names import PLAIN_TEXT_PATTERN, SLUG_PATTERN
from portazgo.kit.web.schemas import BODY_TAG, AsSaid, Body, NameFilter, PageQuery, Whole, without_default
from portazgo.signing.algorithms import Algorithm
from portazgo.signing.domain import DEFAULT_TOKEN_LIFE_SECONDS, TOKEN_LIFE_SECONDS

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
    algorithm: Algorithm | None = Field(
        None, description="How its tokens are signed. Null: with the issuer's own algorithm.", examples=["ES256"]
    )
    life_seconds: Whole = Field(DEFAULT_TOKEN_LIFE_SECONDS, ge=TOKEN_LIFE_SECONDS.start, lt=TOKEN_LIFE_SECONDS.stop)
    claims: Annotated[dict[str, Any], AfterValidator(check_claims)] = Field(
        {}, examples=[{"token_type": "access", "partner": "{partner.name}"}]
    )

    @model_validator(mode="after")
    def _audience_with_mint(self) -> CredentialBody:
        if self.kind == "mint" and not self.audience:
            raise ValueError("a minted token needs an audience: the value that the backend expects in `aud`")
        return self


_OURS = f"{BODY_TAG}ours"


def _kind_of(value: Any) -> str:
    """Tell which body a credential is: what says no kind is minted."""
    kind = value.get("kind", _OURS) if isinstance(value, dict) else getattr(value, "kind", _OURS)
    return f"{BODY_TAG}{kind}" if isinstance(kind, str) and kind in LOGIN_KINDS else _OURS


AnyCredential = Annotated[
    Annotated[CredentialBody, Tag(_OURS)]
    | Annotated[ExchangeBody, Tag(f"{BODY_TAG}exchange")]
    | Annotated[ClientCredentialsBody, Tag(f"{BODY_TAG}client_credentials")]
    | Annotated[TokenExchangeBody, Tag(f"{BODY_TAG}token_exchange")],
    Discriminator(_kind_of),
]


def _within(policy: str, member: str) -> Any:
    """Bound a number as nodes do."""
    bounds = BOUNDS[policy][member]
    return Field(ge=bounds.start, lt=bounds.stop)


class PoolBody(Body):
    """Connections to each target, over all threads of a node."""

    connections: Annotated[Whole, _within("pool", "connections")] | None = Field(
        default=POOL.connections, description="Null: as many as there are calls."
    )
    waiting: Annotated[Whole, _within("pool", "waiting")] = Field(
        default=POOL.waiting, description="Most calls that may wait for one."
    )
    wait_ms: Annotated[Whole, _within("pool", "wait_ms")] = POOL.wait_ms
    idle_ms: Annotated[Whole, _within("pool", "idle_ms")] = POOL.idle_ms


class EjectionBody(Body):
    """When a target that fails is left out for a while."""

    failures: Annotated[Whole, _within("ejection", "failures")] = Field(
        default=EJECTION.failures, description="In a row."
    )
    first_ms: Annotated[Whole, _within("ejection", "first_ms")] = Field(
        default=EJECTION.first_ms, description="How long at first; each time after that twice as long."
    )
    most_ms: Annotated[Whole, _within("ejection", "most_ms")] = EJECTION.most_ms
    most_percent: Annotated[Whole, _within("ejection", "most_percent")] = Field(
        default=EJECTION.most_percent, description="Share of the targets that may be left out at once."
    )


class CheckBody(Body):
    """How targets are asked for their health."""

    path: Annotated[str, StringConstraints(pattern=CHECK_PATH_PATTERN, max_length=CHECK_PATH_LENGTH)] = Field(
        examples=["/health"]
    )
    interval_ms: Annotated[Whole, _within("check", "interval_ms")] = CHECK.interval_ms
    timeout_ms: Annotated[Whole, _within("check", "timeout_ms")] = CHECK.timeout_ms
    healthy: Annotated[Whole, _within("check", "healthy")] = Field(
        default=CHECK.healthy, description="Checks in a row that bring a target back."
    )
    unhealthy: Annotated[Whole, _within("check", "unhealthy")] = Field(
        default=CHECK.unhealthy, description="Failed checks in a row that take it out."
    )


class BreakerBody(Body):
    """When a backend is not called at all for a while."""

    failure_percent: Annotated[Whole, _within("breaker", "failure_percent")] = BREAKER.failure_percent
    least_calls: Annotated[Whole, _within("breaker", "least_calls")] = Field(
        default=BREAKER.least_calls, description="Calls in the window before the share means anything."
    )
    window_ms: Annotated[Whole, _within("breaker", "window_ms")] = BREAKER.window_ms
    open_ms: Annotated[Whole, _within("breaker", "open_ms")] = BREAKER.open_ms


class RetryBody(Body):
    """How often a call may be repeated where that is safe."""

    attempts: Annotated[Whole, _within("retry", "attempts")] = Field(
        default=RETRY.attempts, description="The first included: 1 repeats nothing."
    )
    budget_percent: Annotated[Whole, _within("retry", "budget_percent")] = Field(
        default=RETRY.budget_percent, description="Repeats as a share of all calls."
    )
    least_per_second: Annotated[Whole, _within("retry", "least_per_second")] = Field(
        default=RETRY.least_per_second, description="Repeats that are free beside that share."
    )


class DnsBody(Body):
    """How long names of targets are believed."""

    most_ttl_seconds: Annotated[Whole, _within("dns", "most_ttl_seconds")] = DNS.most_ttl_seconds


class ForwardingBody(AsSaid):
    """How targets are called; null, and whatever is left out: as usual."""

    weights: (
        Annotated[list[Annotated[Whole, Field(ge=WEIGHTS.start, lt=WEIGHTS.stop)]], Field(max_length=TARGETS_AT_MOST)]
        | None
    ) = Field(None, description="One for each target; null: all the same.")
    balance: Balance = "round_robin"
    http2: Http2 = Field(
        "off",
        description="`alpn`: where the TLS handshake agrees on it; `prior_knowledge`: at once, with or without TLS.",
    )
    pool: PoolBody = PoolBody()
    ejection: EjectionBody | None = Field(
        None,
        description="Left out: on where there are several targets; null: off.",
        json_schema_extra=without_default,
    )
    check: CheckBody | None = Field(None, description="Null: targets are not asked for their health.")
    breaker: BreakerBody | None = Field(None, description="Null: a backend is called whatever happens.")
    retry: RetryBody = RetryBody()
    dns: DnsBody = DnsBody()


class EnvironmentBody(Body):
    """A backend in one environment."""

    targets: Annotated[list[str], AfterValidator(check_targets)] = Field(
        examples=[["http://127.0.0.1:8000"]],
        description="`http://host:port`, `https://host:port`, or `unix:/path` of a socket on the nodes' own machines.",
    )
    timeouts: TimeoutsBody = TimeoutsBody()
    credential: AnyCredential
    tls: TlsBody | None = None
    forwarding: ForwardingBody | None = None

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
