"""What is lost, damaged or impossible is named, left out, and holds up nothing else of the lake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.admin import AdminAPI
from support.clock import FakeClock
from support.deployed_lake import BEGAN, ROWS, Deployed, deployed_lake, ids_in, listed

from portazgo.kit.clock import microseconds
from portazgo.kit.errors import Unavailable
from portazgo.kit.objects import ObjectsUnreachable, open_store
from portazgo.lake import compacting
from portazgo.lake.models import LakeFile
from portazgo.lake.running import Children, LakeFailed
from portazgo.lake.unreadable import AGAIN_AFTER
from portazgo.lake.writing import Writing
from portazgo.usage import contents
from portazgo.usage.collector import LEDGER, keep, verify
from portazgo.usage.models import Manifest, SegmentContent

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def deployed(tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    made = deployed_lake(tmp_path, clock)
    store = open_store(made.settings.objects_url)
    monkeypatch.setattr(contents, "object_store", lambda: store)
    return made


def as_objects(deployed: Deployed, segments: int) -> list[Path]:
    """Collect segments whose bytes are objects. Returns where they lie."""
    store = open_store(deployed.settings.objects_url)
    places = []
    for number in range(segments):
        first, content = deployed.node.segment(microseconds(BEGAN + number * timedelta(seconds=20)), ROWS)
        segment = verify(deployed.node.node, deployed.node.epoch, first, content)
        place = contents.place_of(segment.epoch, first, segment.summary["sha256"])
        store.put(place, content)
        assert keep(segment, place).stored
        places.append(deployed.folder / place)
    return places


def damage(path: Path, at: int = 1_000) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def waiting() -> int:
    return Manifest.objects.using(LEDGER).filter(lake_file__isnull=True).count()


def test_segments_that_are_lost_hold_up_no_other(deployed: Deployed) -> None:
    places = as_objects(deployed, 5)
    lost = places[1].read_bytes()
    places[1].unlink()
    damage(places[3], at=-1)
    lake = deployed.lake()
    with pytest.raises(LakeFailed, match=r"records 41 to 80 of epoch .* are lost: there is no object .*and 1 more"):
        lake.work()
    assert ([file.rows for file in listed()], waiting()) == ([3 * ROWS], 2)
    lake.work()
    assert waiting() == 2
    # What is brought back is found without a new start.
    places[1].write_bytes(lost)
    deployed.clock.move(AGAIN_AFTER)
    with pytest.raises(LakeFailed, match="records 121 to 160"):
        lake.work()
    assert (sum(file.rows for file in listed()), waiting()) == (4 * ROWS, 1)


def test_a_store_that_is_away_for_a_moment_costs_no_segment_its_place(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise ObjectsUnreachable("the store is away", "look at the network")

    as_objects(deployed, 2)
    lake = deployed.lake()
    with monkeypatch.context() as broken:
        broken.setattr(contents, "object_store", away)
        with pytest.raises(Unavailable, match="the store is away"):
            lake.work()
    lake.work()
    assert ([file.rows for file in listed()], waiting()) == ([2 * ROWS], 0)


def test_files_that_are_lost_hold_up_neither_the_others_nor_what_retention_takes(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(compacting, "FILES_AT_ONCE", 2)
    writing = Writing(deployed.settings, Children(deployed.settings), deployed.clock)
    deployed.node.environments = (2, 1)
    for number in range(4):
        deployed.collect(BEGAN + number * timedelta(seconds=1))
        assert writing.write_next() is not None
    missing, damaged, *others = listed()
    bad = {missing.path, damaged.path}
    (deployed.folder / missing.path).unlink()
    damage(deployed.folder / damaged.path)
    lake = deployed.lake()
    with pytest.raises(LakeFailed, match=f"{missing.path} is missing: restore it"):
        lake.work()
    assert f"{damaged.path} is not as it was written: restore it" in caplog.text
    (merged,) = [file for file in listed() if file.path not in bad]
    assert (merged.rows, len(listed())) == (2 * ROWS, 3)
    # Replaced files are deleted in the same round in which others can't be read, and rows of tests go.
    deployed.clock.wall = BEGAN + timedelta(days=91)
    with pytest.raises(LakeFailed):
        lake.work()
    assert {file.path: file.rows for file in listed()}.pop(missing.path) == ROWS
    assert sum(file.rows for file in listed()) == 2 * ROWS + ROWS
    assert not LakeFile.objects.using(LEDGER).filter(id__in=[one.id for one in others], deleted_at=None).exists()
    # They go when the last of their rows may.
    deployed.clock.wall = BEGAN + timedelta(days=401)
    with pytest.raises(LakeFailed):
        lake.work()
    assert listed() == []


def test_what_can_not_be_written_holds_up_nothing_else(deployed: Deployed) -> None:
    deployed.clock.wall = BEGAN + timedelta(minutes=3)
    deployed.collect(BEGAN)
    deployed.lake().work()
    assert SegmentContent.objects.using(LEDGER).count() == 1
    deployed.clock.wall = BEGAN + timedelta(days=401)
    deployed.collect(deployed.clock.wall - timedelta(hours=1))
    with pytest.raises(LakeFailed):
        deployed.lake(memory_bytes=1 << 20).work()
    assert (listed(), SegmentContent.objects.using(LEDGER).count(), waiting()) == ([], 1, 1)


@pytest.mark.parametrize("ended", [-(2**63), -(2**57)])
def test_a_segment_of_an_impossible_day_holds_up_no_other(deployed: Deployed, api: AdminAPI, ended: int) -> None:
    deployed.collect(BEGAN)
    strange = Manifest.objects.using(LEDGER).get()
    Manifest.objects.using(LEDGER).update(ended_at_us=ended)
    told = api.get("/lake").body["waiting"]
    assert (told["segments"], told["records"]) == (1, ROWS)
    ids = deployed.collect(BEGAN, 2)
    lake = deployed.lake()
    with pytest.raises(LakeFailed, match="end at a time that no calendar has"):
        lake.work()
    assert ids_in(deployed.folder, listed()) == sorted(ids)
    lake.work()
    # Its bytes go as those of what was kept long enough, and nobody waits for it then.
    Manifest.objects.using(LEDGER).filter(id=strange.id).update(dropped_at=deployed.clock.now())
    assert api.get("/lake").body["waiting"] == {"segments": 0, "records": 0, "oldest_ended_at": None}


def test_a_call_that_says_it_begins_much_later_keeps_no_other_in_the_lake(deployed: Deployed) -> None:
    deployed.node.environments = (2, 1)
    deployed.collect(BEGAN)
    lake = deployed.lake()
    lake.work()
    (file,) = listed()
    LakeFile.objects.using(LEDGER).update(max_started_at_us=microseconds(datetime(2199, 1, 1, tzinfo=UTC)))
    deployed.clock.wall = BEGAN + timedelta(days=90)  # the day does not end with the call
    lake.work()
    assert listed() == [file]
    deployed.clock.move(timedelta(days=1))
    lake.work()
    assert [one.rows for one in listed()] == [ROWS // 2]
    LakeFile.objects.using(LEDGER).update(max_started_at_us=microseconds(datetime(2199, 1, 1, tzinfo=UTC)))
    deployed.clock.wall = BEGAN + timedelta(days=401)
    lake.work()
    assert listed() == []
