"""`/api/v1/schemas`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Prefetch, prefetch_related_objects
from ninja import Query, Router, Status

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.contracts import storing
from portazgo.contracts.models import BackendSchema, SchemaVersion
from portazgo.contracts.schema_versions import version_of
from portazgo.contracts.schemas import (
    DocumentQuery,
    ImportSchema,
    SchemaDocument,
    SchemaOperations,
    SchemaReport,
    SchemasQuery,
    SchemaView,
)
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.rows import the_one
from portazgo.kit.web.schemas import PageOf
from portazgo.routes.importing import fetch_document

router = Router(tags=["schemas"])
_VERSIONS = Prefetch("versions", SchemaVersion.objects.order_by("-number").defer("document"))


@router.get("/schemas", response=PageOf[SchemaView])
def list_schemas(request: AdminRequest, query: Query[SchemasQuery]) -> Page[dict[str, Any]]:
    """List the schemas."""
    can(request.actor, Verb.READ, BackendSchema.noun)
    rows = BackendSchema.objects.all()
    if query.backend is not None:
        rows = rows.filter(backend=query.backend)
    if query.name is not None:
        rows = rows.filter(name=query.name)
    return page_of(rows.prefetch_related(_VERSIONS), query, _view)


@router.post("/schemas", response=SchemaReport)
def import_schema(request: AdminRequest, body: ImportSchema) -> storing.Report:
    """Keep an OpenAPI document of a backend, or its next version; with `dry_run` only say what would be."""
    can(request.actor, Verb.CREATE, BackendSchema.noun)
    document = body.document
    if document is None:
        document = fetch_document(body.url or "", allow_private=settings.PORTAZGO.import_allow_private)
    order = storing.Order(body.name, body.backend, document, body.url, body.dry_run)
    return storing.import_schema(request.actor, order, clock=request.clock)


@router.get("/schemas/{uuid:schema_id}", response=SchemaView)
def show_schema(request: AdminRequest, schema_id: UUID) -> dict[str, Any]:
    """Show a schema."""
    return _view(_readable(request, schema_id))


@router.get("/schemas/{uuid:schema_id}/document", response=SchemaDocument)
def show_schema_document(request: AdminRequest, schema_id: UUID, query: Query[DocumentQuery]) -> dict[str, Any]:
    """Give the text of a version."""
    version = version_of(_readable(request, schema_id), query.version)
    return {"version": version.number, "document": version.document}


@router.get("/schemas/{uuid:schema_id}/operations", response=SchemaOperations)
def list_schema_operations(request: AdminRequest, schema_id: UUID, query: Query[DocumentQuery]) -> dict[str, Any]:
    """List the operations of a version."""
    version = version_of(_readable(request, schema_id), query.version)
    return {"version": version.number, "operations": storing.operations_of(version.document)}


@router.delete("/schemas/{uuid:schema_id}", response={204: None})
def delete_schema(request: AdminRequest, schema_id: UUID) -> Status[None]:
    """Remove a schema that no contract is over."""
    storing.delete(request.actor, schema_id, clock=request.clock)
    return Status(204, None)


def _readable(request: AdminRequest, identifier: UUID) -> BackendSchema:
    can(request.actor, Verb.READ, BackendSchema.noun)
    return the_one(BackendSchema.objects.all(), "schema", id=identifier)


def _view(schema: BackendSchema) -> dict[str, Any]:
    prefetch_related_objects([schema], _VERSIONS)  # a list has read them already
    return {
        "id": schema.id,
        "name": schema.name,
        "backend": schema.backend_id,
        "created_at": schema.created_at,
        "versions": [_version(one) for one in schema.versions.all()],
    }


def _version(version: SchemaVersion) -> dict[str, Any]:
    return {
        "number": version.number,
        "sha256": version.sha256,
        "size_bytes": version.size_bytes,
        "operations": version.operations,
        "source": version.source or None,
        "imported_at": version.imported_at,
    }
