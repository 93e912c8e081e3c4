"""Usage per company: what is asked for, added up, with names beside ids and the way to the records of every sum."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
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
from portazgo.usage.reading import Narrowed, Sum, TooMany, add_up
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


class Row(NamedTuple):
    """One sum: the number of its period, what it is of in the order of `group_by`, "" where there is none, and the sums."""

    period: int
    values: tuple[Any, ...]
    sums: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """An answer. `only`: what every row is of beside its groups, by the names of GROUPS."""

    question: Question
    only: Mapping[str, Any]
    rows: Sequence[Row]


def report(question: Question) -> Report:
    """Answer, by period and most requests first. Raises Invalid: too fine, too many rows, a name that several have."""
    only = {name: _identified(name, value, question.only) for name, value in question.only.items()}
    told = dict(only)
    environment = only.pop("environment", None)
    wanted = [*question.group_by, *(["environment"] if environment is not None else [])]
    members = tuple(dict.fromkeys(DERIVED.get(name, name) for name in wanted))
    # Several sums become one row where a group follows from a member.
    follows = not set(wanted).isdisjoint(DERIVED)
    try:
        found = add_up(question.periods, members, _narrowed(only), MOST_SUMS if follows else MOST_ROWS)
    except TooFine as problem:
        raise _too_fine(problem) from None
    except TooMany:
        raise _too_many() from None
    rows = _merged(found, members, question.group_by, environment) if follows else _told(found, members)
    if len(rows) > MOST_ROWS:
        raise _too_many()
    if not rows and not question.group_by and not question.by_period:
        rows = [Row(0, (), (0,) * len(SUMS))]
    rows.sort(key=lambda row: (row.period, -row.sums[0], row.values))
    return Report(question, told, rows)


def _too_many() -> Invalid:
    return Invalid(
        f"the report would have more than {MOST_ROWS:,} rows",
        [{"pointer": "/group_by", "message": "this makes too many rows"}],
        code="usage_too_many_rows",
        remedy="ask for a shorter range or a longer interval, group by less, or narrow it to a partner or route",
    )


def documents(answer: Report) -> Iterator[dict[str, Any]]:
    """Make rows readable, some at a time: names beside ids, and where the records of each are listed."""
    groups = answer.question.group_by
    for start in range(0, len(answer.rows), _AT_ONCE):
        some = [(row, dict(zip(groups, row.values, strict=True))) for row in answer.rows[start : start + _AT_ONCE]]
        names = {name: _names(NAMED[name], {told[name] for _, told in some}) for name in NAMED if name in groups}
        yield from (_document(answer, row, told, names) for row, told in some)


def _document(
    answer: Report, row: Row, groups: Mapping[str, Any], names: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    period = answer.question.periods[row.period]
    told = dict(groups)
    for name, known in names.items():
        told[f"{name}_name"] = known.get(groups[name])
    if answer.question.by_period:
        told |= {"period": period.name, "since": _moment(period.since), "until": _moment(period.until)}
    return {
        **told,
        **dict(zip(SUMS, row.sums, strict=True)),
        "traces": _traces(period, {**answer.only, **groups}),
    }


def _traces(period: Period, told: Mapping[str, Any]) -> str:
    """Say where the records of a sum are listed: the list is narrowed and bounded as the sum is."""
    query = {name: ("true" if value else "false") if isinstance(value, bool) else value for name, value in told.items()}
    if period.since > FIRST_MINUTE:
        query["since"] = _moment(period.since)
    if period.until < LAST_MINUTE:
        query["until"] = _moment(period.until)
    return "/api/v1/traces" + (f"?{urlencode(query)}" if query else "")


def _told(found: Iterable[Sum], members: Sequence[str]) -> list[Row]:
    """Take sums as they are; SQLite gives truth values as numbers."""
    if "billable" not in members:
        return [Row(*one) for one in found]
    place = members.index("billable")
    return [
        Row(period, (*values[:place], bool(values[place]), *values[place + 1 :]), sums)
        for period, values, sums in found
    ]


def _merged(found: Sequence[Sum], members: Sequence[str], group_by: Sequence[str], environment: object) -> list[Row]:
    """Add up by what was asked for: environments follow from applications, blame from faults."""
    place = {name: number for number, name in enumerate(members)}
    asks = environment is not None or "environment" in group_by
    environments = _environments({row.members[place["application"]] for row in found} if asks else set())
    blames = {"": "", **{code: str(fault.blame) for code, fault in by_code().items()}}

    def value(name: str, values: Sequence[Any]) -> Any:
        if name == "environment":
            return environments.get(values[place["application"]], "")
        if name == "blame":
            return blames.get(values[place["fault"]], "")
        return bool(values[place[name]]) if name == "billable" else values[place[name]]

    merged: dict[tuple[int, tuple[Any, ...]], list[int]] = {}
    for row in found:
        if environment is not None and value("environment", row.members) != environment:
            continue
        key = row.period, tuple(value(name, row.members) for name in group_by)
        there = merged.setdefault(key, [0] * len(SUMS))
        for number, one in enumerate(row.sums):
            there[number] += one
    return [Row(period, values, tuple(sums)) for (period, values), sums in merged.items()]


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
