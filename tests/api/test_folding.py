"""Folding loses nothing and counts nothing twice: random arrivals, also late ones; folds that are cut short; two workers.

PORTAZGO_TEST_SEED repeats a run; PORTAZGO_TEST_FOLDING_ROUNDS makes it longer (soak).
"""

from __future__ import annotations

import os
import random
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from support.admin import AdminAPI
from support.clock import FakeClock
from support.rollups import Call, Cut, collect_calls, ending_after, holds, migrate_newest, report, some_calls, truth
from support.segments import recorded

from portazgo.settings import load
from portazgo.usage.collector import LEDGER, collect
from portazgo.usage.folding import BATCH, Folding
from portazgo.usage.keeping import forget_old_rollups, horizons
from portazgo.usage.models import FreshRollup, Manifest, MonthRollup, RollupHorizon
from portazgo.usage.periods import Period, minute_of
from portazgo.usage.ranges import TooFine
from portazgo.usage.reading import add_up
from portazgo.usage.rollups import LARGEST_SUM, MEMBERS, MINUTE, MINUTE_US, QUARTER, SUMS, Grain

pytestmark = pytest.mark.usefixtures("database")

SEED = int(os.environ.get("PORTAZGO_TEST_SEED", random.SystemRandom().randrange(2**32)))
ROUNDS = int(os.environ.get("PORTAZGO_TEST_FOLDING_ROUNDS", "40"))
# Over the end of a month, so that every level has several slots.
DAYS = 3


@pytest.fixture
def chance() -> random.Random:
    print(f"PORTAZGO_TEST_SEED={SEED}")  # noqa: T201 - to repeat a run that failed
    return random.Random(SEED)  # noqa: S311 - no secret


@pytest.fixture
def clock() -> FakeClock:
    clock = FakeClock()
    clock.move(timedelta(days=7, hours=-12))  # 2026-12-01
    return clock


def test_sums_hold_whatever_arrives_and_wherever_folding_ends(chance: random.Random, clock: FakeClock) -> None:
    begin = minute_of(clock.now()) - DAYS * 1_440 // 2
    end = begin + DAYS * 1_440
    calls: list[Call] = []
    folding = Folding(clock)
    for number in range(ROUNDS):
        new = some_calls(chance, begin, end, chance.randrange(1, 60))
        collect_calls(new)
        calls += new
        clock.move(timedelta(minutes=chance.choice([0, 1, 30, 200])))
        if chance.random() < 0.5:
            folding.batch()
        else:
            try:
                with ending_after(chance.randrange(1, 16)):
                    folding.batch()
            except Cut:
                if chance.random() < 0.5:
                    folding = Folding(clock)
        since, until = sorted(chance.randrange(begin, end) for _ in range(2))
        members = tuple(chance.sample(MEMBERS, chance.randrange(4)))
        assert report(since, until, members) == truth(calls, since, until, members)
        only = {"partner": "p1"} if number % 2 else {"billable": True, "fault": "throttled"}
        assert report(since, until, members, **only) == truth(calls, since, until, members, **only)
    holds(calls)
    clock.move(timedelta(days=DAYS))
    while folding.batch():
        pass
    assert not FreshRollup.objects.using(LEDGER).exists()
    holds(calls)


def test_two_workers_and_a_collector_at_once_count_nothing_twice(chance: random.Random, clock: FakeClock) -> None:
    begin = minute_of(clock.now()) - 1_440
    given = [some_calls(chance, begin, begin + 1_440, 40) for _ in range(30)]
    clock.move(timedelta(hours=1))
    done = threading.Event()
    failures: list[BaseException] = []

    def work(what: Any) -> None:
        try:
            what()
        except BaseException as problem:  # noqa: BLE001 - told to the test
            failures.append(problem)
        finally:
            connections[LEDGER].close()

    def fold() -> None:
        folding = Folding(clock)
        while not done.is_set():
            folding.batch()
            time.sleep(0.002)

    def collect() -> None:
        for calls in given:
            collect_calls(calls)

    workers = [threading.Thread(target=work, args=(fold,)) for _ in range(2)]
    collectors = [threading.Thread(target=work, args=(collect,))]
    for thread in [*workers, *collectors]:
        thread.start()
    collectors[0].join(60)
    done.set()
    for thread in workers:
        thread.join(60)
    assert failures == []
    calls = [call for some in given for call in some]
    holds(calls)
    while Folding(clock).batch():
        pass
    holds(calls)
    assert report(begin, begin + 1_440, ("partner",)) == truth(calls, begin, begin + 1_440, ("partner",))


def test_a_batch_holds_the_writer_for_a_moment_only(chance: random.Random, clock: FakeClock) -> None:
    # Every sum is of another minute and key: as much as a batch can cost.
    begin = minute_of(clock.now()) - 1_440
    collect_calls(some_calls(chance, begin, begin + 1_440, 3 * BATCH))
    clock.move(timedelta(hours=1))
    folding = Folding(clock)
    seconds = []
    while True:
        started = time.monotonic()
        if not folding.batch():
            break
        seconds.append(time.monotonic() - started)
    assert min(seconds) < 0.5  # five times the 100 ms that it is to take


def test_what_is_fresh_is_left_for_a_while(chance: random.Random, clock: FakeClock) -> None:
    collect_calls(some_calls(chance, minute_of(clock.now()) - 1, minute_of(clock.now()) + 1, 10))
    there = FreshRollup.objects.using(LEDGER).count()
    assert Folding(clock).run() == 0
    clock.move(timedelta(minutes=4))
    assert Folding(clock).run() == there
    assert not FreshRollup.objects.using(LEDGER).exists()


def test_old_slots_go_and_no_sum_becomes_wrong(chance: random.Random, clock: FakeClock) -> None:
    settings = load({"usage_minutes_kept": "2d", "usage_quarters_kept": "9d"}, environment={})
    begin = minute_of(clock.now())
    calls = some_calls(chance, begin, begin + 12 * 1_440, 500)
    collect_calls(calls)
    clock.move(timedelta(days=12, minutes=5))
    folding = Folding(clock)
    while folding.batch():
        pass
    while forget_old_rollups(settings, clock.now()):
        pass
    kept = horizons()
    assert (kept[MINUTE], kept[QUARTER]) == (begin + 10 * 1_440, begin + 3 * 1_440)
    assert RollupHorizon.objects.using(LEDGER).count() == 4
    # A node that was away for long hands in what is older than its minute is kept.
    late = some_calls(chance, begin, begin + 1_440, 50)
    collect_calls(late)
    calls += late
    while folding.batch():
        pass
    end = begin + 12 * 1_440
    for since, until in [(begin, end), (begin + 5 * 1_440 + 15, end), (begin + 11 * 1_440 + 7, end - 3)]:
        assert report(since, until, ("partner",)) == truth(calls, since, until, ("partner",))
    for since in (begin + 5 * 1_440 + 7, begin + 15):
        with pytest.raises(TooFine):
            list(add_up([Period(since, end, "")], (), {}, 1))


def test_sums_that_are_too_large_to_be_added_stop_no_folding(clock: FakeClock) -> None:
    minute = minute_of(clock.now()) - 60
    folding = Folding(clock)
    for _ in range(3):
        fresh = [
            FreshRollup(
                minute_us=minute * MINUTE_US, kid=kid, billable=True, price_version=0, **dict.fromkeys(SUMS, 2**62)
            )
            for kid in ("Kid0000001", "Kid0000002", "Kid0000003")
        ]
        FreshRollup.objects.using(LEDGER).bulk_create(fresh)
        assert folding.batch() == len(fresh)
    assert not FreshRollup.objects.using(LEDGER).exists()
    months = MonthRollup.objects.using(LEDGER).filter(grain=Grain.ROUTE)
    assert list(months.values_list(*SUMS)) == [(LARGEST_SUM,) * len(SUMS)]


def test_what_was_added_up_before_there_were_levels_is_fresh(api: AdminAPI) -> None:
    records = recorded()
    for first, content in records.segments:
        collect(records.node, records.epoch, first, content)
    before = api.get("/usage", {"group_by": ["partner", "fault"]}).body["items"]
    columns = ", ".join(("minute_us", *MEMBERS, *SUMS))
    with connections[LEDGER].cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM usage_fresh")  # noqa: S608 - names of our own
        rows = cursor.fetchall()
    MigrationExecutor(connections[LEDGER]).migrate([("usage", "0004_key_use")])
    try:
        with connections[LEDGER].cursor() as cursor:
            marks = ", ".join(["%s"] * len(rows[0]))
            cursor.executemany(f"INSERT INTO usage_minute ({columns}) VALUES ({marks})", rows)  # noqa: S608 - likewise
    finally:
        migrate_newest()
    assert api.get("/usage", {"group_by": ["partner", "fault"]}).body["items"] == before
    assert [manifest.requests for manifest in Manifest.objects.using(LEDGER).all()] == [4]
