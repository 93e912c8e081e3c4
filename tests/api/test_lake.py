"""Records get to the lake once each, whoever dies when; merging moves them, and a reader of an older list finds its files."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from support.admin import AdminAPI
from support.clock import FakeClock
from support.deployed_lake import BEGAN, ROWS, Deployed, deployed_lake, ids_in, listed

from portazgo import _native
from portazgo.kit.clock import microseconds
from portazgo.kit.objects import open_store
from portazgo.lake import compacting
from portazgo.lake.cleaning import delete_replaced, retire_before
from portazgo.lake.compacting import merge
from portazgo.lake.models import LakeFile, LakeWrite
from portazgo.lake.registering import GIVEN_UP_AFTER, Overtaken, note_write, register_written
from portazgo.lake.retention import drop_next
from portazgo.lake.running import Children, LakeFailed
from portazgo.lake.writing import Writing
from portazgo.usage.collector import LEDGER
from portazgo.usage.contents import segment_bytes
from portazgo.usage.models import Manifest, SegmentContent

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def deployed(tmp_path: Path, clock: FakeClock) -> Deployed:
    return deployed_lake(tmp_path, clock)


def holds(deployed: Deployed, ids: list[str]) -> None:
    """Every record is in the lake once, every segment names its file, and the list says what is in the files."""
    files = listed()
    assert ids_in(deployed.folder, files) == sorted(ids)
    manifests = Manifest.objects.using(LEDGER).all()
    assert all(manifest.lake_file_id is not None for manifest in manifests)
    assert sum(file.rows + file.dropped_rows for file in files) == sum(manifest.count for manifest in manifests)
    for file in files:
        table = pq.read_table(deployed.folder / file.path)
        started = table["started_at"].to_pylist()
        assert started == sorted(started)
        assert (file.min_started_at_us, file.max_started_at_us) == (microseconds(started[0]), microseconds(started[-1]))
        told = table["request_id"].to_pylist()
        assert (file.rows, file.min_request_id, file.max_request_id) == (len(told), min(told), max(told))
        assert file.bytes == (deployed.folder / file.path).stat().st_size


def lasted(record: dict[str, Any]) -> dict[str, int]:
    """Tell how long each phase of a call took: until the next one, and the last one until the end."""
    clocks = record["phases"]
    ends = [*clocks.values(), record["finished_at_us"] - record["started_at_us"]][1:]
    return {f"phase_{name}": end - begin for (name, begin), end in zip(clocks.items(), ends, strict=True)}


def test_finished_slices_get_to_the_lake_and_what_is_young_stays(deployed: Deployed) -> None:
    ids = deployed.collect(BEGAN, 5)
    deployed.clock.wall = BEGAN + timedelta(minutes=1, seconds=50)
    deployed.lake().work()
    # Slices end with minutes: of 00:00, 00:20, 00:40, 01:00, 01:20 none is finished for a minute and in a whole minute.
    assert listed() == []
    deployed.clock.move(timedelta(seconds=15))
    deployed.lake().work()
    assert [file.rows for file in listed()] == [3 * ROWS]
    deployed.clock.move(timedelta(minutes=5))
    deployed.lake().work()
    holds(deployed, ids)
    assert {file.day for file in listed()} == {date(2026, 11, 24)}


def test_how_far_the_lake_is_is_told_as_metrics(deployed: Deployed, api: AdminAPI) -> None:
    def told() -> dict[str, float]:
        lines = api.get("/usage/metrics").body.decode().splitlines()
        return {
            name: float(value) for name, value in (line.split() for line in lines if line.startswith("portazgo_lake_"))
        }

    deployed.collect(BEGAN, 5)
    before = told()
    assert (before["portazgo_lake_files"], before["portazgo_lake_records_waiting"]) == (0, 5 * ROWS)
    assert before["portazgo_lake_oldest_waiting_seconds"] > 0
    assert "portazgo_lake_last_written_timestamp_seconds" not in before
    deployed.clock.wall = BEGAN + timedelta(hours=1)
    deployed.lake().work()
    after, files = told(), listed()
    assert (after["portazgo_lake_files"], after["portazgo_lake_bytes"]) == (len(files), sum(one.bytes for one in files))
    assert (after["portazgo_lake_records_waiting"], after["portazgo_lake_oldest_waiting_seconds"]) == (0, 0)
    written = max(one.written_at for one in files).timestamp()
    assert after["portazgo_lake_last_written_timestamp_seconds"] == pytest.approx(written, abs=0.01)


def test_the_lake_tells_what_the_records_are(deployed: Deployed) -> None:
    deployed.collect(BEGAN)
    (content,) = [bytes(row.content) for row in SegmentContent.objects.using(LEDGER).all()]
    deployed.lake().work()
    (file,) = listed()
    rows = pq.read_table(deployed.folder / file.path).to_pylist()
    records = _native.decode_segment(content)
    assert len(rows) == len(records) == ROWS
    for row, record in zip(
        rows, sorted(records, key=lambda one: (one["started_at_us"], one["request_id"])), strict=True
    ):
        started, duration = microseconds(row.pop("started_at")), row.pop("duration_us")
        assert (started, started + duration) == (record["started_at_us"], record["finished_at_us"])
        own = row.pop("own_us")
        took = {name: row.pop(name) for name in [*row] if name.startswith("phase_")}
        took["phase_forward_connect_us"] = own if own is None else duration - own
        assert {name: value for name, value in took.items() if value is not None} == lasted(record)
        assert row["bytes_out"] - row.pop("own_bytes_out") == record["backend_bytes_in"]
        assert row.pop("claimed_kid") is None
        assert (row.pop("personal", None), row.pop("personal_key", None)) == (
            record.get("personal"),
            record.get("personal_key"),
        )
        assert row == {name: record[name] for name in row}


def test_a_segment_goes_to_the_day_of_its_end(deployed: Deployed) -> None:
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    ids = deployed.collect(midnight - timedelta(seconds=60), 6)
    deployed.lake().work()
    holds(deployed, ids)
    assert sorted({file.day for file in listed()}) == [date(2026, 11, 23), date(2026, 11, 24)]
    for file in listed():
        assert file.path.startswith(f"lake/day={file.day}/")


def test_bytes_are_dropped_only_when_they_are_in_the_lake_and_old(deployed: Deployed) -> None:
    began = deployed.clock.wall - timedelta(minutes=5)
    deployed.collect(began)
    deployed.lake().work()
    assert SegmentContent.objects.using(LEDGER).count() == 1
    deployed.clock.move(deployed.settings.segments_kept - timedelta(minutes=10))
    late = deployed.collect(began)
    for path in deployed.folder.rglob("*.parquet"):
        assert path.stat().st_size
    deployed.clock.move(timedelta(minutes=10))
    hindered = deployed.lake(memory_bytes=1 << 20)
    with pytest.raises(LakeFailed):
        hindered.work()
    # What could not be written stays, and holds up nothing else.
    (left,) = SegmentContent.objects.using(LEDGER).select_related("manifest")
    assert left.manifest.lake_file is None
    deployed.lake().work()
    assert SegmentContent.objects.using(LEDGER).count() == 0
    assert len(late) == ROWS


def test_a_child_that_takes_too_much_memory_or_time_is_ended_and_nothing_is_lost(deployed: Deployed) -> None:
    ids = deployed.collect(BEGAN, 3)
    for bounds in ({"memory_bytes": 200 << 20}, {"seconds": 0.05}):
        with pytest.raises(LakeFailed):
            deployed.lake(**bounds).work()
        assert listed() == []
    deployed.lake().work()
    holds(deployed, ids)


def test_a_damaged_segment_is_named_and_the_others_go_on(deployed: Deployed) -> None:
    ids = deployed.collect(BEGAN, 2)
    first = Manifest.objects.using(LEDGER).order_by("id")[0]
    row = SegmentContent.objects.using(LEDGER).get(manifest=first)
    content = bytearray(row.content)
    content[200] ^= 1
    SegmentContent.objects.using(LEDGER).filter(manifest=first).update(content=bytes(content))
    lake = deployed.lake()
    with pytest.raises(LakeFailed, match="a segment can't be read"):
        lake.work()
    lake.work()
    assert ids_in(deployed.folder, listed()) == sorted(ids[ROWS:])
    assert segment_bytes(first.id) == bytes(content)


def test_a_file_that_changed_in_the_store_is_never_merged(deployed: Deployed) -> None:
    deployed.collect(BEGAN)
    lake = deployed.lake()
    lake.work()
    deployed.collect(BEGAN)
    lake.work()
    path = deployed.folder / listed()[0].path
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    deployed.clock.move(timedelta(days=2))
    with pytest.raises(LakeFailed, match="is not as it was written"):
        lake.work()
    assert len(listed()) == 2


def test_small_files_are_merged_and_readers_of_the_older_list_find_theirs(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compacting, "FILES_AT_ONCE", 3)
    ids: list[str] = []
    writing = Writing(deployed.settings, Children(deployed.settings), deployed.clock)
    for number in range(7):
        # Each reaches into the next, as segments of several nodes do.
        ids += deployed.collect(BEGAN + number * timedelta(milliseconds=30))
        assert writing.write_next() is not None
    before = listed()
    lake = deployed.lake()
    lake.work()
    holds(deployed, ids)
    assert sorted((file.level, file.rows) for file in listed()) == [(0, ROWS), (1, 3 * ROWS), (1, 3 * ROWS)]
    assert ids_in(deployed.folder, before) == sorted(ids)
    # The day is over, and quiet: whatever is small becomes one file.
    deployed.clock.move(timedelta(days=1))
    lake.work()
    holds(deployed, ids)
    assert [(file.level, file.rows) for file in listed()] == [(2, 7 * ROWS)]
    deployed.clock.move(timedelta(days=1, minutes=1))
    lake.work()
    holds(deployed, ids)
    assert deployed.objects() == {file.path for file in listed()}
    assert LakeFile.objects.using(LEDGER).filter(deleted_at__isnull=True).count() == 1


def test_late_segments_of_an_old_day_are_merged_later(deployed: Deployed) -> None:
    ids = deployed.collect(BEGAN, 2)
    deployed.clock.move(timedelta(days=1))
    lake = deployed.lake()
    lake.work()
    ids += deployed.collect(BEGAN)
    lake.work()
    assert len(listed()) == 2
    deployed.clock.move(timedelta(hours=2))
    lake.work()
    holds(deployed, ids)
    assert len(listed()) == 1


def test_rows_of_an_environment_can_be_left_out(deployed: Deployed) -> None:
    deployed.collect(BEGAN)
    children = Children(deployed.settings)
    file = Writing(deployed.settings, children, deployed.clock).write_next()
    assert file is not None
    same = merge([file], children, deployed.clock, left_out=["test", None])
    assert (same.rows, same.dropped_rows) == (ROWS, 0)
    empty = merge([same], children, deployed.clock, left_out=["live"])
    assert (empty.rows, empty.dropped_rows, empty.requests) == (0, ROWS, 0)
    assert listed() == [empty]


def test_each_environment_leaves_the_lake_at_its_time_and_no_record_is_unaccounted_for(deployed: Deployed) -> None:
    deployed.node.environments = (2, 1, 0, 2)
    deployed.collect(BEGAN)
    children = Children(deployed.settings)
    lake = deployed.lake()
    lake.work()
    (whole,) = listed()
    evidence = list(Manifest.objects.using(LEDGER).order_by("id").values("epoch", "first_sequence", "count", "sha256"))

    def after(days: int) -> tuple[list[int], list[str], int]:
        deployed.clock.wall = BEGAN + timedelta(days=days)
        lake.work()
        files = listed()
        return (
            [file.rows for file in files],
            [file.left_out for file in files],
            sum(file.dropped_rows for file in files),
        )

    assert after(89) == ([ROWS], [""], 0)
    assert after(91) == ([ROWS // 2], ["other,test"], ROWS // 2)
    kept = duckdb.read_parquet(str(deployed.folder / listed()[0].path)).select("environment").distinct().fetchall()
    assert kept == [("live",)]
    # It is written anew for each of them once.
    assert (drop_next(deployed.settings, children, deployed.clock), after(399)[0]) == (None, [ROWS // 2])
    assert after(401) == ([], [], 0)
    gone = LakeFile.objects.using(LEDGER).get(replaced_at__isnull=False, replaced_by=None)
    assert (gone.rows + gone.dropped_rows, whole.rows) == (ROWS, ROWS)
    assert (
        list(Manifest.objects.using(LEDGER).order_by("id").values("epoch", "first_sequence", "count", "sha256"))
        == evidence
    )
    # What retention took leaves the disk too.
    deployed.clock.move(timedelta(days=1))
    lake.work()
    assert deployed.objects() == set()


def test_files_that_are_too_old_leave_the_lake(deployed: Deployed) -> None:
    deployed.collect(BEGAN)
    deployed.collect(BEGAN + timedelta(minutes=10))
    deployed.clock.wall = BEGAN + timedelta(minutes=3)
    lake = deployed.lake()
    lake.work()
    deployed.clock.move(timedelta(hours=1))
    lake.work()
    young = listed()[-1]
    assert retire_before(BEGAN + timedelta(minutes=5), deployed.clock.now()) == 1
    assert listed() == [young]
    assert len(deployed.objects()) == 2
    deployed.clock.move(timedelta(days=1))
    assert delete_replaced(deployed.settings, open_store(deployed.settings.objects_url), deployed.clock.now()) == 1
    assert deployed.objects() == {young.path}


def test_of_two_workers_one_registers_and_nothing_is_doubled(deployed: Deployed) -> None:
    ids = deployed.collect(BEGAN)
    children = Children(deployed.settings)
    other = Writing(deployed.settings, children, deployed.clock)

    class Slower(Children):
        """Another worker does the same while this one's child writes."""

        def carry_out(self, *order: Any) -> dict[str, Any]:
            answer = super().carry_out(*order)
            assert other.write_next() is not None
            return answer

    with pytest.raises(Overtaken):
        Writing(deployed.settings, Slower(deployed.settings), deployed.clock).write_next()
    holds(deployed, ids)
    assert len(deployed.objects()) == 2
    deployed.clock.move(GIVEN_UP_AFTER)
    deployed.lake().work()
    assert deployed.objects() == {file.path for file in listed()}


def test_what_was_given_up_is_never_registered(deployed: Deployed) -> None:
    deployed.collect(BEGAN)
    path = note_write(BEGAN.date(), deployed.clock.now())
    deployed.clock.move(GIVEN_UP_AFTER)
    deployed.lake().work()
    with pytest.raises(Overtaken):
        register_written(path, BEGAN.date(), {}, [], deployed.clock.now())
    assert LakeWrite.objects.using(LEDGER).filter(path=path).count() == 1
    deployed.clock.move(GIVEN_UP_AFTER)
    deployed.lake().work()
    assert not LakeWrite.objects.using(LEDGER).exists()
