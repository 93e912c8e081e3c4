"""While the ledger is late or away, segments go to the object store, and a node is told so when they are durable there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, OperationalError, connections
from starlette.requests import Request
from support.clock import FakeClock
from support.held_ledger import held
from support.segments import recorded, refused_uses

from portazgo.kit.errors import Conflict, Unauthenticated
from portazgo.kit.objects import ObjectStore, ObjectsUnreachable, open_store
from portazgo.kit.objects.uri import Folder
from portazgo.kit.web.threads import DatabaseThreads
from portazgo.nodes.internal import Caller
from portazgo.settings import Settings
from portazgo.usage import contents, spilling, together
from portazgo.usage.callers import REMEMBERED_SECONDS, Callers
from portazgo.usage.collector import LEDGER, Collected, Placed, Segment, keep_together, verify
from portazgo.usage.models import FreshRollup, Manifest, SegmentContent
from portazgo.usage.spill import Spill
from portazgo.usage.spilling import Keeping
from portazgo.usage.taking import Taking

pytestmark = pytest.mark.usefixtures("database")

LATE_AFTER = 0.3


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    store = open_store(Folder(tmp_path / "objects"))
    monkeypatch.setattr(contents, "object_store", lambda: store)
    monkeypatch.setattr(spilling, "object_store", lambda: store)
    return store


@pytest.fixture
def pools() -> Iterator[tuple[DatabaseThreads, DatabaseThreads]]:
    pools = DatabaseThreads(2), DatabaseThreads(4)
    yield pools
    for pool in pools:
        pool.close()


def segments() -> list[Segment]:
    told = []
    for records in (recorded(), refused_uses().records):
        first, content = records.segments[0]
        told.append(verify(records.node, records.epoch, first, content))
    return told


def keeping(
    pools: tuple[DatabaseThreads, DatabaseThreads], spill: Spill | None, *, objects_first: bool = False
) -> Keeping:
    return Keeping(*pools, spill, late_after_seconds=LATE_AFTER, objects_first=objects_first)


def names(store: ObjectStore) -> list[str]:
    return [name.split("/")[0] for name in store.names("")]


def whole_and_once() -> bool:
    """Every segment is there, and the sums count each record once."""
    manifests = list(Manifest.objects.using(LEDGER).all())
    requests = sum(one.requests for one in manifests)
    return {one.epoch for one in manifests} == {one.epoch for one in segments()} and requests == sum(
        FreshRollup.objects.using(LEDGER).values_list("requests", flat=True)
    )


def test_a_late_ledger_is_not_waited_for_and_nothing_counts_twice(
    pools: tuple[DatabaseThreads, DatabaseThreads], store: ObjectStore, settings: Settings, state_url: str | None
) -> None:
    spill = Spill(store, uuid4())

    async def hand_in() -> list[float]:
        keeper = keeping(pools, spill)
        took = []
        with held(settings.ledger_url, state_url):
            for segment in [*segments(), *segments()]:
                began = time.monotonic()
                assert await keeper.keep(segment)
                took.append(time.monotonic() - began)
            assert names(store) == ["spill", "spill"]
        return took

    took = asyncio.run(hand_in())
    assert took[0] >= LATE_AFTER
    # Those that follow don't wait again: one at a time finds out whether it is back.
    assert max(took[1:]) < LATE_AFTER * 5
    # The collector's own attempts may end only now, and have a segment just when the worker takes it.
    deadline = time.monotonic() + 30
    while names(store) and time.monotonic() < deadline:
        Taking(FakeClock(), lambda: spill, objects_first=False).run()
    assert whole_and_once()
    assert names(store) == []


def test_a_lock_that_stays_is_not_waited_for_without_an_end(settings: Settings, state_url: str | None) -> None:
    placed = [Placed(segment, "") for segment in segments()]

    with held(settings.ledger_url, state_url), pytest.raises(OperationalError):
        keep_together(placed)

    assert [one.stored for one in keep_together(placed) if isinstance(one, Collected)] == [True, True]
    assert whole_and_once()


def test_connections_to_postgresql_notice_a_host_that_died(state_url: str | None) -> None:
    if state_url is None:
        return  # SQLite has no host
    for alias in ("default", LEDGER):
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT current_setting('lock_timeout'), current_setting('tcp_keepalives_idle')")
            locks, idle = cursor.fetchone()
        # Over a local socket there is nothing to keep alive, and PostgreSQL says 0.
        assert (locks, idle) in {("5s", "10"), ("5s", "0")}
        assert connections[alias].connection.info.get_parameters()["tcp_user_timeout"] == "20000"


def test_a_ledger_that_is_in_time_again_is_used_again(
    pools: tuple[DatabaseThreads, DatabaseThreads], store: ObjectStore, settings: Settings, state_url: str | None
) -> None:
    first, second = segments()

    async def manifests() -> int:
        return await pools[0].run(lambda: Manifest.objects.using(LEDGER).count())

    async def run() -> None:
        keeper = keeping(pools, Spill(store, uuid4()))
        with held(settings.ledger_url, state_url):
            await keeper.keep(first)
        deadline = time.monotonic() + 30
        while await manifests() < 2:
            await keeper.keep(second)
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)

    asyncio.run(run())
    assert whole_and_once()


@pytest.mark.parametrize("spills", [True, False])
def test_a_database_that_refuses_at_once_is_not_waited_for(
    pools: tuple[DatabaseThreads, DatabaseThreads], store: ObjectStore, monkeypatch: pytest.MonkeyPatch, spills: bool
) -> None:
    def refuses(*_: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(together, "keep_together", refuses)
    keeper = keeping(pools, Spill(store, uuid4()) if spills else None)
    if spills:
        assert asyncio.run(keeper.keep(segments()[0]))
        assert names(store) == ["spill"]
    else:
        with pytest.raises(DatabaseError):
            asyncio.run(keeper.keep(segments()[0]))


class Unreachable:
    """A store that is away."""

    def __getattr__(self, _name: str) -> Any:
        def call(*_: object, **__: object) -> None:
            raise ObjectsUnreachable("the store is away", "look at the network")

        return call


def test_where_the_store_is_away_too_nothing_is_acknowledged_before_the_ledger_has_it(
    pools: tuple[DatabaseThreads, DatabaseThreads], settings: Settings, state_url: str | None
) -> None:
    async def hand_in() -> None:
        keeper = keeping(pools, Spill(Unreachable(), uuid4()))
        with held(settings.ledger_url, state_url):
            keeps = asyncio.ensure_future(keeper.keep(segments()[0]))
            await asyncio.sleep(LATE_AFTER * 3)
            assert not keeps.done()
        assert await keeps

    asyncio.run(hand_in())
    assert Manifest.objects.using(LEDGER).count() == 1


def test_what_the_ledger_refuses_is_never_spilled(
    pools: tuple[DatabaseThreads, DatabaseThreads], store: ObjectStore
) -> None:
    keeper = keeping(pools, Spill(store, uuid4()))
    assert asyncio.run(keeper.keep(segments()[0]))
    assert asyncio.run(keeper.keep(segments()[0])) is False
    Manifest.objects.using(LEDGER).update(sha256="0" * 64)
    with pytest.raises(Conflict):
        asyncio.run(keeper.keep(segments()[0]))
    assert names(store) == []


def test_bytes_go_to_the_store_first_where_that_is_wished_and_to_the_ledger_where_it_is_away(
    pools: tuple[DatabaseThreads, DatabaseThreads], store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = keeping(pools, None, objects_first=True)
    first, second = segments()
    assert asyncio.run(keeper.keep(first))
    monkeypatch.setattr(spilling, "object_store", Unreachable)
    assert asyncio.run(keeper.keep(second))
    places = {row.manifest.epoch: row.place for row in SegmentContent.objects.using(LEDGER).select_related("manifest")}
    assert names(store) == ["segments"]
    assert (places[first.epoch][:9], places[second.epoch]) == ("segments/", "")
    for segment in (first, second):
        manifest = Manifest.objects.using(LEDGER).get(epoch=segment.epoch)
        assert contents.segment_bytes(manifest.id) == segment.content


def test_no_object_stays_that_no_row_names(
    pools: tuple[DatabaseThreads, DatabaseThreads], store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = keeping(pools, None, objects_first=True)
    segment = segments()[0]
    assert asyncio.run(keeper.keep(segment))
    named = list(store.names("segments/"))
    # The node did not hear the answer; and, from whatever was in between, other bytes of the same place.
    assert asyncio.run(keeper.keep(segment)) is False
    other = Segment(segment.node, segment.epoch, b"other", {**segment.summary, "sha256": "0" * 64})
    with pytest.raises(Conflict):
        asyncio.run(keeper.keep(other))
    assert list(store.names("segments/")) == named
    # When the bytes were dropped, too.
    manifest = Manifest.objects.using(LEDGER).get()
    contents.forget_contents([manifest.id])
    assert asyncio.run(keeper.keep(segment)) is False
    assert names(store) == []

    # Another collector may have kept it between the look and the transaction.
    def looked_before(one: Segment) -> str:
        return contents.place_of(one.epoch, one.summary["first"], one.summary["sha256"])

    monkeypatch.setattr(spilling, "place_for", looked_before)
    assert asyncio.run(keeper.keep(segment)) is False
    with pytest.raises(Conflict):
        asyncio.run(keeper.keep(other))
    assert names(store) == []


NODE, EPOCH = UUID(int=1), UUID(int=2)


def request_of(node: UUID = NODE, bearer: str = "ptz_node_1") -> Request:
    headers = {"authorization": f"Bearer {bearer}", "x-portazgo-node": str(node), "x-portazgo-epoch": str(EPOCH)}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw, "query_string": b""})


class State:
    """What the state answers to whoever asks who is calling."""

    def __init__(self) -> None:
        self.problem: Exception | None = None
        self.silent = False

    async def identify(self, _request: Request) -> Caller:
        """Answer."""
        if self.silent:
            await asyncio.sleep(3600)
        if self.problem is not None:
            raise self.problem
        return Caller(NODE, EPOCH, None)  # type: ignore[arg-type]


def test_a_node_that_was_let_in_lately_is_let_in_while_the_state_is_away() -> None:
    clock, state = FakeClock(), State()
    callers = Callers(state.identify, LATE_AFTER, monotonic=clock.monotonic)

    async def story() -> None:
        state.problem = OperationalError("connection refused")
        with pytest.raises(DatabaseError):
            await callers.node(request_of())  # nobody knows it yet
        state.problem = None
        assert await callers.node(request_of()) == NODE
        state.problem = OperationalError("connection refused")
        assert await callers.node(request_of()) == NODE
        for stranger in (request_of(UUID(int=3)), request_of(bearer="another")):
            with pytest.raises(DatabaseError):
                await callers.node(stranger)
        state.problem, state.silent = None, True
        began = time.monotonic()
        assert await callers.node(request_of()) == NODE
        assert time.monotonic() - began < LATE_AFTER * 10
        state.silent, state.problem = False, OperationalError("connection refused")
        clock.seconds += REMEMBERED_SECONDS
        with pytest.raises(DatabaseError):
            await callers.node(request_of())

    asyncio.run(story())


def test_a_node_that_was_refused_is_forgotten() -> None:
    state = State()
    callers = Callers(state.identify, LATE_AFTER)

    async def story() -> None:
        assert await callers.node(request_of()) == NODE
        state.problem = Unauthenticated("the node token is not valid")
        with pytest.raises(Unauthenticated):
            await callers.node(request_of())
        state.problem = OperationalError("connection refused")
        with pytest.raises(DatabaseError):
            await callers.node(request_of())

    asyncio.run(story())


def test_without_a_place_for_records_nobody_is_remembered() -> None:
    state = State()
    callers = Callers(state.identify, None)

    async def story() -> None:
        assert await callers.node(request_of()) == NODE
        state.problem = OperationalError("connection refused")
        with pytest.raises(DatabaseError):
            await callers.node(request_of())

    asyncio.run(story())
