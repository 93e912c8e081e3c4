"""`/api/v1/schemas/drift`: in what backends' answers differ from their schemas."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Query, Router, Schema
from pydantic import Field

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.contracts.drifting import meaning_of
from portazgo.contracts.models import SchemaDrift
from portazgo.contracts.schemas import EffectView
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.schemas import PageOf, PageQuery

router = Router(tags=["schemas"])


class DriftQuery(PageQuery):
    """A page of findings."""

    schema_: UUID | None = Field(None, alias="schema")


class DriftView(Schema):
    """In what answers differ from the schema: a place and types, never a value."""

    id: UUID
    schema_: UUID = Field(alias="schema")
    schema_name: str
    schema_version: int = Field(description="The number of the document that was compared with last.")
    operation: str = Field(description="As contracts name it.")
    status: int
    kind: Literal["new", "missing", "retyped", "unknown_status"] = Field(
        description="`missing`: a member that the schema requires; `unknown_status`: the schema has no such JSON answer."
    )
    path: str = Field(
        description="In the backend's names, arrays left out. `*`: a member whose name may be a value, or a map's values.",
        examples=["owner.nick_name"],
    )
    found: str | None = Field(description="The JSON type that came; null: none did.", examples=["string"])
    expected: str | None = Field(description="The types that the schema has; null: none.", examples=["integer or null"])
    answers: int = Field(description="Sampled answers that showed it.")
    first_seen: datetime
    last_seen: datetime
    effects: list[EffectView] = Field(description="What it means for versions of contracts that are served.")


@router.get("/schemas/drift", response=PageOf[DriftView], by_alias=True)
def list_drift(request: AdminRequest, query: Query[DriftQuery]) -> Page[dict[str, Any]]:
    """List in what sampled answers differ from the newest document of their schema."""
    can(request.actor, Verb.READ, SchemaDrift.noun)
    rows = SchemaDrift.objects.select_related("schema")
    if query.schema_ is not None:
        rows = rows.filter(schema=query.schema_)
    page = page_of(rows, query, lambda row: row)
    effects = meaning_of(page.items)
    return Page([_view(row) | {"effects": effects[row.id]} for row in page.items], page.next_cursor)


def _view(row: SchemaDrift) -> dict[str, Any]:
    return {
        "id": row.id,
        "schema": row.schema_id,
        "schema_name": row.schema.name,
        "schema_version": row.schema_version,
        "operation": row.operation,
        "status": row.status,
        "kind": row.kind,
        "path": row.path,
        "found": row.found or None,
        "expected": row.expected or None,
        "answers": row.answers,
        "first_seen": row.first_seen,
        "last_seen": row.last_seen,
    }
