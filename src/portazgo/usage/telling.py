"""Makes rows of reports readable: names beside ids, times as people write them, the way to the records of every sum."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from portazgo.kit.clock import rfc3339
from portazgo.kit.ids import parse_id
from portazgo.usage.periods import Period, moment_of
from portazgo.usage.questions import NAMED, Question, Row
from portazgo.usage.ranges import FIRST_MINUTE, LAST_MINUTE
from portazgo.usage.rollups import SUMS

if TYPE_CHECKING:
    from django.db.models import Model

_AT_ONCE = 500


def columns(question: Question) -> list[str]:
    """Name what a row of a file has, in order."""
    times = ["period", "since", "until"] if question.by_period else []
    named = [column for name in question.group_by for column in ((name, f"{name}_name") if name in NAMED else (name,))]
    return [*times, *named, *SUMS]


def documents(question: Question, only: Mapping[str, Any], rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """Tell rows, some at a time; `only`: what all of them are of beside their groups."""
    groups = question.group_by
    waiting = iter(rows)
    while some := [(row, dict(zip(groups, row.values, strict=True))) for row in islice(waiting, _AT_ONCE)]:
        names = {name: _names(NAMED[name], {told[name] for _, told in some}) for name in NAMED if name in groups}
        yield from (_document(question, only, row, told, names) for row, told in some)


def moment(minute: int) -> str:
    """Write a minute since 1970 as a time, UTC."""
    return rfc3339(moment_of(minute)).replace(".000000Z", "Z")


def _document(
    question: Question,
    only: Mapping[str, Any],
    row: Row,
    groups: Mapping[str, Any],
    names: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    period = question.periods[row.period]
    told = dict(groups)
    for name, known in names.items():
        told[f"{name}_name"] = known.get(groups[name])
    if question.by_period:
        told |= {"period": period.name, "since": moment(period.since), "until": moment(period.until)}
    sums = dict(zip(SUMS, row.sums, strict=True))
    return {**told, **sums, "traces": _traces(period, {**only, **groups})}


def _traces(period: Period, told: Mapping[str, Any]) -> str:
    """Say where the records of a sum are listed: the list is narrowed and bounded as the sum is."""
    query = {name: ("true" if value else "false") if isinstance(value, bool) else value for name, value in told.items()}
    if period.since > FIRST_MINUTE:
        query["since"] = moment(period.since)
    if period.until < LAST_MINUTE:
        query["until"] = moment(period.until)
    return "/api/v1/traces" + (f"?{urlencode(query)}" if query else "")


def _names(model: type[Model], identifiers: set[str]) -> dict[str, str]:
    wanted = [one for one in identifiers if parse_id(one) is not None]
    rows = model._default_manager.filter(id__in=wanted).values_list("id", "name")  # noqa: SLF001 - Django's name for it
    return {str(identifier): name for identifier, name in rows}
