"""A grain that a version began to keep is filled back from another; meanwhile and afterwards every report is exact.

PORTAZGO_TEST_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from support.clock import FakeClock
from support.rollups import Cut, collect_calls, ending_after, holds, migrate_newest, report, some_calls, truth

from portazgo.settings import load
from portazgo.usage.balance import totals
from portazgo.usage.collector import LEDGER
from portazgo.usage.filling import fill, unfilled
from portazgo.usage.folding import Folding
from portazgo.usage.keeping import forget_old_rollups, horizons
from portazgo.usage.periods import minute_of, month
from portazgo.usage.rollups import DAY, HOUR, LEVELS, MONTH, SIX_HOURS, Grain

pytestmark = pytest.mark.usefixtures("database")

SEED = int(os.environ.get("PORTAZGO_TEST_SEED", random.SystemRandom().randrange(2**32)))
NEW = {(level, Grain.PARTNER) for level in (HOUR, SIX_HOURS, DAY, MONTH)}


@pytest.fixture
def chance() -> random.Random:
    print(f"PORTAZGO_TEST_SEED={SEED}")  # noqa: T201 - to repeat a run that failed
    return random.Random(SEED)  # noqa: S311 - no secret


def become_as_before() -> None:
    """Have the ledger as the version left it that did not know of partners alone; then migrate."""
    MigrationExecutor(connections[LEDGER]).migrate([("usage", "0006_lake")])
    with connections[LEDGER].cursor() as cursor:
        for table in ("usage_series", *(level.table for level in LEVELS if level is not SIX_HOURS)):
            cursor.execute(f"DELETE FROM {table} WHERE grain = %s", [Grain.PARTNER])  # noqa: S608 - names of our own
    migrate_newest()


def test_reports_are_exact_while_a_new_grain_is_filled_and_after(chance: random.Random, clock: FakeClock) -> None:
    end = minute_of(clock.now())
    begin = end - 6 * 1_440
    calls = some_calls(chance, begin, end, 300)
    collect_calls(calls)
    clock.move(timedelta(minutes=10))
    folding = Folding(clock)
    while folding.batch():
        pass
    become_as_before()
    folding = Folding(clock)
    assert unfilled() == NEW
    bogota = month(f"{clock.now():%Y-%m}", ZoneInfo("America/Bogota"))
    ranges = [(bogota.since, bogota.until), (begin, end), *(sorted(chance.sample(range(begin, end), 2)) for _ in "ab")]
    while unfilled():
        late = some_calls(chance, begin, end, 5)
        collect_calls(late)
        calls += late
        try:
            with ending_after(chance.randrange(1, 60)):
                if chance.random() < 0.5:
                    folding.batch()
                fill()
        except Cut:
            pass
        for since, until in ranges:
            assert report(since, until, ("partner",)) == truth(calls, since, until, ("partner",))
        # One sum for each grain that is whole; no segment was collected here.
        assert len(set(totals().summed_up)) == 1
    assert fill() == 0
    while folding.batch():
        pass
    holds(calls)
    for since, until in ranges:
        assert report(since, until, ("partner",)) == truth(calls, since, until, ("partner",))


def test_what_is_not_kept_any_more_is_not_filled_and_not_read(chance: random.Random, clock: FakeClock) -> None:
    begin = DAY.floor(minute_of(clock.now()))
    calls = some_calls(chance, begin, begin + 10 * 1_440, 300)
    collect_calls(calls)
    clock.move(timedelta(days=11))
    folding = Folding(clock)
    while folding.batch():
        pass
    settings = load({"usage_minutes_kept": "3d", "usage_quarters_kept": "6d"}, environment={})
    while forget_old_rollups(settings, clock.now()):
        pass
    become_as_before()
    assert horizons()[SIX_HOURS] == horizons()[HOUR] > begin
    while fill():
        pass
    assert not unfilled()
    since, until = begin + 1_440, begin + 8 * 1_440 + 360
    assert report(since, until, ("partner",)) == truth(calls, since, until, ("partner",))


def test_a_ledger_without_sums_has_nothing_to_fill() -> None:
    become_as_before()
    assert unfilled() == frozenset()
