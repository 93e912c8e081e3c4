"""Use cases: answers and requests that nodes recorded without values, and what two versions of a contract make of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from portazgo import _native
from portazgo.contracts.comparing import DRAFT, compiled
from portazgo.contracts.expectations import by_expectation
from portazgo.contracts.models import Contract, RecordedBody
from portazgo.contracts.publishing import newest
from portazgo.contracts.recording.forms import NotRecorded
from portazgo.contracts.recording.redacting import redact
from portazgo.contracts.recording.replaying import Recorded, Replay, replay
from portazgo.contracts.recording.requests import redact_request
from portazgo.contracts.sightings import FIELDS, Sightings
from portazgo.kit.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from portazgo.contracts.expectations import Expected
    from portazgo.contracts.language.routes import Recording
    from portazgo.kit.clock import Clock


@dataclass(frozen=True, slots=True)
class ToldBody:
    """One redacted answer, or request (no status), as a node tells it."""

    contract_version: int
    route: UUID
    status: int | None
    document: str
    seen: Sightings


def keep_recorded(told: Sequence[ToldBody], *, clock: Clock) -> None:
    """Keep what a node recorded, where the contract's version asks for it.

    It is redacted once more by what the schema and the version say here: what a node sends that did it right stays as it is.
    """
    now = clock.now()
    forget_recorded(now)
    for expected, bodies in by_expectation(told):
        if expected.recording is None:
            continue
        for one in bodies:
            try:
                document = _redacted(expected, one)
            except NotRecorded:
                continue
            _keep_one(expected, expected.recording, replace(one, document=document), now)


def _redacted(expected: Expected, told: ToldBody) -> str:
    if told.status is not None:
        return redact(expected.expectation, expected.known, told.status, told.document.encode())
    if expected.rules is None:
        raise NotRecorded
    return redact_request(expected.rules, told.document.encode(), _native)


def forget_recorded(now: datetime) -> int:
    """Delete what has been kept for as long as its contract said. Returns how many."""
    return RecordedBody.objects.filter(ends_at__lte=now).delete()[0]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What two versions make of what was recorded."""

    before: str
    after: str
    replay: Replay


def replay_recorded(contract: Contract, before: str | None, after: str | None) -> Replayed:
    """Put what was recorded through two versions: the newest unless another is named, and the draft unless one is.

    Raises NotFound (`contract_version_unknown`; `nothing_recorded`), Invalid (`contract_refused`).
    """
    if before is None:
        version = newest(contract)
        if version is None:
            raise NotFound("nothing of the contract is published", code="contract_version_unknown")
        before = version.name
    after = after or DRAFT
    old, new = compiled(contract, before), compiled(contract, after)
    rows = contract.recorded.order_by("route", "status", "first_seen", "id")
    recorded = [Recorded(row.route, row.status, row.document.encode(), row.answers) for row in rows]
    if not recorded:
        raise NotFound(
            "no answer and no request was recorded for the contract",
            code="nothing_recorded",
            remedy="write `recording: true` into a route of the contract, publish it, and wait for calls",
        )
    return Replayed(before, after, replay(recorded, old, new, _native))


@transaction.atomic
def _keep_one(expected: Expected, recording: Recording, told: ToldBody, now: datetime) -> None:
    # Two nodes that tell at once must not pass the bound together.
    contract = Contract.objects.select_for_update().get(id=expected.contract.id)
    key = hashlib.sha256(
        json.dumps([expected.route, expected.operation, told.status, told.document]).encode()
    ).hexdigest()
    seen = told.seen.until(now)
    row = contract.recorded.filter(key=key).first()
    if row is not None:
        seen.add_to(row)
        row.ends_at = row.last_seen + timedelta(days=recording.days)
        row.save(update_fields=[*FIELDS, "ends_at"])
        return
    if contract.recorded.filter(route=expected.route, status=told.status).count() >= recording.answers:
        return
    RecordedBody.objects.create(
        contract=contract,
        route=expected.route,
        operation=expected.operation,
        status=told.status,
        document=told.document,
        ends_at=seen.last_seen + timedelta(days=recording.days),
        key=key,
        **asdict(seen),
    )
