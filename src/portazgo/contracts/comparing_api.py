"""`/api/v1/contracts/{id}/diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from ninja import Query, Router, Schema
from pydantic import Field

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.contracts import comparing
from portazgo.contracts.models import Contract
from portazgo.kit.web.rows import the_one

if TYPE_CHECKING:
    from portazgo.contracts.differences.rules import Change

router = Router(tags=["contracts"])

VersionOrDraft = Annotated[str | None, Field(None, max_length=16, description="A version's name, or `draft`.")]


class DiffQuery(Schema):
    """From which version to which."""

    old: VersionOrDraft
    new: VersionOrDraft


class ContractChangeView(Schema):
    """One difference, by the rules of docs/contract-changes.md."""

    rule: str = Field(examples=["answer-field-removed"])
    breaking: bool = Field(description="A caller that did nothing wrong may fail.")
    exposure: bool = Field(description="Partners see or set something that they could not before.")
    route: str
    place: str = Field(examples=["answer 200", "request", "query limit"])
    path: str = Field(description="What lies below the place, in the partner's names; empty: all of it.")
    detail: str
    sentence: str


class DiffView(Schema):
    """What changes for partners."""

    old: str | None = Field(description="Null: nothing was published yet.")
    new: str
    breaking: bool
    changes: list[ContractChangeView]


@router.get("/contracts/{uuid:contract_id}/diff", response=DiffView)
def diff_contract(request: AdminRequest, contract_id: UUID, query: Query[DiffQuery]) -> dict[str, Any]:
    """Say what changes for partners from a version (the newest) to another (the draft), and what breaks them."""
    found = comparing.diff(readable(request, contract_id), query.old, query.new)
    return {
        "old": found.old,
        "new": found.new,
        "breaking": found.breaking,
        "changes": [_change(change) for change in found.changes],
    }


def readable(request: AdminRequest, identifier: UUID) -> Contract:
    """Find a contract that the caller may read. Raises Forbidden, NotFound."""
    can(request.actor, Verb.READ, Contract.noun)
    return the_one(Contract.objects.select_related("api", "schema"), "contract", id=identifier)


def _change(change: Change) -> dict[str, Any]:
    return {
        "rule": change.rule,
        "breaking": change.breaking,
        "exposure": change.exposure,
        "route": change.route,
        "place": change.place,
        "path": change.path,
        "detail": change.detail,
        "sentence": change.sentence,
    }
