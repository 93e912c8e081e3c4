"""Types of what crosses to the nodes (docs/wire.md, section 2). Members here and in core/src/snapshot/wire.rs are the same.

Times inside bodies are microseconds since 1970, named `…_us`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict

FORMAT = 1
NO_HASH = "0" * 64

Kind = Literal[
    "partner",
    "application",
    "key",
    "pepper",
    "lookup_key",
    "data_key",
    "erased_data_key",
    "issuer",
    "signing_key",
    "credential",
    "backend",
    "plan",
    "route",
    "route_tag",
    "contract",
    "contract_document",
]
Environment = Literal["test", "live"]
Standing = Literal["active", "suspended"]
SigningAlgorithm = Literal["ES256", "EdDSA", "RS256", "HS256"]
Metadata = Mapping[str, str | int | float | bool]
SecurityOperation = Literal[
    "revoke_key",
    "disable_key",
    "enable_key",
    "suspend_partner",
    "resume_partner",
    "suspend_application",
    "resume_application",
    "withdraw_signing_key",
    "narrow_networks",
]


class ResourceRef(NamedTuple):
    """Names a compiled resource."""

    kind: Kind
    id: str


@dataclass(frozen=True, slots=True)
class Resource:
    """A compiled resource; `requires` are the features that a node must know to honour it (section 6)."""

    kind: Kind
    id: str
    requires: tuple[str, ...]
    body: Mapping[str, Any]

    @property
    def ref(self) -> ResourceRef:
        """Its name."""
        return ResourceRef(self.kind, self.id)

    def document(self) -> dict[str, Any]:
        """Give the JSON object of its line."""
        return {"kind": self.kind, "id": self.id, "requires": list(self.requires), "body": dict(self.body)}


Pins = Mapping[str, str]
"""By an API's id, the id of the contract's version that serves its calls; absent where nothing is pinned."""


class PartnerBody(TypedDict):
    """`partner`."""

    name: str
    status: Standing
    metadata: Metadata
    contracts: NotRequired[Pins]


class ApplicationBody(TypedDict):
    """`application`."""

    name: str
    partner: str
    environment: Environment
    status: Standing
    plan: str | None
    metadata: Metadata
    contracts: NotRequired[Pins]


class ImportedBody(TypedDict):
    """That another system made the secret, and HMAC-SHA-256(look-up key, inner) in hex."""

    scheme: Literal["sha256", "sha512", "drf"]
    lookup: str


class SecretBody(TypedDict):
    """One of the secrets of a key; `digest` is HMAC-SHA-256(pepper, inner) in hex."""

    slot: Literal["current", "retiring"]
    digest: str
    pepper: int
    ends_at_us: int | None
    imported: NotRequired[ImportedBody]


class KeyBody(TypedDict):
    """`key`; null scopes: all of the plan; null networks: any; absent certificates: with any, and with none.

    Absent routes: all of the plan; there, with `route_tags`, they say which alone it opens.
    """

    application: str
    status: Literal["active", "disabled", "revoked"]
    name: str
    secrets: list[SecretBody]
    expires_at_us: int | None
    scopes: list[str] | None
    networks: list[str] | None
    client_certificates: NotRequired[list[str]]
    routes: NotRequired[list[str]]
    route_tags: NotRequired[list[str]]


class PepperBody(TypedDict):
    """`pepper`; sealed for the context `pepper/<version>`."""

    wrapped: str


class DataKeyBody(TypedDict):
    """`data_key`; 32 bytes, sealed for the context `data_key/<id>`. Null partner: of callers that no key was proven for."""

    partner: str | None
    wrapped: str


class ErasedDataKeyBody(TypedDict):
    """`erased_data_key`: its id says it all. Nodes do nothing with it but keep it, and tell it to a recovery."""


class IssuerBody(TypedDict):
    """`issuer`."""

    url: str
    name: str


class SigningKeyBody(TypedDict):
    """`signing_key`; PKCS#8 DER, or the shared secret, sealed for the context `signing_key/<kid>`."""

    issuer: str
    algorithm: SigningAlgorithm
    public_jwk: NotRequired[Mapping[str, str]]
    wrapped: str
    state: Literal["published", "signing", "retired"]


class TimeoutsBody(TypedDict):
    """How long a backend may take."""

    connect_ms: int
    first_byte_ms: int
    idle_ms: int
    total_ms: int


class MintBody(TypedDict):
    """A credential that nodes mint."""

    kind: Literal["mint"]
    issuer: str
    audience: str
    algorithm: SigningAlgorithm
    life_seconds: int
    claims: Mapping[str, Any]


class AttachBody(TypedDict):
    """How a fetched token travels; `{token}` stands in the value."""

    header: str
    value: str


class SubjectBody(TypedDict):
    """What nodes mint to have it exchanged."""

    issuer: str
    audience: str
    algorithm: Literal["ES256"]
    life_seconds: int
    claims: Mapping[str, Any]


class LoginBody(TypedDict):
    """A credential that the node process fetches; `login` is its own affair (section 2)."""

    kind: Literal["exchange", "client_credentials", "token_exchange"]
    per: Literal["backend", "partner", "application", "key"]
    service: Literal["none", "shared", "partner"]
    reads: list[str]
    attach: AttachBody
    subject: SubjectBody | None
    login: Mapping[str, Any]


class ServiceCredentialBody(TypedDict):
    """`credential`; JSON of named values, sealed for the context `credential/<id>`. Null partner: all share it."""

    backend: str
    environment: Environment
    partner: str | None
    wrapped: str


class NoCredentialBody(TypedDict):
    """A backend that asks for no credential."""

    kind: Literal["none"]


class BackendTlsBody(TypedDict):
    """How TLS to a backend is verified: PEM texts, a name, Base64 of SHA-256 over public keys."""

    ca: str | None
    server_name: str | None
    pins_sha256: list[str]
    crl: str | None


class PoolBody(TypedDict):
    """Connections to each target; null: no cap."""

    connections: NotRequired[int | None]
    waiting: NotRequired[int]
    wait_ms: NotRequired[int]
    idle_ms: NotRequired[int]


class EjectionBody(TypedDict):
    """When a target that fails is left out for a while."""

    failures: NotRequired[int]
    first_ms: NotRequired[int]
    most_ms: NotRequired[int]
    most_percent: NotRequired[int]


class CheckBody(TypedDict):
    """How targets are asked for their health."""

    path: str
    interval_ms: NotRequired[int]
    timeout_ms: NotRequired[int]
    healthy: NotRequired[int]
    unhealthy: NotRequired[int]


class BreakerBody(TypedDict):
    """When a backend is not called at all for a while."""

    failure_percent: NotRequired[int]
    least_calls: NotRequired[int]
    window_ms: NotRequired[int]
    open_ms: NotRequired[int]


class RetryBody(TypedDict):
    """How often a call may be repeated; `attempts` counts the first."""

    attempts: NotRequired[int]
    budget_percent: NotRequired[int]
    least_per_second: NotRequired[int]


class DnsBody(TypedDict):
    """How long names of targets are believed."""

    most_ttl_seconds: NotRequired[int]


class ForwardingBody(TypedDict):
    """How targets are called; absent members have their defaults. Null `ejection` is none, absent one of several targets."""

    weights: NotRequired[list[int] | None]
    balance: NotRequired[Literal["round_robin", "least_in_flight"]]
    http2: NotRequired[Literal["off", "alpn", "prior_knowledge"]]
    pool: NotRequired[PoolBody]
    ejection: NotRequired[EjectionBody | None]
    check: NotRequired[CheckBody | None]
    breaker: NotRequired[BreakerBody | None]
    retry: NotRequired[RetryBody]
    dns: NotRequired[DnsBody]


class BackendEnvironmentBody(TypedDict):
    """A backend in one environment."""

    targets: list[str]
    timeouts: TimeoutsBody
    credential: MintBody | LoginBody | NoCredentialBody
    tls: NotRequired[BackendTlsBody]
    forwarding: NotRequired[ForwardingBody]


class BackendBody(TypedDict):
    """`backend`; an environment without targets is absent."""

    name: str
    environments: Mapping[Environment, BackendEnvironmentBody]


class ThrottleBody(TypedDict):
    """A rate limit of a plan."""

    name: str
    per: Literal["key"]
    quota: int
    window_seconds: int
    burst: int | None


class PlanBody(TypedDict):
    """`plan`; null scopes: all."""

    name: str
    apis: list[str]
    scopes: list[str] | None
    throttles: list[ThrottleBody]
    contracts: NotRequired[Pins]


class RouteTimeoutsBody(TypedDict):
    """How long a call of a route may take; absent members are the backend's, a null total is none."""

    first_byte_ms: NotRequired[int]
    idle_ms: NotRequired[int]
    total_ms: NotRequired[int | None]


class RouteBody(TypedDict):
    """`route`; null hosts: any; absent timeouts: the backend's; absent contract: only pins lead to one."""

    api: str
    api_name: str
    name: str
    hosts: list[str] | None
    method: str
    path: str
    backend: str
    backend_method: str
    backend_path: str
    environments: list[Environment]
    scopes: list[str]
    passthrough: bool
    max_request_bytes: int
    max_response_bytes: int | None
    query: Literal["all"] | list[str]
    request_headers: list[str]
    response_headers: list[str]
    upgrades: NotRequired[list[Literal["websocket"]]]
    idempotency_key: NotRequired[bool]
    timeouts: NotRequired[RouteTimeoutsBody]
    contract: NotRequired[str]


class RouteTagBody(TypedDict):
    """`route_tag`, whose id is the tag: the routes that bear it, by id."""

    routes: list[str]


class ContractBody(TypedDict):
    """`contract`, whose id is the version's; `routes` are ROUTE of docs/programs.md, by the routes' ids."""

    api: str
    contract: str
    version: str
    number: int
    deprecated_at_us: int | None
    sunset_at_us: int | None
    link: str | None
    routes: Mapping[str, Mapping[str, Any]]


class DocumentOperationBody(TypedDict):
    """An operation of a partner's document, and the route whose callers read it."""

    route: str
    member: str


class DocumentPathBody(TypedDict):
    """A path; `name` has its quotes."""

    name: str
    operations: list[DocumentOperationBody]


class DocumentComponentBody(TypedDict):
    """A component, and the operations that lead to it, counted through all paths; absent: it is always there."""

    member: str
    operations: NotRequired[list[int]]


class DocumentSectionBody(TypedDict):
    """A section of the components; `name` has its quotes."""

    name: str
    members: list[DocumentComponentBody]


class DocumentPartsBody(TypedDict):
    """A partner's document in pieces of JSON. A member is `"name":value`; `before` is what all callers read."""

    before: str
    paths: list[DocumentPathBody]
    components: list[DocumentSectionBody]


class ContractDocumentBody(TypedDict):
    """`contract_document`, whose id is the version's: the OpenAPI document of which partners read what they may call."""

    parts: DocumentPartsBody
