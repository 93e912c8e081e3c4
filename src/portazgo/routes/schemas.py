"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from portazgo.kit.names import (
    SCOPE_PATTERN,
    SLUG_PATTERN,
    TAG_LENGTH,
    TAG_PATTERN,
    TAGS_AT_MOST,
    WEB_PATTERN,
    check_tags,
)
from portazgo.kit.web.schemas import AsSaid, Body, NameFilter, PageQuery, Truth, Whole, without_default
from portazgo.routes.domain import (
    DEFAULT_MAX_REQUEST_BYTES,
    MAX_BYTES,
    PATH_LENGTH,
    WAIT_MS,
    Method,
    Upgrade,
    check_headers,
    check_hosts,
)

Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=63)]
PathText = Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x20\x7f]*$", max_length=PATH_LENGTH)]
Hosts = Annotated[list[str], Field(min_length=1, max_length=20), AfterValidator(check_hosts)]
HeaderNames = Annotated[list[str], Field(max_length=50), AfterValidator(check_headers)]
Environments = Annotated[list[Literal["live", "test"]], Field(min_length=1, max_length=2)]
ScopeNames = Annotated[
    list[Annotated[str, StringConstraints(pattern=SCOPE_PATTERN, max_length=100)]], Field(max_length=50)
]


def _everywhere() -> list[Literal["live", "test"]]:
    return ["live", "test"]


Bytes = Annotated[Whole, Field(ge=0, le=MAX_BYTES)]
QueryNames = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^[^\x00-\x20\x7f&=#]+$", max_length=100)]], Field(max_length=100)
]


Milliseconds = Annotated[Whole, Field(ge=WAIT_MS.start, lt=WAIT_MS.stop)]
Upgrades = Annotated[list[Upgrade], Field(max_length=len(Upgrade))]
Tags = Annotated[
    list[Annotated[str, StringConstraints(pattern=TAG_PATTERN, max_length=TAG_LENGTH)]],
    Field(max_length=TAGS_AT_MOST, examples=[["badges"]]),
    AfterValidator(check_tags),
]


class RouteTimeoutsBody(AsSaid):
    """How long the gateway waits on this route; what is left out is the backend's."""

    first_byte_ms: Milliseconds = Field(0, json_schema_extra=without_default)
    idle_ms: Milliseconds = Field(0, json_schema_extra=without_default)
    total_ms: Milliseconds | None = Field(
        0, description="Null: as long as it takes.", json_schema_extra=without_default
    )


class CreateRoute(Body):
    """A route to be made. Whether bodies pass as the backend has them is to be said."""

    name: Slug = Field(examples=["badges-list"])
    backend: UUID
    hosts: Hosts | None = Field(None, description="Null: any host.")
    method: Method
    path: PathText = Field(examples=["/v1/badges/{id}"])
    backend_method: Method | None = Field(None, description="Null: the same.")
    backend_path: PathText = Field(examples=["/api/badges/{id}/"])
    environments: Environments = Field(default_factory=_everywhere)
    scopes: ScopeNames = Field([], description="All of these are needed, of key and plan alike; empty: none is.")
    passthrough: Truth = Field(
        description="True: bodies pass as the backend has them. False: only what a contract says passes; until one is "
        "published, or pinned to who calls, the route is not there."
    )
    max_request_bytes: Bytes = DEFAULT_MAX_REQUEST_BYTES
    max_response_bytes: Bytes | None = None
    query: Literal["all"] | QueryNames = "all"
    request_headers: HeaderNames = Field(default_factory=list)
    response_headers: HeaderNames = Field(default_factory=list)
    upgrades: Upgrades = Field([], description="What a connection may be upgraded to; empty: nothing.")
    idempotency_key: Truth = Field(
        default=False,
        description="A POST or PATCH with the header Idempotency-Key may be repeated when the backend fails.",
    )
    timeouts: RouteTimeoutsBody | None = Field(None, description="Null: the backend's.")
    tags: Tags = Field([], description="Keys may be restricted to the routes of a tag.")


class ChangeRoute(Body):
    """What is to change; what is absent stays."""

    name: Slug = "route"
    backend: UUID = UUID(int=0)
    hosts: Hosts | None = None
    method: Method = Method.GET
    path: PathText = "/"
    backend_method: Method = Method.GET
    backend_path: PathText = "/"
    environments: Environments = Field(default_factory=list)
    scopes: ScopeNames = Field(default_factory=list)
    max_request_bytes: Bytes = DEFAULT_MAX_REQUEST_BYTES
    max_response_bytes: Bytes | None = None
    query: Literal["all"] | QueryNames = "all"
    request_headers: HeaderNames = Field(default_factory=list)
    response_headers: HeaderNames = Field(default_factory=list)
    upgrades: Upgrades = Field(default_factory=list)
    idempotency_key: Truth = False
    timeouts: RouteTimeoutsBody | None = None
    tags: Tags = Field(default_factory=list)
    passthrough: Truth = True
    contract: UUID | None = Field(None, description="A version that has the route; null: only pins lead to one.")


class RoutesQuery(PageQuery):
    """A page of routes."""

    api: UUID | None = None
    tag: Annotated[str | None, Field(pattern=TAG_PATTERN, max_length=TAG_LENGTH)] = None
    name: NameFilter = None


class RouteView(Schema):
    """A route."""

    id: UUID
    api: UUID = Field(validation_alias="api_id")
    backend: UUID = Field(validation_alias="backend_id")
    name: str
    hosts: list[str] | None
    method: str
    path: str
    backend_method: str
    backend_path: str
    environments: list[str]
    scopes: list[str]
    passthrough: bool
    contract: UUID | None = Field(validation_alias="contract_id", description="The version that it serves by default.")
    max_request_bytes: int
    max_response_bytes: int | None
    query: Any
    request_headers: list[str]
    response_headers: list[str]
    upgrades: list[str]
    idempotency_key: bool
    timeouts: dict[str, int | None] | None
    tags: list[str]
    created_at: datetime


class PickBody(Body):
    """Which operations: those that any list names; all when every list is empty."""

    tags: Annotated[list[Annotated[str, StringConstraints(max_length=100)]], Field(max_length=100)] = Field(
        default_factory=list
    )
    paths: Annotated[list[Annotated[str, StringConstraints(max_length=500)]], Field(max_length=100)] = Field(
        default_factory=list
    )
    operations: Annotated[list[Annotated[str, StringConstraints(max_length=200)]], Field(max_length=1000)] = Field(
        default_factory=list
    )


class ImportRoutes(Body):
    """An OpenAPI document (3.0 or 3.1), by URL or as text, JSON or YAML."""

    backend: UUID
    url: Annotated[str, StringConstraints(pattern=WEB_PATTERN, max_length=2000)] | None = None
    document: Annotated[str, StringConstraints(max_length=5 * 1024 * 1024)] | None = None
    pick: PickBody = Field(default_factory=PickBody)
    prefix_map: dict[str, str] = Field({}, max_length=20, examples=[{"/api": "/v1"}])
    dry_run: Truth = False

    @model_validator(mode="after")
    def _one_source(self) -> ImportRoutes:
        if (self.url is None) == (self.document is None):
            raise ValueError("give either url or document")
        return self


class SkippedView(Schema):
    """An operation that did not become a route."""

    method: str
    path: str
    operation_id: str | None
    reason: str


class ImportReport(Schema):
    """What became of the operations, by the routes' names."""

    created: list[str]
    changed: list[str]
    unchanged: list[str]
    skipped: list[SkippedView]
    warnings: list[str]
