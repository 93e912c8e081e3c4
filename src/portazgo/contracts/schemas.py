"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field, StringConstraints, model_validator

from portazgo.contracts.domain import State
from portazgo.keys.schemas import KidText
from portazgo.kit.names import LINK_PATTERN, SLUG_PATTERN, WEB_PATTERN
from portazgo.kit.web.schemas import Body, Moment, NameFilter, PageQuery, Truth
from portazgo.routes.importing import LARGEST_DOCUMENT_BYTES

Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=63)]


class ImportSchema(Body):
    """An OpenAPI document (3.0 or 3.1), by URL or as text, JSON or YAML, to be kept under a name."""

    name: Slug = Field(examples=["insignia"])
    backend: UUID
    url: Annotated[str, StringConstraints(pattern=WEB_PATTERN, max_length=2000)] | None = None
    document: Annotated[str, StringConstraints(max_length=LARGEST_DOCUMENT_BYTES)] | None = None
    dry_run: Truth = Field(default=False, description="Only say what would be.")

    @model_validator(mode="after")
    def _one_source(self) -> ImportSchema:
        if (self.url is None) == (self.document is None):
            raise ValueError("give either url or document")
        return self


class SchemaChangeView(Schema):
    """One thing that is different in a document, in the backend's names."""

    operation: str
    place: str = Field(description="`request`, `answer 200`, `query page`; empty: the operation itself.")
    path: str
    kind: str
    sentence: str


class EffectView(Schema):
    """What a change means for a route of a version. Nothing that was published changes."""

    contract: str = Field(description="NAME@VERSION.")
    route: str
    outcome: str = Field(description="`fails`: answers or requests will be refused; `hidden`: partners don't see it.")
    sentence: str


class SchemaReport(Schema):
    """What became of an import."""

    name: str
    id: UUID | None = Field(description="Null: a dry run of a first import.")
    outcome: Literal["created", "changed", "unchanged"]
    version: int = Field(description="The number that the document has, or would have.")
    operations: int
    changes: list[SchemaChangeView] = Field(description="What is different from the version before.")
    effects: list[EffectView] = Field(description="What that means for versions of contracts that are served.")
    warnings: list[str] = Field(description="Drafts of contracts that this document leaves behind.")


class SchemasQuery(PageQuery):
    """A page of schemas."""

    backend: UUID | None = None
    name: NameFilter = None


class SchemaVersionView(Schema):
    """A document as it was at one import."""

    number: int
    sha256: str
    size_bytes: int
    operations: int
    source: str | None = Field(description="The URL that it came from; null: it was handed in.")
    imported_at: datetime


class SchemaView(Schema):
    """A backend's OpenAPI document, and its versions that are kept, the newest first."""

    id: UUID
    name: str
    backend: UUID
    created_at: datetime
    versions: list[SchemaVersionView]


class DocumentQuery(Schema):
    """Which version; null: the newest."""

    version: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None


class SchemaDocument(Schema):
    """The text that was imported."""

    version: int
    document: str


class OperationView(Schema):
    """An operation of a document."""

    operation_id: str | None
    method: str
    path: str
    tags: list[str]


class SchemaOperations(Schema):
    """The operations of a document, in its order."""

    version: int
    operations: list[OperationView]


class Draft(Body):
    """A contract in its author's form (docs/contracts.md), without its name."""

    mappings: dict[str, Any] = Field(
        default_factory=dict, description="Lists of operators, by name.", examples=[{"badge": [{"select": ["id"]}]}]
    )
    routes: dict[str, Any] = Field(
        description="By the route's name: what becomes of its requests and answers.",
        examples=[{"badges-detail": {"answers": {"200": [{"select": ["id", "name"]}]}}}],
    )


class CreateContract(Draft):
    """A contract to be made."""

    name: Slug = Field(examples=["badges-basic"])
    api: UUID
    schema_: UUID = Field(alias="schema", description="The schema that it is over.")


class CheckContract(Draft):
    """A contract to be looked at, and nothing more."""

    api: UUID
    schema_: UUID = Field(alias="schema")


class ChangeContract(Body):
    """What is to change; null leaves as it is. `routes` brings its `mappings` along: both replace what was there."""

    name: Slug | None = None
    schema_: UUID | None = Field(None, alias="schema")
    mappings: dict[str, Any] | None = None
    routes: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _with_its_routes(self) -> ChangeContract:
        if self.mappings is not None and self.routes is None:
            raise ValueError("give routes beside mappings: both replace what was there")
        return self


class DraftContract(Body):
    """Of which routes a draft is to be written."""

    api: UUID
    schema_: UUID = Field(alias="schema")
    routes: Annotated[list[Slug], Field(max_length=500)] = Field(
        [], description="Empty: all that the schema describes."
    )


class PublishContract(Body):
    """How a version begins."""

    default: Truth = Field(
        default=False, description="Its routes serve it to all to whom no other version is pinned, from now on."
    )


class DeprecateVersion(Body):
    """What partners are told of a version's end."""

    sunset_at: Moment | None = Field(None, description="When it ends; null: that is not known yet.")
    link: Annotated[str, StringConstraints(pattern=LINK_PATTERN, max_length=2000)] | None = Field(
        None, description="A page that says what to do."
    )


class HolderBody(Body):
    """Whose calls are meant: one of an application, a partner, a plan."""

    application: UUID | None = None
    partner: UUID | None = None
    plan: UUID | None = None

    @model_validator(mode="after")
    def _one_holder(self) -> HolderBody:
        if [self.application, self.partner, self.plan].count(None) != len(HolderBody.model_fields) - 1:
            raise ValueError("name one of application, partner and plan")
        return self


class ContractsQuery(PageQuery):
    """A page of contracts."""

    api: UUID | None = None
    name: NameFilter = None


class VersionView(Schema):
    """A version of a contract."""

    id: UUID
    name: str = Field(description="The day it was published on, and which one of that day.", examples=["2026-11-26"])
    state: State
    default: bool = Field(description="Whether a route serves it to whom nothing else is pinned.")
    schema_version: int = Field(description="The number of the document that it was compiled over.")
    published_at: datetime
    deprecated_at: datetime | None
    sunset_at: datetime | None
    link: str | None
    retired_at: datetime | None


class PinView(Schema):
    """Whose calls a version serves, whatever the default is."""

    kind: Literal["application", "partner", "plan"]
    holder: UUID
    name: str = Field(description="PARTNER/APPLICATION, or the name of the partner or the plan.", examples=["acme/crm"])
    version: str


class PinsQuery(PageQuery):
    """A page of pins."""


class ServingView(Schema):
    """A version that serves an application's calls of an API."""

    api: UUID
    api_name: str
    contract: str
    version: str
    by: Literal["application", "partner", "plan", "default"] = Field(
        description="Whose pin says so; `default`: none does, it is the default of routes."
    )
    state: State
    sunset_at: datetime | None


class ServedBy(Schema):
    """Which versions serve an application, for each API of its plan that has a contract."""

    items: list[ServingView]


class ContractView(Schema):
    """A contract: the draft, and its versions, the newest first."""

    id: UUID
    name: str
    api: UUID
    schema_: UUID = Field(alias="schema")
    state: Literal["draft", "published", "deprecated", "retired"] = Field(
        description="Of its newest version; `draft`: nothing is published."
    )
    mappings: dict[str, Any]
    routes: dict[str, Any]
    versions: list[VersionView]
    created_at: datetime
    changed_at: datetime


class FieldView(Schema):
    """A field that partners receive. Arrays are transparent in paths."""

    partner: str
    backend: str


class VersionRoute(Schema):
    """A route of a version, as partners see it. Schemas are JSON Schema 2020-12."""

    id: UUID
    name: str
    method: str
    path: str
    operation: str
    parameters: list[dict[str, Any]]
    request_schema: dict[str, Any] | None
    answer_schemas: dict[str, dict[str, Any]]
    fields: dict[str, list[FieldView]] = Field(description="What partners receive, by the answer's status.")


class VersionDetail(VersionView):
    """A version: as it was written, and what partners see."""

    contract: UUID
    mappings: dict[str, Any]
    terms: dict[str, Any] = Field(description="Its routes as the author wrote them.")
    routes: list[VersionRoute]
    components: dict[str, Any]


class DifferencesQuery(Schema):
    """Which two are compared."""

    before: Annotated[str | None, Field(max_length=16, description="A version; null: the newest.")] = None
    after: Annotated[str | None, Field(max_length=16, description="A version; null, or `draft`: the draft.")] = None


class ContractChange(Schema):
    """What changes for partners who go from one version to another, in their names."""

    rule: str = Field(description="Stable, for programs (docs/contract-changes.md).")
    route: str
    place: str
    path: str
    detail: str
    breaking: bool = Field(description="Whether a caller that did nothing wrong may fail.")
    exposure: bool = Field(description="Whether partners see or set something that they could not.")
    sentence: str


class ContractDifferences(Schema):
    """All that changes, what breaks first."""

    breaking: bool
    changes: list[ContractChange]


class ReaderQuery(Schema):
    """Of what a document is to tell; both null: of the whole version."""

    application: UUID | None = Field(None, description="Only what it may call, whatever the key.")
    key: KidText | None = Field(None, description="Only what a call with this key may reach.")

    @model_validator(mode="after")
    def _one_reader(self) -> ReaderQuery:
        if self.application is not None and self.key is not None:
            raise ValueError("name an application or a key: a key belongs to one")
        return self


class LeftOutView(Schema):
    """An operation that the document does not tell of, and why."""

    operation: str
    fault: str = Field(description="What a call of it would be refused by (docs/faults.md).")
    sentence: str


class VersionDocument(Schema):
    """The OpenAPI document that partners of a version read."""

    document: str
    left_out: list[LeftOutView] = Field(description="Operations of the version that the reader may not call.")


class ContractProblem(Schema):
    """One thing that is wrong with a contract."""

    pointer: str
    message: str
    near: str | None = Field(description="What was meant, perhaps.")


class CheckedRoute(Schema):
    """A route of a contract that compiles: how many fields pass, by the answer's status, and how many the schema has."""

    route: str
    operation: str
    fields: dict[str, int]


class ContractCheck(Schema):
    """What is wrong with a contract, and what it would let pass."""

    problems: list[ContractProblem]
    routes: list[CheckedRoute]


class CallsView(Schema):
    """An application that a version serves now, and its calls of the version's routes."""

    application: UUID
    name: str
    partner: str
    route: str
    calls: int


class AnsweredView(Schema):
    """An application that a version gave answers to, by its routes, in a month of UTC."""

    application: UUID
    name: str
    partner: str
    route: str = Field(description="Its name when the version was published.")
    month: str = Field(examples=["2026-11"])
    answers: int


class UsersView(Schema):
    """Who is served by a version."""

    routes: list[str] = Field(description="Those that serve it by default.")
    applications: list[str]
    partners: list[str]
    plans: list[str]
    calls: list[CallsView] = Field(description="Of the last 30 days, of all that it would serve today.")
    answered: list[AnsweredView] = Field(
        description="Whom it did serve: answers that it projected, of this month and the one before it."
    )
