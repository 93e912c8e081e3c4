"""Spilled segments come into the ledger once, in their order, wherever a process dies in between."""

from __future__ import annotations

import logging
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import DatabaseError, DataError
from support.admin import AdminAPI
from support.clock import FakeClock
from support.dying import Died, DyingStore
from support.segments import Recorded, recorded, refused_uses

from portazgo.kit.errors import Conflict, Unavailable
from portazgo.kit.objects import ObjectsFailed, ObjectStore, ObjectsUnreachable, open_store
from portazgo.kit.objects.uri import Folder
from portazgo.nodes.service import Contact, record_contacts
from portazgo.usage import contents, taking
from portazgo.usage.collector import LEDGER, Segment, collect, keep, verify
from portazgo.usage.contents import forget_contents, place_of, segment_bytes
from portazgo.usage.models import FreshRollup, Manifest, SegmentContent
from portazgo.usage.objects import ledger_identity
from portazgo.usage.spill import Spill
from portazgo.usage.spill_state import Waiting, waiting
from portazgo.usage.taking import Taking

pytestmark = pytest.mark.usefixtures("database")

LEDGER_ID = uuid4()


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(Folder(tmp_path / "objects"))


@pytest.fixture
def spill(store: ObjectStore) -> Spill:
    return Spill(store, LEDGER_ID)


def segments() -> list[Segment]:
    """Two segments, of two epochs."""
    return [segment_of(recorded()), segment_of(refused_uses().records)]


def segment_of(records: Recorded) -> Segment:
    (first, content), *_ = records.segments
    return verify(records.node, records.epoch, first, content)


def take(spill: Spill, *, objects_first: bool = False) -> int:
    """Look once, as a worker does that was just started."""
    return Taking(FakeClock(), lambda: spill, objects_first=objects_first).run()


def names(store: ObjectStore, prefix: str = "") -> list[str]:
    return list(store.names(prefix))


def sums() -> tuple[int, int, int]:
    """Segments, their records, and what the sums say that they are."""
    manifests = list(Manifest.objects.using(LEDGER).all())
    summed = sum(FreshRollup.objects.using(LEDGER).values_list("requests", flat=True))
    return len(manifests), sum(one.count for one in manifests), summed


def test_what_was_spilled_comes_in_whole_and_is_gone_from_there(spill: Spill, store: ObjectStore) -> None:
    for segment in segments():
        spill.put(segment)
        spill.put(segment)  # a node that did not hear the answer sends it again
    assert len(names(store)) == 2
    assert take(spill) == 2
    assert names(store) == []
    records = sum(one.summary["count"] for one in segments())
    assert sums() == (2, records, records)
    for segment in segments():
        manifest = Manifest.objects.using(LEDGER).get(epoch=segment.epoch)
        assert segment_bytes(manifest.id) == segment.content
    assert take(spill) == 0


def test_it_comes_in_by_epoch_and_then_by_sequence(spill: Spill) -> None:
    late, early = sorted(segments(), key=lambda one: str(one.epoch), reverse=True)
    spill.put(late)
    spill.put(early)
    take(spill)
    assert list(Manifest.objects.using(LEDGER).order_by("id").values_list("epoch", flat=True)) == [
        early.epoch,
        late.epoch,
    ]


def test_what_came_both_ways_counts_once(spill: Spill, store: ObjectStore) -> None:
    for segment in segments():
        keep(segment)
        spill.put(segment)
    before = sums()
    take(spill)
    assert (sums(), names(store)) == (before, [])
    spill.put(segments()[0])
    take(spill)
    assert (sums(), names(store)) == (before, [])


@pytest.mark.parametrize("objects_first", [False, True])
def test_a_worker_that_dies_at_any_step_loses_and_doubles_nothing(
    store: ObjectStore, objects_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call to the store is a step; the ledger's transaction lies between two of them."""
    for segment in segments():
        Spill(store, LEDGER_ID).put(segment)
    deaths = 0
    for step in range(100):
        dying = DyingStore(store, step)
        monkeypatch.setattr(taking, "object_store", lambda dying=dying: dying)
        monkeypatch.setattr(contents, "object_store", lambda: store)
        try:
            take(Spill(dying, LEDGER_ID), objects_first=objects_first)
        except Died:
            deaths += 1
            there = {one.split("/")[-1][:36] for one in names(store, "spill/")}
            known = {str(one) for one in Manifest.objects.using(LEDGER).values_list("epoch", flat=True)}
            assert {str(one.epoch) for one in segments()} <= there | known
        else:
            break
    assert deaths > 4
    records = sum(one.summary["count"] for one in segments())
    assert (sums(), names(store, "spill/")) == ((2, records, records), [])
    for segment in segments():
        assert segment_bytes(Manifest.objects.using(LEDGER).get(epoch=segment.epoch).id) == segment.content


def test_a_ledger_that_fails_in_between_finds_it_there_again(
    spill: Spill, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    spill.put(segments()[0])
    with monkeypatch.context() as broken:
        broken.setattr("portazgo.usage.collector.add_fresh", _fails)
        with pytest.raises(DatabaseError):
            take(spill)
    assert (sums(), len(names(store))) == ((0, 0, 0), 1)
    assert take(spill) == 1


def test_a_segment_whose_values_the_ledger_can_not_hold_is_set_aside_and_holds_up_nothing(
    spill: Spill, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sorted(segments(), key=lambda one: str(one.epoch))
    spill.put(first)
    spill.put(second)

    def add(rollups: list[dict[str, object]]) -> None:
        if rollups == first.summary["rollups"]:
            raise DataError("bigint out of range")

    monkeypatch.setattr("portazgo.usage.collector.add_fresh", add)
    assert take(spill) == 1
    assert [one.split("/")[0] for one in names(store)] == ["aside"]
    with pytest.raises(Conflict) as refused:
        keep(first)
    assert refused.value.code == "segment_unfit"


def test_a_segment_of_another_nodes_epoch_is_set_aside(spill: Spill, store: ObjectStore) -> None:
    segment = segments()[0]
    record_contacts([Contact(uuid4(), segment.epoch, "madrid", FakeClock().now())])
    spill.put(segment)
    assert take(spill) == 0
    assert ([one.split("/")[0] for one in names(store)], sums()[0]) == (["aside"], 0)


def _fails(_rollups: object) -> None:
    raise DatabaseError("the connection broke in the middle")


def test_what_can_not_come_in_is_set_aside_and_told_and_holds_up_nothing(
    spill: Spill, store: ObjectStore, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = sorted(segments(), key=lambda one: str(one.epoch))
    spill.put(Segment(first.node, first.epoch, b"damaged" + first.content, first.summary))
    spill.put(second)
    with caplog.at_level(logging.ERROR):
        assert take(spill) == 1
    (aside,) = names(store)
    assert aside.startswith(f"aside/{LEDGER_ID}/{first.epoch}.")
    assert store.get(aside) == b"damaged" + first.content
    assert caplog.records[0].__dict__["object"] == aside
    assert waiting().set_aside == 1
    # The sound one may still come, and another that is damaged too.
    spill.put(Segment(first.node, first.epoch, b"also" + first.content, first.summary))
    take(spill)
    spill.put(first)
    assert take(spill) == 1
    assert len(names(store)) == 2
    assert waiting().set_aside == 2


def test_other_bytes_in_a_place_that_the_ledger_knows_are_set_aside(spill: Spill, store: ObjectStore) -> None:
    segment = segments()[0]
    keep(segment)
    Manifest.objects.using(LEDGER).update(sha256="0" * 64)
    spill.put(segment)
    take(spill)
    assert [one.split("/")[0] for one in names(store)] == ["aside"]
    assert sums()[0] == 1


def test_what_the_ledger_has_already_leaves_no_object_behind(
    spill: Spill, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "object_store", lambda: store)
    first, second = segments()
    for segment in (first, second):
        keep(segment)
        spill.put(segment)
    Manifest.objects.using(LEDGER).filter(epoch=second.epoch).update(sha256="0" * 64)
    take(spill, objects_first=True)
    assert [one.split("/")[0] for one in names(store)] == ["aside"]


def test_other_bytes_in_a_place_of_the_spill_are_refused_as_in_the_ledger(spill: Spill) -> None:
    segment = segments()[0]
    spill.put(segment)
    with pytest.raises(Conflict, match="with other bytes"):
        spill.put(Segment(segment.node, segment.epoch, segment.content + b"x", segment.summary))


def test_what_is_another_ledgers_or_nobodys_is_left_alone(
    spill: Spill, store: ObjectStore, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = Spill(store, uuid4())
    theirs.put(segments()[0])
    store.put(f"spill/{LEDGER_ID}/README", b"nobody's")
    before = names(store)
    with caplog.at_level(logging.WARNING):
        assert take(spill) == 0
    assert (names(store), sums()) == (before, (0, 0, 0))
    assert "is none of ours" in caplog.text
    assert take(theirs) == 1


def test_what_waits_is_counted_until_it_is_in(spill: Spill, monkeypatch: pytest.MonkeyPatch) -> None:
    assert waiting() == Waiting(0, 0, 0, None, None)
    clock = FakeClock()
    worker = Taking(clock, lambda: spill, objects_first=False)
    for segment in segments():
        spill.put(segment)
    records = sum(one.summary["count"] for one in segments())
    monkeypatch.setattr(taking, "LONGEST_RUN_SECONDS", -1.0)
    assert worker.run() == 0
    assert waiting() == Waiting(2, records, 0, clock.now(), clock.now())
    monkeypatch.undo()
    assert worker.run() == 2
    assert waiting() == Waiting(0, 0, 0, None, clock.now())


def test_a_store_that_is_away_is_told_once_and_asked_again_later(caplog: pytest.LogCaptureFixture) -> None:
    calls = 0

    def away() -> Spill:
        nonlocal calls
        calls += 1
        raise ObjectsUnreachable("the store is away", "look at the network")

    worker = Taking(FakeClock(), away, objects_first=False)
    with caplog.at_level(logging.WARNING):
        assert [worker.run(), worker.run()] == [0, 0]
    assert (calls, len(caplog.records)) == (1, 1)


def test_a_segments_bytes_may_be_an_object(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "object_store", lambda: store)
    segment = segments()[0]
    place = place_of(segment.epoch, segment.summary["first"], segment.summary["sha256"])
    store.put(place, segment.content)
    keep(segment, place)
    row = SegmentContent.objects.using(LEDGER).get()
    assert (bytes(row.content), row.place) == (b"", place)
    assert segment_bytes(row.manifest_id) == segment.content
    assert forget_contents([row.manifest_id]) == 1
    assert (names(store), segment_bytes(row.manifest_id), forget_contents([row.manifest_id])) == ([], None, 0)
    assert Manifest.objects.using(LEDGER).count() == 1


def test_an_object_that_is_missing_or_altered_is_never_taken_for_records(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "object_store", lambda: store)
    segment = segments()[0]
    keep(segment, "segments/one")
    manifest = Manifest.objects.using(LEDGER).get().id
    with pytest.raises(Unavailable, match="there is no object segments/one"):
        segment_bytes(manifest)
    store.put("segments/one", segment.content[:-1] + bytes([segment.content[-1] ^ 1]))
    with pytest.raises(Unavailable, match="is not what was written"):
        segment_bytes(manifest)


def test_objects_that_can_not_be_removed_keep_their_rows(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> ObjectStore:
        raise ObjectsUnreachable("the store is away", "look at the network")

    segment = segments()[0]
    keep(segment, "segments/one")
    manifest = Manifest.objects.using(LEDGER).get().id
    monkeypatch.setattr(contents, "object_store", away)
    with pytest.raises(ObjectsFailed):
        forget_contents([manifest])
    assert SegmentContent.objects.using(LEDGER).count() == 1
    monkeypatch.setattr(contents, "object_store", lambda: store)
    assert forget_contents([manifest]) == 1


def test_a_ledger_is_the_same_for_ever() -> None:
    assert ledger_identity() == ledger_identity()
    records = recorded()
    first, content = records.segments[0]
    collect(records.node, records.epoch, first, content)
    assert ledger_identity() == ledger_identity()


def test_what_waits_in_the_store_is_told_by_the_balance_and_as_a_metric(
    api: AdminAPI, spill: Spill, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api.get("/usage/balance").body["spilled"]["looked_at"] is None
    for segment in segments():
        spill.put(segment)
    records = sum(one.summary["count"] for one in segments())
    monkeypatch.setattr(taking, "LONGEST_RUN_SECONDS", -1.0)
    take(spill)
    told = api.get("/usage/balance").body["spilled"]
    assert (told["segments"], told["records"], told["set_aside"]) == (2, records, 0)
    assert told["since"] == told["looked_at"] is not None
    page = api.get("/usage/metrics").body.decode()
    assert f"portazgo_ledger_records_spilled {records}\n" in page
    assert "portazgo_ledger_segments_set_aside 0\n" in page
