"""`/api/v1/contracts/{id}/replay`: recorded answers and requests, put through two versions of a contract."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from ninja import Query, Router, Schema
from pydantic import Field

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.contracts.models import Contract, RecordedBody
from portazgo.contracts.recording.replaying import FieldReplayed, Kind, RefusedReplayed, kind_of
from portazgo.contracts.recordings import replay_recorded
from portazgo.contracts.schemas import DifferencesQuery
from portazgo.kit.web.rows import the_one

router = Router(tags=["contracts"])


class FieldReplayView(Schema):
    """One field, and in how many recorded values the versions agree."""

    kind: Kind
    route: str
    status: int | None = Field(description="The backend's; null: of a request.")
    field: str = Field(
        description="Arrays left out. Of an answer in the partner's names, of a request in the backend's.",
        examples=["items.owner.name"],
    )
    unchanged: int
    changed: int
    appeared: int
    gone: int
    before: str | None = Field(description="The first that differs, redacted, as JSON; null: nothing.")
    after: str | None


class RefusedReplayView(Schema):
    """Recorded answers or requests that a version does not let pass."""

    kind: Kind
    route: str
    status: int | None = Field(description="The backend's; null: of a request.")
    before: str | None = Field(description="Why the first version refuses them, and where; null: it does not.")
    after: str | None
    recorded: int


class ReplayView(Schema):
    """What two versions make of what was recorded."""

    before: str
    after: str
    recorded: int = Field(description="Different answers and requests, without their values.")
    answers: int = Field(description="Sampled answers that they stand for.")
    requests: int = Field(description="Sampled requests that they stand for.")
    differs: bool
    breaking: bool = Field(description="Something that partners get is gone or another, or a body no longer passes.")
    fields: list[FieldReplayView] = Field(description="What differs comes first.")
    refused: list[RefusedReplayView]


@router.get("/contracts/{uuid:contract_id}/replay", response=ReplayView)
def replay_contract(request: AdminRequest, contract_id: UUID, query: Query[DifferencesQuery]) -> dict[str, Any]:
    """Put recorded answers and requests, which were redacted by the nodes, through two versions, as a node would."""
    can(request.actor, Verb.READ, RecordedBody.noun)
    contract = the_one(Contract.objects.select_related("api", "schema"), "contract", id=contract_id)
    done = replay_recorded(contract, query.before, query.after)
    found = done.replay
    return {
        "before": done.before,
        "after": done.after,
        "differs": found.differs,
        "breaking": found.breaking,
        **asdict(found),
        "fields": [_told(one) for one in found.fields],
        "refused": [_told(one) for one in found.refused],
    }


def _told(one: FieldReplayed | RefusedReplayed) -> dict[str, Any]:
    return {"kind": kind_of(one.status), **asdict(one)}
