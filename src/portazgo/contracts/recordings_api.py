"""`/api/v1/contracts/{id}/replay`: recorded answers, put through two versions of a contract."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from ninja import Query, Router, Schema
from pydantic import Field

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.contracts.models import Contract, RecordedAnswer
from portazgo.contracts.recordings import replay_recorded
from portazgo.contracts.schemas import DifferencesQuery
from portazgo.kit.web.rows import the_one

router = Router(tags=["contracts"])


class FieldReplayView(Schema):
    """One field of the partner's, and in how many recorded values the versions agree."""

    route: str
    status: int
    field: str = Field(description="In the partner's names, arrays left out.", examples=["items.owner.name"])
    unchanged: int
    changed: int
    appeared: int
    gone: int
    before: str | None = Field(description="The first that differs, redacted, as JSON; null: nothing.")
    after: str | None


class RefusedReplayView(Schema):
    """Recorded answers that a version does not let pass."""

    route: str
    status: int
    before: str | None = Field(description="Why the first version refuses them; null: it does not.")
    after: str | None
    recorded: int


class ReplayView(Schema):
    """What two versions make of what was recorded."""

    before: str
    after: str
    recorded: int = Field(description="Different answers, without their values.")
    answers: int = Field(description="Sampled answers that they stand for.")
    differs: bool
    breaking: bool = Field(description="Something is gone or another, or an answer no longer passes.")
    fields: list[FieldReplayView] = Field(description="What differs comes first.")
    refused: list[RefusedReplayView]


@router.get("/contracts/{uuid:contract_id}/replay", response=ReplayView)
def replay_contract(request: AdminRequest, contract_id: UUID, query: Query[DifferencesQuery]) -> dict[str, Any]:
    """Put recorded answers, which were redacted by the nodes, through two versions, as a node would."""
    can(request.actor, Verb.READ, RecordedAnswer.noun)
    contract = the_one(Contract.objects.select_related("api", "schema"), "contract", id=contract_id)
    done = replay_recorded(contract, query.before, query.after)
    found = done.replay
    return {
        "before": done.before,
        "after": done.after,
        "differs": found.differs,
        "breaking": found.breaking,
        **asdict(found),
    }
