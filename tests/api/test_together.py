"""Segments that go into the ledger in one transaction: each is judged for itself, and none is half there after a death."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import DataError
from support.made_segments import Node
from support.rollups import Cut, ending_after
from support.segments import Recorded, recorded, refused_uses

from portazgo.kit.errors import Conflict
from portazgo.kit.ids import uuid7
from portazgo.kit.web.threads import DatabaseThreads
from portazgo.settings import Settings
from portazgo.usage import adding, collector, together
from portazgo.usage.collector import LEDGER, Collected, Placed, Segment, keep, keep_together, verify
from portazgo.usage.models import EpochAccount, FreshRollup, KeyUse, Manifest, RefusedKeyUse, SegmentContent
from portazgo.usage.rollups import LARGEST_SUM
from portazgo.usage.together import Together

pytestmark = pytest.mark.usefixtures("database")

# A collector that is killed before or after one of its functions, once for each line of what it is told.
COLLECTOR = """
import os, signal, sys
from pathlib import Path
from uuid import UUID
from portazgo.settings import load
from portazgo.control.boot import boot
folder, url = sys.argv[1:]
boot(load({"data_dir": folder, "state_url": url or None}, environment={}, file=Path("absent.yaml")))
from portazgo.usage import collector
for line in sys.stdin:
    name, when, node, epoch, first, path = line.split()
    child = os.fork()
    if child == 0:
        whole = getattr(collector, name)
        def dies(*arguments):
            if when == "after":
                whole(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)
        setattr(collector, name, dies)
        collector.collect(UUID(node), UUID(epoch), int(first), Path(path).read_bytes())
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
STEPS = [
    ("_stored", "before"),
    ("keep_content", "after"),
    ("add_fresh", "before"),
    ("add_fresh", "after"),
    ("note_uses", "after"),
    ("add_to_account", "after"),
    ("_kept", "after"),  # committed, and nobody was told
]

BEGAN_US = 1_795_536_000_000_000
ROWS = 40


def real(records: Recorded) -> Segment:
    first, content = records.segments[0]
    return verify(records.node, records.epoch, first, content)


def made(node: Node) -> Segment:
    first, content = node.segment(BEGAN_US, ROWS, ROWS)
    return verify(node.node, node.epoch, first, content)


def a_node() -> Node:
    return Node(np.random.default_rng(7), uuid7(), uuid7())


def placed(*segments: Segment) -> list[Placed]:
    return [Placed(segment, "") for segment in segments]


def counted() -> tuple[int, int, int]:
    """Segments, and records by manifests and by sums."""
    manifests = Manifest.objects.using(LEDGER).values_list("requests", flat=True)
    return len(manifests), sum(manifests), sum(FreshRollup.objects.using(LEDGER).values_list("requests", flat=True))


def test_sums_that_segments_share_are_added_once_and_whole(database: None) -> None:
    # The same calls in the same minute, by two nodes: every key comes twice.
    first, second = (made(a_node()) for _ in range(2))
    assert keep_together(placed(first, second)) == [Collected(stored=True)] * 2
    assert counted() == (2, 2 * ROWS, 2 * ROWS)
    alone = dict(first.summary["rollups"])
    keys = {key for key, _ in (*first.summary["rollups"], *second.summary["rollups"])}
    assert FreshRollup.objects.using(LEDGER).count() == len(keys) < 2 * len(alone)
    assert KeyUse.objects.using(LEDGER).count() == len(first.summary["used"])


def test_one_that_is_refused_or_here_already_keeps_the_others_out_of_it(database: None) -> None:
    node = a_node()
    here, late, new = made(node), made(node), made(a_node())
    keep(here)
    other_bytes = replace(here, summary={**here.summary, "sha256": "0" * 64})
    outcomes = keep_together(placed(other_bytes, here, late, late, new))
    assert [isinstance(one, Collected) and one.stored for one in outcomes] == [False, False, True, False, True]
    assert isinstance(outcomes[0], Conflict)
    assert outcomes[0].code == "segment_differs"
    assert counted() == (3, 3 * ROWS, 3 * ROWS)


@pytest.mark.parametrize("shift", [-3, 3])
def test_records_that_came_in_another_segment_are_refused_wherever_it_stands(database: None, shift: int) -> None:
    node = a_node()
    segments = [made(node) for _ in range(3)]
    for one in (segments[0], segments[2]):
        keep(one)
    between = segments[1]
    first, last = between.summary["first"] + shift, between.summary["last"] + shift
    with pytest.raises(Conflict) as refused:
        keep(replace(between, summary={**between.summary, "first": first, "last": last}))
    assert refused.value.code == "segment_overlaps"
    keep(between)
    assert counted() == (3, 3 * ROWS, 3 * ROWS)


def test_one_whose_values_the_ledger_can_not_hold_fails_alone(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad, last = (made(a_node()) for _ in range(3))
    whole = adding.note_uses

    def fails(summaries: Sequence[Any]) -> None:
        if bad.summary in summaries:
            raise DataError("bigint out of range")
        whole(summaries)

    monkeypatch.setattr(collector, "note_uses", fails)
    outcomes = keep_together(placed(good, bad, last))
    assert (outcomes[0], outcomes[2]) == (Collected(stored=True), Collected(stored=True))
    assert isinstance(outcomes[1], Conflict)
    assert outcomes[1].code == "segment_unfit"
    assert counted() == (2, 2 * ROWS, 2 * ROWS)


def test_amounts_that_only_together_are_too_large_are_full_and_stop_nothing(database: None) -> None:
    first, second = (made(a_node()) for _ in range(2))
    huge = [(key, (*sums[:1], 2**62, *sums[2:])) for key, sums in first.summary["rollups"]]
    both = [
        replace(one, summary={**one.summary, "rollups": huge, "totals": (ROWS, 2**62, 0, 0, 0)})
        for one in (first, second)
    ]
    assert keep_together(placed(*both)) == [Collected(stored=True)] * 2
    assert set(FreshRollup.objects.using(LEDGER).values_list("units", flat=True)) == {LARGEST_SUM}


def test_a_collector_that_dies_at_any_step_leaves_nothing_of_any_or_all_of_all(database: None) -> None:
    segments = [real(refused_uses().records), real(recorded()), made(a_node()), made(a_node())]
    tables = (Manifest, SegmentContent, FreshRollup, KeyUse, RefusedKeyUse, EpochAccount)
    outcomes: list[Collected | Exception] = []
    steps = 0
    while not outcomes:
        try:
            with ending_after(steps):
                outcomes = keep_together(placed(*segments))
        except Cut:
            assert [table.objects.using(LEDGER).count() for table in tables] == [0] * len(tables)
            steps += 1
    assert steps > 4 * len(segments)
    assert outcomes == [Collected(stored=True)] * len(segments)
    records = sum(one.summary["totals"][0] for one in segments)
    assert counted() == (len(segments), records, records)
    accounts = EpochAccount.objects.using(LEDGER).values_list("collected", "rolled_up")
    assert [sum(column) for column in zip(*accounts, strict=True)] == [records] * 2
    # Its nodes were told nothing, and hand all of it in again.
    assert keep_together(placed(*segments)) == [Collected(stored=False)] * len(segments)


def test_a_collector_that_is_killed_at_any_step_has_all_of_a_segment_or_nothing(
    database: None, settings: Settings, state_url: str | None, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", COLLECTOR, str(settings.data_dir), state_url or ""]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for number, (name, when) in enumerate(STEPS):
                segment, path = made(a_node()), tmp_path / f"{number}.seg"
                path.write_bytes(segment.content)
                told = (name, when, segment.node, segment.epoch, segment.summary["first"], path)
                process.stdin.write(" ".join(map(str, told)) + "\n")
                process.stdin.flush()
                assert int(process.stdout.readline()) == -signal.SIGKILL
                records = number * ROWS
                committed = name == "_kept"
                assert counted() == (number + committed, records + committed * ROWS, records + committed * ROWS)
                assert keep(segment) == Collected(stored=not committed)
                assert counted() == (number + 1, records + ROWS, records + ROWS)
        finally:
            process.stdin.close()
    assert process.returncode == 0


def test_those_that_wait_go_into_one_transaction_and_each_is_told_its_own_outcome(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[int] = []
    whole = collector.keep_together

    def counts(group: list[Placed]) -> list[Collected | Exception]:
        groups.append(len(group))
        return whole(group)

    monkeypatch.setattr(together, "keep_together", counts)
    node = a_node()
    here, more = made(node), [made(a_node()) for _ in range(5)]
    differing = replace(here, summary={**here.summary, "sha256": "0" * 64})

    async def hand_in() -> list[Any]:
        pool = DatabaseThreads(2)
        try:
            keeping = Together(pool)
            waiting = [keeping.keep(segment, "") for segment in (here, differing, here, *more)]
            return await asyncio.gather(*waiting, return_exceptions=True)
        finally:
            await asyncio.to_thread(pool.close)

    outcomes = asyncio.run(hand_in())
    assert groups == [8]
    assert [isinstance(one, Collected) and one.stored for one in outcomes] == [True, False, False, *[True] * 5]
    assert isinstance(outcomes[1], Conflict)
    assert counted() == (6, 6 * ROWS, 6 * ROWS)
