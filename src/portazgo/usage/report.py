"""Usage per company: what is asked for, added up, with names beside ids and the way to the records of every sum."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from portazgo.applications.models import Application
from portazgo.faults.catalogue import by_code
from portazgo.kit.clock import rfc3339
from portazgo.kit.errors import Invalid
from portazgo.kit.ids import parse_id
from portazgo.partners.models import Partner
from portazgo.routes.models import Route
from portazgo.usage.periods import Period, moment_of
from portazgo.usage.ranges import FIRST_MINUTE, LAST_MINUTE, TooFine
from portazgo.usage.reading import Narrowed, TooMany, add_up
from portazgo.usage.rollups import SUMS

if TYPE_CHECKING:
    from django.db.models import Model

GROUPS = ("partner", "application", "kid", "route", "environment", "fault", "blame", "billable")
NAMED: dict[str, type[Model]] = {"partner": Partner, "application": Application, "route": Route}
DERIVED = {"environment": "application", "blame": "fault"}
"""What is no member of a sum, and the member that it follows from."""
MOST_ROWS = 20_000
MOST_SUMS = 100_000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Question:
    """What a report is about. `only` has a value for each member that it is narrowed by; "" asks for what has none."""

    periods: Sequence[Period]
    by_period: bool
    group_by: Sequence[str]
    only: Mapping[str, str | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One sum; `told` by the names of GROUPS, "" where there is none."""

    period: Period
    told: Mapping[str, Any]
    sums: tuple[int, ...]


def report(question: Question) -> list[Row]:
    """Answer, by period and most requests first. Raises Invalid: too fine, too many rows, a name that several have."""
    only = {name: _identified(name, value, question.only) for name, value in question.only.items()}
    environment = only.pop("environment", None)
    wanted = [*question.group_by, *(["environment"] if environment is not None else [])]
    members = tuple(dict.fromkeys(DERIVED.get(name, name) for name in wanted))
    # Several sums become one row where a group follows from a member.
    most = MOST_ROWS if set(wanted).isdisjoint(DERIVED) else MOST_SUMS
    try:
        found = add_up(question.periods, members, _narrowed(only), most)
    except TooFine as problem:
        raise _too_fine(problem) from None
    except TooMany:
        raise _too_many() from None
    sums = _merged(found, members, question.group_by, environment)
    if len(sums) > MOST_ROWS:
        raise _too_many()
    told = {name: value for name, value in {**only, "environment": environment}.items() if value is not None}
    rows = [
        Row(question.periods[number], {**told, **dict(zip(question.group_by, values, strict=True))}, tuple(there))
        for (number, values), there in sums.items()
    ]
    if not rows and not question.group_by and not question.by_period:
        rows = [Row(question.periods[0], told, (0,) * len(SUMS))]
    return sorted(
        rows, key=lambda row: (row.period.since, -row.sums[0], [str(row.told[name]) for name in question.group_by])
    )


def _too_many() -> Invalid:
    return Invalid(
        f"the report would have more than {MOST_ROWS:,} rows",
        [{"pointer": "/group_by", "message": "this makes too many rows"}],
        code="usage_too_many_rows",
        remedy="ask for a shorter range or a longer interval, group by less, or narrow it to a partner or route",
    )


def documents(question: Question, rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Make rows readable, some at a time: names beside ids, and where the records of each are listed."""
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        names = {
            name: _names(model, {row.told[name] for row in some})
            for name, model in NAMED.items()
            if name in question.group_by
        }
        yield from (_document(question, row, names) for row in some)


def _document(question: Question, row: Row, names: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    period = row.period
    told: dict[str, Any] = {name: row.told[name] for name in question.group_by}
    for name, known in names.items():
        told[f"{name}_name"] = known.get(row.told[name])
    if question.by_period:
        told |= {"period": period.name, "since": _moment(period.since), "until": _moment(period.until)}
    return {**told, **dict(zip(SUMS, row.sums, strict=True)), "traces": _traces(row)}


def _traces(row: Row) -> str:
    """Say where the records of a sum are listed: the list is narrowed and bounded as the sum is."""
    query = {
        name: ("true" if value else "false") if isinstance(value, bool) else value for name, value in row.told.items()
    }
    if row.period.since > FIRST_MINUTE:
        query["since"] = _moment(row.period.since)
    if row.period.until < LAST_MINUTE:
        query["until"] = _moment(row.period.until)
    return "/api/v1/traces" + (f"?{urlencode(query)}" if query else "")


def _merged(
    found: Iterable[Any], members: Sequence[str], group_by: Sequence[str], environment: object
) -> dict[tuple[int, tuple[Any, ...]], list[int]]:
    """Add up by what was asked for: environments follow from applications, blame from faults."""
    rows = list(found)
    place = {name: number for number, name in enumerate(members)}
    asks = environment is not None or "environment" in group_by
    environments = _environments({row.members[place["application"]] for row in rows} if asks else set())
    blames = {"": "", **{code: str(fault.blame) for code, fault in by_code().items()}}

    def value(name: str, values: Sequence[Any]) -> Any:
        if name == "environment":
            return environments.get(values[place["application"]], "")
        if name == "blame":
            return blames.get(values[place["fault"]], "")
        return bool(values[place[name]]) if name == "billable" else values[place[name]]

    merged: dict[tuple[int, tuple[Any, ...]], list[int]] = {}
    for row in rows:
        if environment is not None and value("environment", row.members) != environment:
            continue
        key = row.period, tuple(value(name, row.members) for name in group_by)
        there = merged.setdefault(key, [0] * len(SUMS))
        for number, one in enumerate(row.sums):
            there[number] += one
    return merged


def _narrowed(only: Mapping[str, str | bool]) -> Narrowed:
    narrowed: dict[str, tuple[str, ...] | bool] = {}
    for name, value in only.items():
        if name == "blame":
            codes = {code for code, fault in by_code().items() if fault.blame == value} if value else {""}
            known = narrowed.get("fault")
            narrowed["fault"] = tuple(sorted(codes & set(known) if isinstance(known, tuple) else codes)) or ("\x7f",)
        elif name == "fault" and "fault" in narrowed:
            both = {value} & set(narrowed["fault"])  # type: ignore[arg-type]  # a tuple of codes
            narrowed["fault"] = tuple(both) or ("\x7f",)  # type: ignore[arg-type]  # no fault is called so
        else:
            narrowed[name] = value if isinstance(value, bool) else (value,)
    return narrowed


def _identified(name: str, value: str | bool, only: Mapping[str, str | bool]) -> str | bool:  # noqa: FBT001 - a member's value
    """Give the id of what is called so; what nothing is called stays as it is, and matches nothing."""
    model = NAMED.get(name)
    if model is None or not isinstance(value, str) or not value or parse_id(value) is not None:
        return value
    found = model._default_manager.filter(name=value)  # noqa: SLF001 - Django's name for it
    if name == "application" and only.get("partner"):
        found = found.filter(partner_id=parse_id(str(_identified("partner", only["partner"], only))))
    ids = [str(one) for one in found.values_list("id", flat=True)[:2]]
    if len(ids) > 1:
        raise Invalid.at(f"/{name}", f"several are called {value!r}: write the id", code="name_ambiguous")
    return ids[0] if ids else value


def _names(model: type[Model], identifiers: set[str]) -> dict[str, str]:
    wanted = [one for one in identifiers if parse_id(one) is not None]
    rows = model._default_manager.filter(id__in=wanted).values_list("id", "name")  # noqa: SLF001 - Django's name for it
    return {str(identifier): name for identifier, name in rows}


def _environments(applications: set[str]) -> dict[str, str]:
    wanted = [one for one in applications if parse_id(one) is not None]
    known: dict[str, str] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        rows = Application.objects.filter(id__in=wanted[start : start + _AT_ONCE]).values_list("id", "environment")
        known |= {str(identifier): environment for identifier, environment in rows}
    return known


def _too_fine(problem: TooFine) -> Invalid:
    kept = f"sums by {problem.level.name} or longer"
    if problem.since is None or problem.until is None:
        remedy = f"nothing is kept from before {_moment(problem.kept_from)}: ask from then on"
    else:
        remedy = (
            f"ask for {kept}, such as {_moment(problem.since)} to {_moment(problem.until)}, "
            f"or from {_moment(problem.kept_from)} on"
        )
    return Invalid(
        f"sums this fine are kept since {_moment(problem.kept_from)} only",
        [{"pointer": "/since", "message": f"what lies before is kept as {kept} only"}],
        code="usage_too_fine",
        remedy=remedy,
    )


def _moment(minute: int) -> str:
    return rfc3339(moment_of(minute)).replace(".000000Z", "Z")
