"""Reads a report of any length in the order of its groups, some sums at a time: for pages and for files.

The order is that of periods, then of ids: calls that are counted meanwhile move no row, as they would in an order by requests.
Each part is read by a statement of its own; only those sums are in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from portazgo.usage.questions import DERIVED, Asked, Question, Row, Values, understand
from portazgo.usage.ranges import TooFine
from portazgo.usage.reading import After, Sum, first_sums, require_kept
from portazgo.usage.report import nothing, too_fine
from portazgo.usage.rollups import SUMS

SUMS_AT_ONCE = 10_000
MOST_PERIODS_AT_ONCE = 512


class Place(NamedTuple):
    """Where to go on: after the row of these values in this period."""

    period: int
    values: tuple[Any, ...]


def walk(question: Question, after: Place | None = None, *, at_once: int = SUMS_AT_ONCE) -> Iterator[Row]:
    """Give the rows after a place. Raises Invalid before the first: too fine, a name that several have."""
    asked = understand(question)
    try:
        require_kept(question.periods, asked.members, asked.narrowed)
    except TooFine as problem:
        raise too_fine(problem) from None
    return _walk(question, asked, after, at_once)


def _walk(question: Question, asked: Asked, after: Place | None, at_once: int) -> Iterator[Row]:
    begin, begin_after = _begin(asked, after)
    sums = _sums(question, asked, begin, begin_after, at_once)
    found = _rows(sums, asked)
    if after is not None and asked.behind:
        seen = _following(asked, after.values)
        of_the_run = _own(asked, after.values)
        found = (
            row
            for row in found
            if (row.period, _own(asked, row.values)) != (after.period, of_the_run)
            or _following(asked, row.values) > seen
        )
    empty = True
    for row in found:
        empty = False
        yield row
    if empty and after is None and question.is_one_sum:
        yield nothing()


def _begin(asked: Asked, after: Place | None) -> tuple[int, After | None]:
    """Tell with which period to begin, and after which of its sums."""
    if after is None:
        return 0, None
    own = _own(asked, after.values)
    if asked.behind:
        # The rest of the rows that this run of sums makes comes again with all of them.
        return after.period, After(own, itself=True) if own else None
    return (after.period, After(own, itself=False)) if own else (after.period + 1, None)


def _sums(question: Question, asked: Asked, begin: int, after: After | None, at_once: int) -> Iterator[Sum]:
    number, together = begin, 1
    while number < len(question.periods):
        some = question.periods[number : number + together]
        try:
            found = first_sums(some, asked.members, asked.narrowed, at_once, after)
        except TooFine as problem:
            raise too_fine(problem) from None
        for one in found:
            yield one._replace(period=number + one.period)
        if len(found) < at_once:
            number, after = number + len(some), None
            # Short periods are read together, as long as they are not more than one read gives.
            together = min(together * 2, MOST_PERIODS_AT_ONCE) if len(found) <= at_once // 2 else together
        else:
            last = found[-1]
            number += last.period if last.members else last.period + 1
            after = After(last.members, itself=False) if last.members else None
            together = max(together // 2, 1)


def _rows(sums: Iterator[Sum], asked: Asked) -> Iterator[Row]:
    values = Values(asked)
    own = len(asked.members) - len(asked.behind)
    for _, run in groupby(sums, key=lambda one: (one.period, one.members[:own])):
        merged: dict[tuple[Any, ...], list[int]] = {}
        known = list(run)
        for one, its in zip(known, values.of(known), strict=True):
            if its is not None:
                there = merged.setdefault(its, [0] * len(SUMS))
                for number, value in enumerate(one.sums):
                    there[number] += value
        yield from (
            Row(known[0].period, its, tuple(there))
            for its, there in sorted(merged.items(), key=lambda item: _following(asked, item[0]))
        )


def _own(asked: Asked, values: Sequence[Any]) -> tuple[Any, ...]:
    """Give those of a row's values that are members of sums, in the order in which sums are read."""
    told = dict(zip(asked.group_by, values, strict=True))
    return tuple(told[name] for name in asked.members if name in told)


def _following(asked: Asked, values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(value for name, value in zip(asked.group_by, values, strict=True) if name in DERIVED)
