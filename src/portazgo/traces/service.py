"""Use cases: find records, put names to ids, tell what happened."""

from __future__ import annotations

from collections.abc import Callable
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
from portazgo.traces.domain import Filter, OneOf, Record, duration_us, sentence

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from django.db.models import Model, QuerySet

NAMED: dict[str, type[Model]] = {"partner": Partner, "application": Application, "route": Route}
VersionNames = Callable[[set[int]], dict[int, str]]
_version_names: list[VersionNames] = []
MOST_OF_A_NAME = 1_000


def name_versions_by(names: VersionNames) -> None:
    """Have versions of contracts named by the numbers that records have: the noun that knows them is above this one."""
    _version_names.append(names)


def show(request_id: UUID) -> dict[str, Any]:
    """Tell one call. Raises NotFound, also while its record is still on its way (about a second)."""
    return tell([find(request_id)])[0]


def find(request_id: UUID, *, partner: str | None = None, asker: str | None = None) -> Record:
    """Find one call, of this partner where one is given. `asker`: the partner whose token asks; None: an operator's.

    Raises NotFound, also while its record is still on its way; Unavailable.
    """
    record = reading.by_request_id(request_id, asker=asker)
    if record is None or (partner is not None and record["partner"] != partner):
        raise NotFound(
            f"there is no record of request {request_id}",
            code="trace_unknown",
            remedy="records arrive about a second after the answer; check the id in the answer's X-Request-Id",
        )
    return record


def tell(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Make records readable for operators: all that is in them, what is personal unsealed."""
    return told(revealed(records))


def told(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Make records readable: names beside ids, times, the fault's blame and sentences."""
    listed = list(records)
    names = {member: _names(model, {record[member] for record in listed}) for member, model in NAMED.items()}
    versions = _versions({record["contract_version"] for record in listed} - {None})
    return [_document(record, names) | {"contract": versions.get(record["contract_version"])} for record in listed]


def _versions(numbers: set[int]) -> dict[int, str]:
    return {number: name for known in _version_names for number, name in known(numbers).items()} if numbers else {}


def matching(query: Filter) -> Filter:
    """Narrow by names as well as by ids: what is called so becomes its ids; of several partners, unless one is named."""
    query = replace(query, partner=_identified(Partner.objects.all(), query.partner))
    applications = Application.objects.all()
    if query.partner:
        applications = applications.filter(partner_id__in=_ids(query.partner))
    return replace(
        query,
        application=_identified(applications, query.application),
        route=_identified(Route.objects.all(), query.route),
    )


def _identified(rows: QuerySet[Any], wanted: OneOf | None) -> OneOf | None:
    if not isinstance(wanted, str) or not wanted or parse_id(wanted) is not None:
        return wanted
    found = rows.filter(name=wanted).values_list("id", flat=True)[:MOST_OF_A_NAME]
    # What nothing is called stays as it is, and matches nothing.
    return tuple(str(identifier) for identifier in found) or wanted


def _ids(wanted: OneOf) -> list[UUID]:
    texts = wanted if isinstance(wanted, tuple) else (wanted,)
    return [identifier for identifier in map(parse_id, texts) if identifier is not None]


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
