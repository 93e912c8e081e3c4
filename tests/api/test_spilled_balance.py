"""What lies in the object store is late and not missing; what is in neither place is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from support.admin import AdminAPI
from support.clock import FakeClock
from support.made_segments import Node
from support.world import refusal

from portazgo.kit.clock import microseconds
from portazgo.kit.objects import ObjectsUnreachable
from portazgo.nodes.epochs import Told
from portazgo.nodes.service import Contact, record_contacts
from portazgo.usage import spilled
from portazgo.usage.collector import Segment, keep, report_epoch, verify
from portazgo.usage.objects import spill
from portazgo.usage.spill_state import note
from portazgo.usage.taking import Taking
from portazgo.usage.wholeness import LAG

pytestmark = pytest.mark.usefixtures("database")

ROWS = 10
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)


@pytest.fixture
def node(database: None) -> Node:
    return Node(np.random.default_rng(3), uuid4(), uuid4())


@pytest.fixture
def segments(node: Node) -> Iterator[list[Segment]]:
    """Four segments of an epoch, ten records each, a minute apart; what of them is left in the store is taken away."""
    yield [
        verify(node.node, node.epoch, *node.segment(microseconds(BEGAN + timedelta(minutes=number)), ROWS))
        for number in range(4)
    ]
    for found in list(spill().waiting()):
        if not isinstance(found, str):
            spill().taken(found.name)


def ends(node: Node, last_sequence: int, **members: Any) -> None:
    now = datetime.now(UTC)
    report = {"epoch": node.epoch, "node": node.node, "end": "killed", "last_sequence": last_sequence, "accepted": None}
    report_epoch({**report, "started_at": BEGAN, "ended_at": now, "seconds_at_risk": 0.0, **members})


def account(api: AdminAPI) -> dict[str, Any]:
    (one,) = api.get("/usage/balance").body["items"]
    return dict(one)


def counts(api: AdminAPI) -> tuple[Any, ...]:
    """The verdict, whether it balances, and how many are collected, spilled, missing; the missing runs."""
    one = account(api)
    runs = [(gap["first"], gap["last"]) for gap in one["missing"]]
    return one["verdict"], one["balanced"], one["collected"], one["spilled"], one["missing_records"], runs


def take(clock: FakeClock) -> int:
    return Taking(clock, spill, objects_first=False).run()


def test_an_ended_epoch_whose_records_lie_in_the_store_is_spilled_until_the_worker_has_brought_them_in(
    api: AdminAPI, node: Node, segments: list[Segment], clock: FakeClock
) -> None:
    first, second, third, fourth = segments
    keep(first)
    keep(third)
    for late in (second, fourth):
        spill().put(late)
    ends(node, 40)
    assert counts(api) == ("spilled", True, 20, 20, 0, [])
    assert api.get("/usage/balance").body["balanced"] is True
    settled = api.post(f"/usage/epochs/{node.epoch}/accept-gap", {"reason": "x"})
    assert refusal(settled) == (409, "epoch_whole")
    assert take(clock) == 2
    assert counts(api) == ("whole", True, 40, 0, 0, [])


def test_what_is_in_neither_place_is_missing_and_named_without_what_is_in_the_store(
    api: AdminAPI, node: Node, segments: list[Segment]
) -> None:
    keep(segments[0])
    spill().put(segments[2])
    ends(node, 45)
    assert counts(api) == ("missing", False, 10, 10, 25, [(11, 20), (31, 45)])
    # Another node that claims the same epoch brings nothing in here.
    stranger = segments[1]
    spill().put(Segment(uuid4(), stranger.epoch, stranger.content, stranger.summary))
    assert counts(api)[3:5] == (10, 25)


def test_what_is_in_both_places_counts_once(api: AdminAPI, node: Node, segments: list[Segment]) -> None:
    keep(segments[0])
    spill().put(segments[0])
    spill().put(segments[1])
    ends(node, 30)
    assert counts(api) == ("missing", False, 10, 10, 10, [(21, 30)])


def test_a_living_node_whose_earlier_records_are_in_the_store_is_open(
    api: AdminAPI, node: Node, segments: list[Segment]
) -> None:
    keep(segments[0])
    spill().put(segments[1])
    keep(segments[2])
    spill().put(segments[3])
    told = Told(45, 45, 45, 5, datetime.now(UTC))
    record_contacts([Contact(node.node, node.epoch, "madrid", datetime.now(UTC), told=told)])
    assert counts(api) == ("open", True, 20, 10, 0, [])
    assert account(api)["under_way"] == 15


def test_a_lost_host_is_at_risk_also_where_all_that_it_numbered_is_in_the_store(
    api: AdminAPI, node: Node, segments: list[Segment]
) -> None:
    spill().put(segments[0])
    ends(node, 10, end="host_lost", seconds_at_risk=2.5)
    assert counts(api) == ("at_risk", False, 0, 10, 0, [])


def test_a_store_that_does_not_answer_leaves_them_missing(
    api: AdminAPI, node: Node, segments: list[Segment], monkeypatch: pytest.MonkeyPatch
) -> None:
    spill().put(segments[0])
    ends(node, 10)

    def away() -> None:
        raise ObjectsUnreachable("the store does not answer", "look there")

    monkeypatch.setattr(spilled, "spill", away)
    assert counts(api) == ("missing", False, 0, 0, 10, [(1, 10)])


def test_a_report_is_complete_up_to_the_first_record_that_lies_in_the_store(
    api: AdminAPI, node: Node, segments: list[Segment]
) -> None:
    keep(segments[0])
    spill().put(segments[1])
    keep(segments[2])
    ends(node, 30)
    note([one for one in spill().waiting() if not isinstance(one, str)], 0, datetime.now(UTC))
    said = api.get("/usage").body
    assert (said["whole"], said["gaps"]["epochs"]) == (False, 0)
    until = datetime.fromisoformat(said["complete_until"])
    assert BEGAN - LAG <= until < BEGAN + timedelta(minutes=1)
