"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field, StringConstraints, model_validator

from portazgo.kit.names import SLUG_PATTERN
from portazgo.kit.web.schemas import Body, NameFilter, PageQuery, Truth
from portazgo.routes.importing import LARGEST_DOCUMENT_BYTES

Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=63)]


class ImportSchema(Body):
    """An OpenAPI document (3.0 or 3.1), by URL or as text, JSON or YAML, to be kept under a name."""

    name: Slug = Field(examples=["insignia"])
    backend: UUID
    url: Annotated[str, StringConstraints(pattern=r"^https?://", max_length=2000)] | None = None
    document: Annotated[str, StringConstraints(max_length=LARGEST_DOCUMENT_BYTES)] | None = None
    dry_run: Truth = Field(default=False, description="Only say what would be.")

    @model_validator(mode="after")
    def _one_source(self) -> ImportSchema:
        if (self.url is None) == (self.document is None):
            raise ValueError("give either url or document")
        return self


class SchemaReport(Schema):
    """What became of an import."""

    name: str
    id: UUID | None = Field(description="Null: a dry run of a first import.")
    outcome: Literal["created", "changed", "unchanged"]
    version: int = Field(description="The number that the document has, or would have.")
    operations: int
    warnings: list[str]


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
