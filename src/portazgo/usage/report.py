"""Usage per company, as a whole: what is asked for, added up, most requests first.

What has more rows than this holds is read in the order of its groups, some at a time (usage/walking.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portazgo.kit.errors import Invalid
from portazgo.usage.questions import Asked, Question, Row, Values, understand
from portazgo.usage.ranges import TooFine
from portazgo.usage.reading import Sum, TooMany, add_up
from portazgo.usage.rollups import SUMS
from portazgo.usage.telling import moment

MOST_ROWS = 20_000
MOST_SUMS = 100_000


@dataclass(frozen=True, slots=True)
class Report:
    """An answer. `only`: what every row is of beside its groups, by the names of GROUPS."""

    question: Question
    only: Mapping[str, Any]
    rows: Sequence[Row]


def report(question: Question) -> Report:
    """Answer, by period and most requests first. Raises Invalid: too fine, too many rows, a name that several have."""
    asked = understand(question)
    try:
        # Several sums become one row where a group follows from a member.
        found = add_up(question.periods, asked.members, asked.narrowed, MOST_SUMS if asked.behind else MOST_ROWS)
    except TooFine as problem:
        raise too_fine(problem) from None
    except TooMany:
        raise too_many() from None
    rows = _merged(found, asked) if asked.follows or "billable" in question.group_by else [Row(*one) for one in found]
    if len(rows) > MOST_ROWS:
        raise too_many()
    if not rows and question.is_one_sum:
        rows = [nothing()]
    rows.sort(key=order)
    return Report(question, asked.only, rows)


def order(row: Row) -> tuple[int, int, tuple[Any, ...]]:
    """Order by period, most requests first."""
    return row.period, -row.sums[0], row.values


def nothing() -> Row:
    """Make the row of a sum of nothing."""
    return Row(0, (), (0,) * len(SUMS))


def too_many() -> Invalid:
    """Make the refusal of a report that has too many rows to be one answer."""
    return Invalid(
        f"the report would have more than {MOST_ROWS:,} rows",
        [{"pointer": "/group_by", "message": "this makes too many rows"}],
        code="usage_too_many_rows",
        remedy="take it as a file (format=csv or parquet) or in pages (sort=group and limit), or ask for less: "
        "a shorter range, a longer interval, fewer groups, one partner or route",
    )


def too_fine(problem: TooFine) -> Invalid:
    """Make the refusal of a range that needs finer sums than are kept."""
    kept = f"sums by {problem.level.name} or longer"
    if problem.since is None or problem.until is None:
        remedy = f"nothing is kept from before {moment(problem.kept_from)}: ask from then on"
    else:
        remedy = (
            f"ask for {kept}, such as {moment(problem.since)} to {moment(problem.until)}, "
            f"or from {moment(problem.kept_from)} on"
        )
    return Invalid(
        f"sums this fine are kept since {moment(problem.kept_from)} only",
        [{"pointer": "/since", "message": f"what lies before is kept as {kept} only"}],
        code="usage_too_fine",
        remedy=remedy,
    )


def _merged(found: Sequence[Sum], asked: Asked) -> list[Row]:
    merged: dict[tuple[int, tuple[Any, ...]], list[int]] = {}
    for one, values in zip(found, Values(asked).of(found), strict=True):
        if values is None:
            continue
        there = merged.setdefault((one.period, values), [0] * len(SUMS))
        for number, value in enumerate(one.sums):
            there[number] += value
    return [Row(period, values, tuple(sums)) for (period, values), sums in merged.items()]
