"""A range, cut into slots: exact, whatever is asked for, and by few slots."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portazgo.usage.periods import minute_of, month
from portazgo.usage.ranges import FIRST_MINUTE, LAST_MINUTE, Cutter, Piece, TooFine
from portazgo.usage.rollups import DAY, HOUR, LEVELS, MINUTE, MONTH, QUARTER, SIX_HOURS, Level

ALL_KEPT = dict.fromkeys(LEVELS, 0)
OF_EVERY_GRAIN = tuple(level for level in LEVELS if level is not SIX_HOURS)
# Around the end of a February with 29 days, and of a year.
BEGIN = minute_of(datetime(2027, 12, 20, tzinfo=UTC))
MINUTES = st.integers(BEGIN, BEGIN + 100 * 1_440)


def covered(pieces: tuple[Piece, ...]) -> dict[int, int]:
    """Where the minutes that are counted begin (1) and end (-1): of one range, its two ends."""
    edges: Counter[int] = Counter()
    for piece in pieces:
        assert piece.since < piece.until
        assert (piece.level.floor(piece.since), piece.level.floor(piece.until)) == (piece.since, piece.until)
        edges[piece.since] += piece.sign
        edges[piece.until] -= piece.sign
    return {minute: change for minute, change in edges.items() if change}


def once(since: int, until: int) -> dict[int, int]:
    """Every minute of the range, once."""
    return {since: 1, until: -1} if since < until else {}


@given(MINUTES, MINUTES, st.sampled_from([LEVELS, OF_EVERY_GRAIN]))
def test_every_minute_of_the_range_counts_once_and_no_other(one: int, other: int, levels: tuple[Level, ...]) -> None:
    since, until = sorted((one, other))
    pieces = Cutter(ALL_KEPT, levels).cut(since, until)
    assert {piece.level for piece in pieces} <= set(levels)
    assert covered(pieces) == once(since, until)
    assert sum(piece.level.count(piece.since, piece.until) for piece in pieces) <= 120


@given(MINUTES, MINUTES, st.lists(MINUTES, min_size=3, max_size=3))
def test_what_was_dropped_is_never_counted(one: int, other: int, kept: list[int]) -> None:
    since, until = sorted((one, other))
    days, quarters, minutes = sorted(kept)
    whole_from: dict[Level, int] = {
        MONTH: MONTH.floor(days),
        DAY: MONTH.floor(days),
        SIX_HOURS: DAY.floor(quarters),
        HOUR: DAY.floor(quarters),
        QUARTER: DAY.floor(quarters),
        MINUTE: DAY.floor(minutes),
    }
    cutter = Cutter(whole_from)
    try:
        pieces = cutter.cut(since, until)
    except TooFine as problem:
        assert since < until
        if problem.since is not None and problem.until is not None:
            assert problem.since <= since < until <= problem.until
            assert covered(cutter.cut(problem.since, problem.until)) == once(problem.since, problem.until)
        return
    assert all(piece.since >= whole_from[piece.level] for piece in pieces)
    assert covered(pieces) == once(since, until)


def test_what_is_kept_whole_is_always_answered() -> None:
    since, until = BEGIN + 7, BEGIN + 7 + 20 * 1_440
    kept = {level: level.floor(since) for level in LEVELS}
    assert covered(Cutter(kept).cut(since, until)) == once(since, until)
    with pytest.raises(TooFine) as told:
        Cutter({**kept, MINUTE: BEGIN + 1_440}).cut(since, until)
    assert (told.value.level, told.value.since, told.value.kept_from) == (QUARTER, BEGIN, BEGIN + 1_440)


def test_a_month_of_another_zone_is_that_of_utc_less_and_more_a_few_hours() -> None:
    november = month("2026-11", ZoneInfo("America/Bogota"))
    pieces = Cutter(ALL_KEPT, OF_EVERY_GRAIN).cut(november.since, november.until)
    first, last = MONTH.floor(november.since), MONTH.floor(november.until)
    assert set(pieces) == {
        Piece(MONTH, first, last),
        Piece(HOUR, first, first + 300, -1),
        Piece(HOUR, last, last + 300),
    }
    # Of partners alone there are six hours at once.
    assert set(Cutter(ALL_KEPT).cut(november.since, november.until)) == {
        Piece(MONTH, first, last),
        Piece(SIX_HOURS, first, first + 360, -1),
        Piece(HOUR, first + 300, first + 360),
        Piece(SIX_HOURS, last, last + 360),
        Piece(HOUR, last + 300, last + 360, -1),
    }
    kathmandu = month("2026-11", ZoneInfo("Asia/Kathmandu"))
    for levels, most in ((OF_EVERY_GRAIN, 17), (LEVELS, 5)):
        cut = Cutter(ALL_KEPT, levels).cut(kathmandu.since, kathmandu.until)
        assert sum(piece.level.count(piece.since, piece.until) for piece in cut) <= most


def test_all_of_time_is_its_months() -> None:
    assert Cutter(ALL_KEPT).cut(FIRST_MINUTE, LAST_MINUTE) == (Piece(MONTH, FIRST_MINUTE, LAST_MINUTE),)
    assert Cutter(ALL_KEPT).cut(BEGIN, BEGIN) == ()
