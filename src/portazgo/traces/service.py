"""Use cases: find records, put names to ids, tell what happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from portazgo.applications.models import Application
from portazgo.faults.catalogue import by_code
from portazgo.kit.errors import NotFound
from portazgo.kit.ids import parse_id
from portazgo.partners.models import Partner
from portazgo.partners.personal import revealed
from portazgo.routes.models import Route
from portazgo.traces import reading
from portazgo.traces.domain import Filter, Record, duration_us, sentence

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from django.db.models import Model

NAMED: dict[str, type[Model]] = {"partner": Partner, "application": Application, "route": Route}


def show(request_id: UUID) -> dict[str, Any]:
    """Tell one call. Raises NotFound, also while its record is still on its way (about a second)."""
    record = reading.by_request_id(request_id)
    if record is None:
        raise NotFound(
            f"there is no record of request {request_id}",
            code="trace_unknown",
            remedy="records arrive about a second after the answer; check the id in the answer's X-Request-Id",
        )
    return tell([record])[0]


def tell(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Make records readable: names beside ids, times, the fault's blame and sentences."""
    listed = revealed(records)
    names = {member: _names(model, {record[member] for record in listed}) for member, model in NAMED.items()}
    return [_document(record, names) for record in listed]


def matching(query: Filter) -> Filter:
    """Narrow by names as well as by ids: a partner's, application's or route's name becomes its id."""
    changes: dict[str, str] = {}
    for member, model in NAMED.items():
        wanted = getattr(query, member)
        if wanted is not None and parse_id(wanted) is None:
            found = model._default_manager.filter(name=wanted).values_list("id", flat=True).first()  # noqa: SLF001 - Django's name for it
            changes[member] = str(found) if found is not None else wanted
    return replace(query, **changes)  # type: ignore[arg-type]  # the members named are texts


def _names(model: type[Model], identifiers: set[str | None]) -> dict[str, str]:
    wanted = [identifier for identifier in identifiers if identifier is not None]
    rows = model._default_manager.filter(id__in=wanted).values_list("id", "name")  # noqa: SLF001 - Django's own name for it
    return {str(identifier): name for identifier, name in rows}


def _document(record: Record, names: dict[str, dict[str, str]]) -> dict[str, Any]:
    fault = by_code()[record["fault"]] if record["fault"] is not None else None
    return {
        **record,
        **{f"{member}_name": names[member].get(record[member] or "") for member in NAMED},
        "started_at": _moment(record["started_at_us"]),
        "duration_ms": duration_us(record) / 1000,
        "blame": fault.blame if fault else None,
        "phase": fault.phase if fault else None,
        "sentence": sentence(record),
        "next_step": fault.next_step if fault else None,
    }


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)
