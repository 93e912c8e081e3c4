"""Use cases: in what backends' answers differ from their schemas, as nodes tell it, and what that means for contracts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from portazgo.contracts.compilation import restored
from portazgo.contracts.differences.effects import Effect, effects
from portazgo.contracts.differences.schemas import Kind as ChangeKind
from portazgo.contracts.differences.schemas import SchemaChange
from portazgo.contracts.drift.finding import Finding, Kind, is_a_name, still_stands
from portazgo.contracts.drift.merging import FINDINGS_OF_ONE, crowded
from portazgo.contracts.expectations import by_expectation, expectation_in
from portazgo.contracts.language.paths import ANY, format_path, read_path
from portazgo.contracts.models import SchemaDrift
from portazgo.contracts.sightings import FIELDS, Sightings
from portazgo.notifications.events import SchemaDrifted
from portazgo.notifications.outbox import publish

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from portazgo.contracts.compiling import CompiledContract
    from portazgo.contracts.expectations import Expected
    from portazgo.contracts.models import BackendSchema, SchemaVersion
    from portazgo.kit.clock import Clock

FORGOTTEN_AFTER = timedelta(days=30)
"""What no sample has shown for so long is past."""
_KINDS = {Kind.NEW: ChangeKind.NEW, Kind.MISSING: ChangeKind.OPTIONAL, Kind.RETYPED: ChangeKind.RETYPED}


@dataclass(frozen=True, slots=True)
class Told:
    """One finding as a node tells it."""

    contract_version: int
    route: UUID
    schema_version: int
    status: int
    finding: Finding
    seen: Sightings


def keep(told: Sequence[Told], *, clock: Clock) -> None:
    """Add what a node tells to what is known. What was compared with an older document is left: the node asks again soon."""
    now = clock.now()
    SchemaDrift.objects.filter(last_seen__lt=now - FORGOTTEN_AFTER).delete()
    for expected, found in by_expectation(told):
        with transaction.atomic():
            for one in found:
                if one.schema_version == expected.number:
                    _keep_one(expected, one, now)
            _fold(expected.schema, expected.operation)


def settle(schema: BackendSchema, document: SchemaVersion) -> None:
    """Forget what a new document declares as it was found; within the import's transaction."""
    for operation in set(schema.drift.values_list("operation", flat=True)):
        expectation = expectation_in(document, operation)
        for row in schema.drift.filter(operation=operation):
            finding = finding_of(row)
            stands = None if expectation is None else still_stands(finding, row.status, expectation)
            if stands is None:
                row.delete()
            else:
                row.schema_version = document.number
                row.save(update_fields=["schema_version"])


def meaning_of(rows: Iterable[SchemaDrift]) -> dict[UUID, list[Effect]]:
    """Say what findings mean for the versions that are served, by the finding's id; what fails comes first."""
    served: dict[UUID, Mapping[str, CompiledContract]] = {}
    told: dict[UUID, list[Effect]] = {}
    for row in rows:
        if row.schema_id not in served:
            served[row.schema_id] = _served(row.schema)
        kind = _KINDS.get(Kind(row.kind))
        if kind is None:
            told[row.id] = []
            continue
        path = "" if row.path == format_path(()) else row.path
        detail = f"{row.found} came, {row.expected} was declared" if row.kind == Kind.RETYPED else ""
        change = SchemaChange(row.operation, f"answer {row.status}", path, kind, detail)
        told[row.id] = effects([change], served[row.schema_id])
    return told


def finding_of(row: SchemaDrift) -> Finding:
    """Give a row as it was compared."""
    return Finding(Kind(row.kind), row.path, row.found, row.expected)


def _served(schema: BackendSchema) -> dict[str, CompiledContract]:
    return {
        f"{contract.name}@{version.name}": restored(version.compiled)
        for contract in schema.contracts.order_by("name")
        for version in contract.versions.filter(retired_at=None).order_by("published_at")
    }


def _keep_one(expected: Expected, told: Told, now: datetime) -> None:
    finding = _nameless(told.finding)
    seen = told.seen.until(now)
    key = _key(expected.operation, told.status, finding)
    row = expected.schema.drift.select_for_update().filter(key=key).first()
    if row is not None:
        row.schema_version, row.expected = expected.number, finding.expected
        seen.add_to(row)
        row.save()
        return
    if expected.schema.drift.filter(operation=expected.operation, status=told.status).count() >= FINDINGS_OF_ONE:
        return
    SchemaDrift.objects.create(
        schema=expected.schema,
        schema_version=expected.number,
        operation=expected.operation,
        status=told.status,
        kind=finding.kind,
        path=finding.path,
        found=finding.found,
        expected=finding.expected,
        key=key,
        **asdict(seen),
    )
    _tell(expected, told.status, finding, seen.first_seen, now)


def _nameless(finding: Finding) -> Finding:
    """The same without a name that may be a value: what nodes tell is checked as what they are told."""
    path = read_path(finding.path)
    if finding.kind is not Kind.NEW or not path or path[-1] == ANY or is_a_name(path[-1]):
        return finding
    return Finding(finding.kind, format_path((*path[:-1], ANY)), finding.found, finding.expected)


def _fold(schema: BackendSchema, operation: str) -> None:
    """Take the names from new members of places that have had too many of them."""
    rows = list(schema.drift.filter(operation=operation, kind=Kind.NEW))
    by_status: dict[int, list[SchemaDrift]] = {}
    for row in rows:
        by_status.setdefault(row.status, []).append(row)
    for status, of_status in by_status.items():
        places = crowded(finding_of(row) for row in of_status)
        for row in of_status:
            *around, name = read_path(row.path)
            if tuple(around) in places and name != ANY:
                _take_name(row, status)


def _take_name(row: SchemaDrift, status: int) -> None:
    *around, _ = read_path(row.path)
    nameless = Finding(Kind.NEW, format_path((*around, ANY)), row.found)
    key = _key(row.operation, status, nameless)
    known = SchemaDrift.objects.filter(schema=row.schema_id, key=key).first()
    if known is None:
        row.path, row.key = nameless.path, key
        row.save(update_fields=["path", "key"])
        return
    Sightings(row.answers, row.first_seen, row.last_seen).add_to(known)
    known.save(update_fields=FIELDS)
    row.delete()


def _tell(expected: Expected, status: int, finding: Finding, first: datetime, now: datetime) -> None:
    """Publish that an operation's answers differ: once for each document, so that fifty new fields are one event."""
    data = SchemaDrifted(
        schema_id=str(expected.schema.id),
        schema_name=expected.schema.name,
        schema_version=expected.number,
        operation=expected.operation,
        status=status,
        kind=finding.kind.value,
        path=finding.path,
        first_seen=first,
    )
    once = hashlib.sha256(json.dumps([str(expected.schema.id), expected.number, expected.operation]).encode())
    publish(data, partner=None, at=now, once=f"{data.event}:{once.hexdigest()[:32]}")


def _key(operation: str, status: int, finding: Finding) -> str:
    told = [operation, status, finding.kind.value, finding.path, finding.found]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
