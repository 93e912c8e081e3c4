"""Records are found wherever they are, in segments or in the lake: each once, newest first, also while they are moved."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import duckdb
import numpy as np
import pytest
from django.core.management import call_command
from support.clock import FakeClock
from support.made_segments import Node

from portazgo import _native
from portazgo.kit.clock import microseconds
from portazgo.kit.errors import Problem
from portazgo.kit.objects import open_store
from portazgo.kit.objects.uri import Folder
from portazgo.lake.cleaning import forget_segments
from portazgo.lake.models import LakeFile
from portazgo.lake.running import Children
from portazgo.lake.writing import Writing
from portazgo.settings import Settings
from portazgo.traces import reading, sources
from portazgo.traces.domain import Filter, Record, place
from portazgo.traces.search import child
from portazgo.traces.search import files as copying
from portazgo.traces.search.files import FileCache, at_hand
from portazgo.traces.search.process import PLACES, FileMissing, SearchProcess, search
from portazgo.traces.search.question import Question
from portazgo.traces.sources import around
from portazgo.usage.collector import LEDGER, collect
from portazgo.usage.models import SegmentContent

BEGAN = datetime(2026, 11, 24, 12, tzinfo=UTC)
ROWS = 60
FOUND_SECONDS = 0.3 * 5


@dataclass
class Recorded:
    """Two nodes whose segments overlap in time, and what is in them."""

    settings: Settings
    clock: FakeClock
    nodes: list[Node]
    records: list[Record]

    def collect(self, began: datetime, segments: int) -> None:
        for number in range(segments):
            node = self.nodes[number % len(self.nodes)]
            first, content = node.segment(microseconds(began + number * timedelta(seconds=7)), ROWS, per_second=6)
            assert collect(node.node, node.epoch, first, content).stored
            self.records += _native.decode_segment(content)

    def move(self, until: datetime) -> None:
        """Bring to the lake what ended before a time, and drop its segments."""
        self.clock.wall = until + self.settings.lake_after
        writing = Writing(self.settings, Children(self.settings), self.clock)
        while writing.write_next() is not None:
            pass
        while forget_segments(self.settings, until + self.settings.segments_kept):
            pass

    def expected(self, wanted: Filter, before: Any = None, since_us: int | None = None) -> list[str]:
        span = reading.Span(wanted, before, since_us)
        return [one["request_id"] for one in sorted(self.records, key=place, reverse=True) if span.admits(one)]


@pytest.fixture(scope="module")
def recorded(_databases: None, settings: Settings) -> Iterator[Recorded]:
    """Some records in the lake, the newer ones in segments; between them some that overlap in time."""
    nodes = [Node(np.random.default_rng(seed), uuid4(), uuid4(), partners=5) for seed in (1, 2)]
    made = Recorded(settings, FakeClock(), nodes, [])
    made.collect(BEGAN, 12)
    made.move(BEGAN + timedelta(minutes=1, seconds=15))
    assert LakeFile.objects.using(LEDGER).count() > 0
    assert 0 < SegmentContent.objects.using(LEDGER).count() < 12
    yield made
    search.close()
    call_command("flush", database=LEDGER, interactive=False, verbosity=0)


def pages(wanted: Filter, limit: int, before: Any = None, since_us: int | None = None) -> Iterator[reading.Found]:
    while True:
        found = reading.newest_first(wanted, limit=limit, before=before, since_us=since_us)
        yield found
        if found.next_place is None:
            return
        assert before is None or found.next_place < before
        before = found.next_place


def ids(found: Iterator[reading.Found]) -> list[str]:
    return [record["request_id"] for one in found for record in one.records]


def filters_of(record: Record) -> list[Filter]:
    names = ("partner", "application", "kid", "route", "trace_id", "environment", "billable")
    return [
        Filter(),
        *(Filter(**{name: record[name]}) for name in names),
        Filter(partner=(record["partner"], str(uuid4()))),
        Filter(status=429),
        Filter(fault="throttled"),
        Filter(fault=""),
        Filter(fault=("", "throttled"), status=429),
        Filter(blame="policy"),
        Filter(blame=""),
        Filter(billable=False),
        Filter(client_request_id=""),
        Filter(client_request_id="nobody's"),
        Filter(secret_tag=""),
        Filter(secret_tag=("0123456789abcdef", "fedcba9876543210")),
        Filter(slower_than_ms=20),
        Filter(partner=""),
        Filter(kid=record["kid"], status=record["status_sent"], slower_than_ms=1),
    ]


def test_pages_hold_every_record_that_agrees_once_newest_first(recorded: Recorded) -> None:
    for wanted in filters_of(recorded.records[100]):
        expected = recorded.expected(wanted)
        assert ids(pages(wanted, 100)) == expected, wanted
        assert reading.count(wanted, before=None, since_us=None) == reading.Counted(len(expected), capped=False)
    assert len(recorded.expected(Filter())) == 12 * ROWS


def test_a_time_range_and_any_size_of_pages_cut_nothing_off(recorded: Recorded) -> None:
    ordered = sorted(recorded.records, key=place, reverse=True)
    for first, last in ((0, 719), (100, 600), (350, 351), (700, 719)):
        before, since_us = (place(ordered[first])[0], ""), place(ordered[last])[0]
        expected = recorded.expected(Filter(), before, since_us)
        assert ids(pages(Filter(), 43, before, since_us)) == expected
        assert reading.count(Filter(), before=before, since_us=since_us).value == len(expected)


def test_a_page_that_ends_early_says_so_and_its_cursor_goes_on(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGE_SECONDS", 0.0)
    wanted = Filter(fault="throttled")
    found = list(pages(wanted, 50))
    assert ids(iter(found)) == recorded.expected(wanted)
    assert any(one.capped for one in found)
    assert not found[-1].capped


def test_a_record_is_found_by_its_id_in_one_file(recorded: Recorded) -> None:
    ordered = sorted(recorded.records, key=place)
    reading.by_request_id(UUID(ordered[0]["request_id"]))
    for record in (ordered[0], ordered[300], ordered[-1]):
        began = time.monotonic()
        found = reading.by_request_id(UUID(record["request_id"]))
        assert time.monotonic() - began < FOUND_SECONDS
        assert found == record
    oldest = ordered[0]
    assert len(around(oldest["request_id"], 0, 0).files) == 1
    assert reading.by_request_id(uuid4()) is None


def test_a_count_ends_where_it_says(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_COUNTED", 500)
    assert reading.count(Filter(), before=None, since_us=None) == reading.Counted(500, capped=True)
    monkeypatch.setattr(reading, "PAGE_SECONDS", 0.0)
    assert reading.count(Filter(status=429), before=None, since_us=None).capped


def test_the_process_may_read_its_files_and_nothing_else(recorded: Recorded, tmp_path: Path) -> None:
    with (
        at_hand([LakeFile.objects.using(LEDGER).all()[0].path]) as files,
        child._locked(child._opened(), files) as database,
    ):
        assert database.execute("SELECT count(*) FROM read_parquet(?)", [files]).fetchall()[0][0] > 0
        for statement in (
            "SELECT * FROM read_text('/etc/hostname')",
            f"FROM read_parquet('{Path(files[0]).parent}/*.parquet')",
            "SELECT * FROM read_csv('https://127.0.0.1:1/x.csv')",
            f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'",
            f"ATTACH '{tmp_path / 'out.db'}'",
            "INSTALL httpfs",
            "LOAD httpfs",
            "SET enable_external_access = true",
            "SET allowed_paths = ['/etc/hostname']",
            "SET memory_limit = '8GB'",
            "SET threads = 8",
        ):
            with pytest.raises(duckdb.Error):
                database.execute(statement).fetchall()
    assert list(tmp_path.iterdir()) == []


def test_values_are_never_taken_for_sql(recorded: Recorded) -> None:
    for value in ("' OR 1=1 --", "x'); DROP TABLE x; --", '"', "%", "\\"):
        assert ids(pages(Filter(kid=value, trace_id=value), 10)) == []
        assert ids(pages(Filter(partner=(value, value)), 10)) == []


def test_a_process_that_was_killed_is_followed_by_another(recorded: Recorded) -> None:
    wanted = Filter(fault="throttled")
    assert ids(pages(wanted, 100)) == recorded.expected(wanted)
    pid = search.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert ids(pages(wanted, 100)) == recorded.expected(wanted)
    assert search.pid not in {None, pid}


def test_what_takes_too_long_is_ended_and_the_next_question_is_answered(recorded: Recorded) -> None:
    with at_hand([LakeFile.objects.using(LEDGER).all()[0].path]) as files:
        question = Question("count", files, [], 10_000)
        hurried = SearchProcess(seconds=0.0)
        with pytest.raises(Problem) as refused:
            hurried.ask(question)
        assert (refused.value.status, refused.value.code) == (503, "search_too_long")
        assert hurried.pid is None
        patient = SearchProcess()
        assert patient.ask(question)["count"] > 0
        with pytest.raises(FileMissing):
            patient.ask(replace(question, files=[*files, f"{files[0]}.gone"]))
        patient.close()


def test_the_process_begins_anew_after_questions_and_ends_when_nobody_asks() -> None:
    program = """
import sys
from portazgo.traces.search import child
child.RESTED_SECONDS, child.UNASKED_SECONDS = 0.2, 5.0
print("begun", flush=True)
sys.exit(child.main())
"""
    order = {"seconds": 60.0, "question": Question("count", ["gone.parquet"], [], 1).document()}
    line, answer = json.dumps(order).encode() + b"\n", b'{"error":"missing","why":"gone.parquet"}\n'
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(2):
            assert process.stdout.readline() == b"begun\n"
            process.stdin.write(line)
            process.stdin.flush()
            assert process.stdout.readline() == answer
        assert process.stdout.read() == b"begun\n"
        assert process.wait(timeout=60) == 0


def test_the_process_ends_when_nobody_is_there() -> None:
    left = subprocess.run([sys.executable, "-m", child.__name__], stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert left.returncode == 0


def test_copies_of_a_buckets_files_stay_within_bounds_and_none_goes_while_it_is_read(tmp_path: Path) -> None:
    store = open_store(Folder(tmp_path / "store"))
    names = [f"lake/day=2026-11-24/{number}.parquet" for number in range(4)]
    for name in names:
        store.put(name, name.encode() * 10)
    size = store.size(names[0]) or 0
    cache = FileCache(tmp_path / "cache", store, most_bytes=2 * size)

    def kept() -> int:
        return len(list((tmp_path / "cache").glob("*.parquet")))

    with cache.holding(names[:2]) as held:
        assert [Path(path).read_bytes() for path in held] == [name.encode() * 10 for name in names[:2]]
        with cache.holding(names[2:3]) as more:
            # What is held stays, though it is too much for a while.
            assert all(Path(path).exists() for path in (*held, *more))
    with cache.holding(names[3:]):
        assert kept() <= 2
    store.delete(names[3])
    with cache.holding(names[3:]) as again:
        assert Path(again[0]).exists()
    with pytest.raises(FileMissing), cache.holding(["lake/day=2026-11-24/none.parquet"]):
        pass


def test_who_waits_for_anothers_fetching_is_refused_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "FETCHING_SECONDS", 0.1)
    store = open_store(Folder(tmp_path / "store"))
    names = [f"lake/day=2026-11-24/{number}.parquet" for number in range(2)]
    for name in names:
        store.put(name, b"some")
    fetching, go_on = Event(), Event()
    get_file = store.get_file

    def slowly(name: str, path: Path) -> None:
        fetching.set()
        assert go_on.wait(60)
        get_file(name, path)

    monkeypatch.setattr(store, "get_file", slowly)
    cache = FileCache(tmp_path / "cache", store)

    def hold() -> bool:
        with cache.holding(names[:1]) as paths:
            return Path(paths[0]).exists()

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(hold)
        assert fetching.wait(60)
        with pytest.raises(Problem) as refused, cache.holding(names[1:]):
            pass
        go_on.set()
        assert first.result()
    assert (refused.value.status, refused.value.code) == (503, "search_busy")
    with cache.holding(names) as paths:
        assert all(Path(path).exists() for path in paths)


def test_those_for_whom_there_is_no_place_wait_for_no_file(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    brought: list[Sequence[str]] = []

    def noted(names: Sequence[str]) -> AbstractContextManager[list[str]]:
        brought.append(names)
        return at_hand(names)

    monkeypatch.setattr(reading, "at_hand", noted)
    with ExitStack() as taken:
        for _ in range(PLACES):
            taken.enter_context(search.places.taken(None))
        with pytest.raises(Problem) as refused:
            reading.count(Filter(), before=None, since_us=None)
    assert refused.value.code == "search_busy"
    assert brought == []
    assert reading.count(Filter(), before=None, since_us=None).value == 12 * ROWS
    assert brought != []


def test_copies_go_with_the_files_that_they_are_of(tmp_path: Path) -> None:
    store = open_store(Folder(tmp_path / "store"))
    names = [f"lake/day=2026-11-24/{number}.parquet" for number in range(3)]
    for name in names:
        store.put(name, b"some")
    cache = FileCache(tmp_path / "cache", store)

    def kept() -> int:
        return len(list((tmp_path / "cache").glob("*.parquet")))

    with cache.holding(names):
        pass
    with cache.holding(names[:1]) as held:
        assert cache.keep_only(lambda: names[1:2]) == 1
        assert Path(held[0]).exists()  # it is being read
        assert kept() == 2
    assert cache.keep_only(lambda: names[1:2]) == 1
    assert kept() == 1


def test_a_record_is_found_among_files_whose_ids_reach_over_all_of_time(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest = min(recorded.records, key=place)
    identifier = UUID(oldest["request_id"])
    (real,) = around(str(identifier), 0, 0).files
    row = LakeFile.objects.using(LEDGER).get(id=real.id)
    others = [_forged(row, number) for number in range(3)]
    LakeFile.objects.using(LEDGER).bulk_create(others)
    store = open_store(recorded.settings.objects_url)
    for other in others:
        store.put(other.path, store.get(row.path))
    try:
        monkeypatch.setattr(reading, "AT_ONCE_FILES", 1)
        asked: list[Sequence[str]] = []

        def noted(names: Sequence[str]) -> AbstractContextManager[list[str]]:
            asked.append(names)
            return at_hand(names)

        monkeypatch.setattr(reading, "at_hand", noted)
        found = reading.by_request_id(identifier)
        assert found is not None
        assert found["request_id"] == oldest["request_id"]
        assert asked == [[row.path]]  # the files of another time come later, and one portion after the other
        monkeypatch.setattr(sources, "MOST_FILES", 1)
        with pytest.raises(Problem) as refused:
            reading.by_request_id(UUID(int=identifier.int ^ 1))
        assert (refused.value.status, refused.value.code) == (503, "search_too_large")
    finally:
        LakeFile.objects.using(LEDGER).filter(path__startswith="lake/forged").delete()
        for other in others:
            store.delete(other.path)


def _forged(row: LakeFile, number: int) -> LakeFile:
    """List a file of a later time, whose ids are as small and as large as there are."""
    later = microseconds(BEGAN + timedelta(days=number + 1))
    return LakeFile(
        **{field.attname: getattr(row, field.attname) for field in LakeFile._meta.concrete_fields}
        | {
            "id": None,
            "path": f"lake/forged/{number}.parquet",
            "min_request_id": str(UUID(int=0)),
            "max_request_id": str(UUID(int=2**128 - 1)),
            "min_started_at_us": later,
            "max_started_at_us": later + 1,
        }
    )


# From here on all of it is in the lake.


def test_a_cursor_outlives_the_move_of_its_records(recorded: Recorded) -> None:
    first = reading.newest_first(Filter(), limit=50, before=None, since_us=None)
    recorded.move(BEGAN + timedelta(hours=1))
    assert SegmentContent.objects.using(LEDGER).count() == 0
    rest = ids(pages(Filter(), 50, before=first.next_place))
    assert [record["request_id"] for record in first.records] + rest == recorded.expected(Filter())


def test_a_record_is_told_the_same_from_the_lake_as_from_its_segment(recorded: Recorded) -> None:
    by_id = {record["request_id"]: record for record in recorded.records}
    lost = {"client_address", "client_port", "user_agent"}  # the lake holds them sealed only, and these are not
    recorded.move(BEGAN + timedelta(hours=1))
    for page in pages(Filter(), 200):
        for found in page.records:
            segment = by_id.pop(found["request_id"])
            assert {name: found.get(name) for name in segment.keys() - lost} == {
                name: value for name, value in segment.items() if name not in lost
            }
    assert by_id == {}
