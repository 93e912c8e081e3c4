"""What a file may say, as pydantic models: they judge a document's form, and give the JSON schema for editors. Pure.

Values stay as they are written (`5m`, `60/min`); `worlds` reads them. Whoever adds a member adds it there too.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    WithJsonSchema,
    model_validator,
)

from portazgo.backends.claims import check_claims
from portazgo.backends.domain import Timeouts, check_targets
from portazgo.backends.tls import check_rules
from portazgo.contracts.domain import VERSION_PATTERN
from portazgo.declarative.domain import FORMAT
from portazgo.declarative.forwarding import ForwardingPart
from portazgo.declarative.logins import ClientCredentialsPart, ExchangePart, TokenExchangePart, TokenLife
from portazgo.declarative.parts import NOTHING_IS_EMPTY, Duration, Part, Value, is_mapping, read_by
from portazgo.declarative.tls import TlsPart
from portazgo.declarative.words import (
    DURATION_PATTERN,
    format_milliseconds,
    format_seconds,
    parse_milliseconds,
    throttle,
)
from portazgo.kit.durations import parse_duration
from portazgo.kit.names import (
    PLAIN_TEXT_PATTERN,
    SCOPE_PATTERN,
    SLUG_PATTERN,
    TAG_LENGTH,
    TAG_PATTERN,
    TAGS_AT_MOST,
    check_tags,
)
from portazgo.partners.domain import METADATA_NAME_PATTERN, check_metadata
from portazgo.plans.domain import QUOTA_AT_MOST, THROTTLE_NAME_PATTERN, Throttle, check_throttle, check_throttles
from portazgo.plans.rotation import RotationPolicy
from portazgo.routes.domain import (
    DEFAULT_MAX_REQUEST_BYTES,
    MAX_BYTES,
    PATH_LENGTH,
    check_headers,
    check_hosts,
    check_partner_path,
)
from portazgo.routes.openapi.reading import JSON_BYTES
from portazgo.signing.domain import (
    DEFAULT_TOKEN_LIFE_SECONDS,
    LONGEST_ROTATION,
    SHORTEST_ROTATION,
)

DEFAULT_TIMEOUTS = Timeouts()
ISSUER_URL_PATTERN = r"^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?$"
PATH_PATTERN = r"^/[^\x00-\x20\x7f]*$"
NO_TOTAL = "none"
_SLUG = SLUG_PATTERN.strip("^$")
_VERSION = VERSION_PATTERN.strip("^$")
CONTRACT_PATTERN = rf"^{_SLUG}(@{_VERSION})?$"
PIN_PATTERN = rf"^{_SLUG}@{_VERSION}$"
PINS_DESCRIPTION = (
    "By API: the version of a contract that serves these calls, `NAME@VERSION`, whatever the routes serve by default."
)
_QUERY_NAME = r"^[^\x00-\x20\x7f&=#]{1,100}$"
_QUERY_NAMES_AT_MOST = 100

AlgorithmName = Literal["ES256", "EdDSA", "RS256", "HS256"]
EnvironmentName = Literal["live", "test"]
MethodName = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=63)]
PathText = Annotated[str, StringConstraints(pattern=PATH_PATTERN, max_length=PATH_LENGTH)]


def _scalar(value: object) -> object:
    if not isinstance(value, str | bool | int | float):
        raise ValueError("a value of metadata is text, a number, true or false")  # noqa: TRY004 - becomes a sentence for a person
    return value


def _check_rotation(text: str) -> str:
    if not SHORTEST_ROTATION <= parse_duration(text) <= LONGEST_ROTATION:
        raise ValueError(f"{text!r} is out of bounds: keys are rotated every 1d to 3650d")
    return text


Milliseconds = Annotated[Duration, read_by(parse_milliseconds)]
Metadata = Annotated[
    dict[
        Annotated[str, StringConstraints(pattern=METADATA_NAME_PATTERN)],
        Annotated[Any, AfterValidator(_scalar), WithJsonSchema({"type": ["string", "number", "boolean"]})],
    ],
    NOTHING_IS_EMPTY,
    AfterValidator(check_metadata),
]
Bytes = Annotated[int, Field(ge=0, le=MAX_BYTES)]
Scope = Annotated[str, StringConstraints(pattern=SCOPE_PATTERN, max_length=100)]
TagText = Annotated[str, StringConstraints(pattern=TAG_PATTERN, max_length=TAG_LENGTH)]
Headers = Annotated[list[str], Field(max_length=50), read_by(check_headers)]


class IssuerPart(Part):
    """Who signs the backends' tokens."""

    url: Annotated[str, StringConstraints(pattern=ISSUER_URL_PATTERN, max_length=500)] | None = Field(
        None, description="`iss` of the tokens. Needed to make an issuer; may be left out for one that exists."
    )
    algorithm: AlgorithmName | None = Field(
        None,
        description="How its keys sign, where a backend says nothing else. Left out: as it is; ES256 where it is made.",
    )
    rotate_every: Annotated[Duration, AfterValidator(_check_rotation)] | None = Field(
        None, description="How often its keys are rotated. Left out: by hand only."
    )


class TimeoutsPart(Part):
    """How long the gateway waits for the backend."""

    connect: Milliseconds = format_milliseconds(DEFAULT_TIMEOUTS.connect_ms)
    first_byte: Milliseconds = format_milliseconds(DEFAULT_TIMEOUTS.first_byte_ms)
    idle: Milliseconds = format_milliseconds(DEFAULT_TIMEOUTS.idle_ms)
    total: Milliseconds = format_milliseconds(DEFAULT_TIMEOUTS.total_ms)


class MintPart(Part):
    """A JWT that an issuer signs."""

    kind: Literal["mint"]
    issuer: Slug | None = Field(None, description="Left out: the default issuer.")
    algorithm: AlgorithmName | None = Field(
        None, description="How the tokens are signed. Left out: as the issuer's keys do."
    )
    audience: Annotated[str, StringConstraints(pattern=PLAIN_TEXT_PATTERN, min_length=1, max_length=200)] = Field(
        description="What the backend expects in `aud`."
    )
    life: TokenLife = format_seconds(DEFAULT_TOKEN_LIFE_SECONDS)
    claims: Annotated[dict[str, Any], NOTHING_IS_EMPTY, AfterValidator(check_claims)] = Field(
        default_factory=dict, description="Constants, and values such as `{partner.name}`."
    )


class NoCredentialPart(Part):
    """A backend that asks for no credential."""

    kind: Literal["none"]


class EnvironmentPart(Part):
    """A backend in one environment."""

    targets: Annotated[list[str], read_by(check_targets)] = Field(
        description="`http://host:port`, `https://host:port` or `unix:/path`, 1 to 64 of them."
    )
    timeouts: Annotated[TimeoutsPart, NOTHING_IS_EMPTY] = TimeoutsPart()
    credential: Annotated[
        MintPart | NoCredentialPart | ExchangePart | ClientCredentialsPart | TokenExchangePart,
        Field(discriminator="kind"),
    ]
    tls: TlsPart | None = None
    forwarding: ForwardingPart | None = None

    @model_validator(mode="after")
    def _rules_for_tls(self) -> EnvironmentPart:
        check_rules(self.targets, self.tls)
        return self


class EnvironmentsPart(Part):
    """By environment; where there is no `test`, test keys are answered `environment_unavailable`."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    live: EnvironmentPart | None = None
    test: EnvironmentPart | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> EnvironmentsPart:
        if self.live is None and self.test is None:
            raise ValueError("a backend has at least one environment, live or test")
        return self


class BackendPart(Part):
    """What stands behind the gateway."""

    environments: EnvironmentsPart


def _everywhere() -> list[EnvironmentName]:
    return ["live", "test"]


def _query(value: object) -> object:
    if value == "all":
        return value
    if not isinstance(value, list) or len(value) > _QUERY_NAMES_AT_MOST:
        raise ValueError(f"write all, or a list of at most {_QUERY_NAMES_AT_MOST} parameters that pass")
    for name in value:
        if not isinstance(name, str) or not re.fullmatch(_QUERY_NAME, name):
            raise ValueError(f"{name!r} is no name of a query parameter")
    return value


def _total(text: str) -> int | None:
    return None if text == NO_TOTAL else parse_milliseconds(text)


class RouteTimeoutsPart(Part):
    """How long the gateway waits on this route. What is left out is the backend's."""

    first_byte: Milliseconds | None = None
    idle: Milliseconds | None = None
    total: (
        Annotated[str, read_by(_total), WithJsonSchema({"type": "string", "pattern": f"{DURATION_PATTERN}|^none$"})]
        | None
    ) = Field(None, description="`none`: as long as it takes.")


class RoutePart(Part):
    """A partner's method and path, and the backend operation that answers it."""

    backend: Slug
    hosts: Annotated[list[str], Field(max_length=20), read_by(check_hosts)] | None = Field(
        None, description="Left out: any host."
    )
    method: MethodName
    path: Annotated[PathText, read_by(check_partner_path)]
    backend_method: MethodName | None = Field(None, description="Left out: the same as `method`.")
    backend_path: PathText | None = Field(None, description="Left out: the same as `path`.")
    environments: Annotated[list[EnvironmentName], Field(min_length=1, max_length=2)] = Field(
        default_factory=_everywhere
    )
    scopes: Annotated[list[Scope], Field(max_length=50)] = Field([], description="All of these are needed.")
    passthrough: bool | None = Field(
        None,
        description="True: bodies pass as the backend has them, which is to be said. False: only callers to whom a version "
        "is pinned find the route.",
    )
    contract: Annotated[str, StringConstraints(pattern=CONTRACT_PATTERN)] | None = Field(
        None,
        description="In place of `passthrough`: the contract whose newest version serves the route, or `NAME@VERSION`.",
        examples=["badges-basic"],
    )
    max_request_bytes: Bytes = DEFAULT_MAX_REQUEST_BYTES
    max_response_bytes: Bytes | None = Field(None, description="Left out: as many as the backend sends.")
    query: Annotated[
        Any,
        AfterValidator(_query),
        WithJsonSchema(
            {"anyOf": [{"const": "all"}, {"type": "array", "items": {"type": "string", "pattern": _QUERY_NAME}}]}
        ),
    ] = Field("all", description="Which query parameters pass.")
    request_headers: Headers = Field([], description="Further headers that pass to the backend.")
    response_headers: Headers = Field([], description="Further headers that pass to the partner.")
    upgrades: Annotated[list[Literal["websocket"]], Field(max_length=1)] = Field(
        [], description="What a connection may be upgraded to."
    )
    idempotency_key: bool = Field(
        default=False,
        description="A POST or PATCH with the header Idempotency-Key may be repeated when the backend fails.",
    )
    timeouts: RouteTimeoutsPart | None = Field(None, description="Left out: the backend's.")
    tags: Annotated[list[TagText], Field(max_length=TAGS_AT_MOST), read_by(check_tags)] = Field(
        [], description="Keys may be restricted to the routes of a tag."
    )

    @model_validator(mode="after")
    def _says_what_passes(self) -> RoutePart:
        if self.passthrough is None and self.contract is None:
            raise ValueError('"passthrough" is missing: say passthrough: true, or name a contract')
        if self.passthrough and self.contract is not None:
            raise ValueError("a route either passes bodies through or has a contract: say one of the two")
        return self


class PickPart(Part):
    """Which operations of an OpenAPI document: those that any list names; all when every list is empty."""

    tags: list[str] = Field(default_factory=list)
    paths: list[str] = Field(
        default_factory=list, description="Patterns over the backend's paths, such as `/api/badges/*`."
    )
    operations: list[str] = Field(default_factory=list)


class ImportPart(Part):
    """Routes from an OpenAPI document that lies beside the file; a route that is written out goes before them."""

    openapi: str = Field(description="The document's path, seen from this file.")
    backend: Slug
    pick: Annotated[PickPart, NOTHING_IS_EMPTY] = PickPart()
    prefix_map: dict[str, str] = Field({}, max_length=20, description="Such as `{/api: /v1}`.")
    passthrough: Literal[True] = Field(description="Bodies pass unprojected: to be said explicitly.")


class ApiPart(Part):
    """A published set of routes."""

    import_: ImportPart | None = Field(None, alias="import")
    routes: Annotated[dict[Slug, RoutePart], NOTHING_IS_EMPTY] = Field(default_factory=dict)


class SchemaPart(Part):
    """A backend's OpenAPI document, which lies beside the file; contracts are written over it."""

    backend: Slug
    openapi: str | None = Field(None, description="The document's path, seen from this file.")
    document: Annotated[str, StringConstraints(max_length=JSON_BYTES)] | None = Field(
        None, description="Its text, where nobody can read the file: the command line puts it here."
    )
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None, description="Of a document that the deployment has already, as `portazgo export` writes it."
    )

    @model_validator(mode="after")
    def _says_which(self) -> SchemaPart:
        if [self.openapi, self.document, self.sha256].count(None) != 2:  # noqa: PLR2004 - one of three
            raise ValueError('say where the document is: "openapi", a path seen from this file')
        return self

    def digest(self) -> str:
        """Name the document."""
        return self.sha256 or hashlib.sha256((self.document or "").encode()).hexdigest()


class ContractPart(Part):
    """What partners see of an API's routes (contracts.md). Applying publishes a version whenever it has changed."""

    api: Slug
    schema_: Slug = Field(alias="schema", description="The schema that it is over.")
    mappings: Annotated[dict[str, Any], NOTHING_IS_EMPTY] = Field(
        default_factory=dict, description="Lists of operators, by name."
    )
    routes: dict[str, Any] = Field(description="By the route's name: what becomes of its requests and answers.")


class RatePart(Part):
    """A rate with a name of its own, or with fewer calls at once."""

    rate: Annotated[str, read_by(throttle)]
    name: Annotated[str, StringConstraints(pattern=THROTTLE_NAME_PATTERN)] | None = Field(
        None, description="Named in denials. Left out: the window's, such as `per-minute`."
    )
    burst: Annotated[int, Field(ge=1, le=QUOTA_AT_MOST)] | None = Field(
        None, description="How many of them at once. Left out: all."
    )

    @model_validator(mode="after")
    def _can_be_kept(self) -> RatePart:
        check_throttle(throttle(self.rate, self.name, self.burst))
        return self


RateText = Annotated[str, read_by(throttle)]
Rate = Annotated[
    Annotated[RateText, Tag("text")] | Annotated[RatePart, Tag("mapping")],
    Discriminator(is_mapping),
]


class RotationPart(Part):
    """How often the secrets of a plan's keys are to be replaced."""

    every: Duration = Field(description="How old a secret is when it is due; 1d to 3650d.", examples=["90d"])
    grace: Duration | None = Field(
        None,
        description="How long the old secret works where a rotation says nothing. Left out: the operator's default.",
    )
    end_after: Duration | None = Field(
        None,
        description="How long a secret that is due goes on working, from when its owner was told; 1d to 365d. "
        "Left out: for ever.",
    )

    @model_validator(mode="after")
    def _within_bounds(self) -> RotationPart:
        self.policy()
        return self

    def policy(self) -> RotationPolicy:
        """Read it."""
        return RotationPolicy.read(self.every, self.grace, self.end_after)


PinsPart = Annotated[
    dict[Slug, Annotated[str, StringConstraints(pattern=PIN_PATTERN)]], Field(max_length=200), NOTHING_IS_EMPTY
]


class PlanPart(Part):
    """What applications may call, and how fast."""

    apis: Annotated[list[Slug], Field(max_length=200)] = Field(default_factory=list)
    scopes: Annotated[list[Scope], Field(max_length=200)] | None = Field(None, description="Left out: all.")
    rates: Annotated[list[Rate], Field(max_length=8)] = Field([], examples=[["60/min", "1000/day"]])
    rotation: RotationPart | None = Field(None, description="Left out: keys are rotated when somebody wants to.")
    contracts: PinsPart = Field(default_factory=dict, description=PINS_DESCRIPTION)

    @model_validator(mode="after")
    def _no_two_share_a_name(self) -> PlanPart:
        check_throttles(self.throttles())
        return self

    def throttles(self) -> list[Throttle]:
        """Read the rates."""
        return [
            throttle(rate) if isinstance(rate, str) else throttle(rate.rate, rate.name, rate.burst)
            for rate in self.rates
        ]


class ApplicationPart(Part):
    """One integration of a partner."""

    environment: EnvironmentName
    plan: Slug | None = None
    status: Literal["active", "suspended"] = "active"
    metadata: Metadata = Field(default_factory=dict)
    contracts: PinsPart = Field(default_factory=dict, description=PINS_DESCRIPTION)


class PartnerPart(Part):
    """A partner company."""

    status: Literal["active", "suspended"] = "active"
    metadata: Metadata = Field(default_factory=dict)
    contracts: PinsPart = Field(default_factory=dict, description=PINS_DESCRIPTION)
    applications: Annotated[dict[Slug, ApplicationPart], NOTHING_IS_EMPTY] = Field(default_factory=dict)


Section = Annotated[dict[Slug, Annotated[Value, NOTHING_IS_EMPTY]], NOTHING_IS_EMPTY]
"""By name, parts of which nothing need be said."""


class Document(Part):
    """A file, its includes and imports resolved, without `settings`, which are the machine's."""

    portazgo: Literal[1] = Field(description="The version of this format.")
    name: Slug = Field(description="Owner label: what this file makes, it owns; nothing else does it ever delete.")
    issuers: Section[IssuerPart] = Field(default_factory=dict)
    backends: Section[BackendPart] = Field(default_factory=dict)
    apis: Section[ApiPart] = Field(default_factory=dict)
    schemas: Section[SchemaPart] = Field(default_factory=dict)
    contracts: Section[ContractPart] = Field(default_factory=dict)
    plans: Section[PlanPart] = Field(default_factory=dict)
    partners: Section[PartnerPart] = Field(default_factory=dict)


EMPTY = {"portazgo": FORMAT, "name": "empty"}
