"""Fills a lake with many records by the lake's own writer, and measures how long searches over it take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from support.made_segments import Node

from portazgo.kit.clock import microseconds
from portazgo.kit.objects.uri import Folder
from portazgo.lake.arrow import in_order, table_of
from portazgo.lake.models import LakeFile
from portazgo.lake.parquet import Writer
from portazgo.lake.registering import note_write, register_written
from portazgo.settings import current
from portazgo.traces import reading
from portazgo.traces.domain import Filter, Record
from portazgo.usage.collector import LEDGER

BEGAN = datetime(2026, 11, 24, tzinfo=UTC)
SEGMENT_ROWS = 50_000
SAMPLES = 20
PARTNERS = 2_000
FIRST = "by id, after an hour without a search"
RESTED = "by id, after a minute without a search"

Search = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Filled:
    """What was put there: a record of each segment, and how many bytes the files have."""

    samples: list[Record]
    rows: int
    bytes: int
    seconds: float


def fill(rows: int, *, file_rows: int = 1_000_000) -> Filled:
    """Write so many records of one day into files of so many each, and list them."""
    began = time.perf_counter()
    node = Node(np.random.default_rng(7), uuid4(), uuid4(), partners=PARTNERS)
    per_second = max(1, rows // 86_400)
    samples: list[Record] = []
    start = microseconds(BEGAN)
    place = current().objects_url
    assert isinstance(place, Folder)
    for first in range(0, rows, file_rows):
        name = note_write(BEGAN.date(), datetime.now(UTC))
        path = place.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = Writer(path)
        for at in range(first, min(rows, first + file_rows), SEGMENT_ROWS):
            count = min(SEGMENT_ROWS, rows - at)
            _, content = node.segment(start + at * 1_000_000 // per_second, count, per_second)
            writer.write(in_order(table_of(content)))
            samples.append(_sample(content))
        register_written(name, BEGAN.date(), asdict(writer.close()), [], datetime.now(UTC))
    size = sum(LakeFile.objects.using(LEDGER).values_list("bytes", flat=True))
    return Filled(samples, rows, size, time.perf_counter() - began)


def _sample(content: bytes) -> Record:
    """Give one record of a segment; decoding them all would take longer than writing them."""
    table = table_of(content)
    (row,) = table.slice(table.num_rows // 2, 1).to_pylist()
    return {**row, "started_at_us": microseconds(row["started_at"])}


def measure(filled: Filled, *, times: int = SAMPLES, rests: float | None = None) -> dict[str, list[float]]:
    """Search in each way that there is, each time for something else. Returns the milliseconds of each time.

    The very first search, for an id, starts the process that reads the lake: it ends when nobody has asked for an hour.
    With `rests`, the seconds until it has begun anew, the search after that is measured, too.
    """
    searches = _searches(filled)
    found = {FIRST: [_milliseconds(searches["by id"], times)]}
    if rests is not None:
        time.sleep(rests)
        found[RESTED] = [_milliseconds(searches["by id"], times + 1)]
    return found | {
        name: [_milliseconds(search, number) for number in range(times)] for name, search in searches.items()
    }


def _searches(filled: Filled) -> Mapping[str, Search]:
    def sample(number: int) -> Record:
        return filled.samples[(number * 7 + 3) % len(filled.samples)]

    def by(*names: str, **more: Any) -> Search:
        return lambda number: _page(replace(Filter(**{name: sample(number)[name] for name in names}), **more))

    def in_an_hour(number: int) -> object:
        since = sample(number)["started_at_us"]
        until = since + timedelta(hours=1) // timedelta(microseconds=1)
        return _page(Filter(partner=sample(number)["partner"]), before=(until, ""), since_us=since)

    return {
        "by id": lambda number: _one(sample(number)["request_id"]),
        "by an id that is not there": lambda _: reading.by_request_id(uuid4()),
        "first page": lambda _: _page(Filter()),
        "deep page": lambda number: _page(Filter(), before=(sample(number)["started_at_us"], "")),
        "by partner": by("partner"),
        "by application": by("application"),
        "by key": by("kid"),
        "by route": by("route"),
        "by status": lambda _: _page(Filter(status=404)),
        "by fault": lambda _: _page(Filter(fault="throttled")),
        "by blame": lambda _: _page(Filter(blame="policy")),
        "not billable": lambda _: _page(Filter(billable=False)),
        "slower than": lambda _: _page(Filter(slower_than_ms=200)),
        "by partner and fault": by("partner", fault="throttled"),
        "by partner, within an hour": in_an_hour,
        "by trace id": by("trace_id"),
        "by client request id": lambda number: _page(Filter(client_request_id=f"nobody's {number}")),
        "by what nothing has": lambda _: _page(Filter(fault="kms_unavailable")),
        "count of a partner": lambda number: reading.count(
            Filter(partner=sample(number)["partner"]), before=None, since_us=None
        ),
    }


def _page(wanted: Filter, *, before: tuple[int, str] | None = None, since_us: int | None = None) -> reading.Found:
    found = reading.newest_first(wanted, limit=50, before=before, since_us=since_us)
    assert not found.capped, wanted
    return found


def _one(request_id: str) -> Record:
    found = reading.by_request_id(UUID(request_id))
    assert found is not None
    return found


def _milliseconds(search: Search, number: int) -> float:
    started = time.perf_counter()
    search(number)
    return (time.perf_counter() - started) * 1_000
