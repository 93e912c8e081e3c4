"""Usage: sums over a real node's records."""

from __future__ import annotations

import pytest
from support.admin import AdminAPI
from support.segments import APPLICATION, PARTNER, Recorded, recorded
from support.world import pointers

from portazgo._native import summarize_segment
from portazgo.kit.errors import Conflict, Invalid
from portazgo.usage.collector import LEDGER, collect
from portazgo.usage.models import Manifest

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def collected(database: None) -> Recorded:
    records = recorded()
    for first, content in records.segments:
        assert collect(records.node, records.epoch, first, content).stored
    return records


def test_all_calls_make_one_sum(api: AdminAPI, collected: Recorded) -> None:
    (total,) = api.get("/usage").body["items"]
    assert (total["requests"], total["partner"], total["billable"]) == (4, None, None)
    assert total["bytes_out"] > 0


def test_sums_are_told_apart_by_what_is_asked_for(api: AdminAPI, collected: Recorded) -> None:
    rows = api.get("/usage", {"group_by": ["partner", "fault"]}).body["items"]
    told = {(row["partner"], row["fault"]): row["requests"] for row in rows}
    assert told == {(PARTNER, "connect_refused"): 2, ("", "key_missing"): 1, ("", "route_unknown"): 1}
    assert rows[0]["partner"] == PARTNER
    (mine,) = [row for row in api.get("/usage", {"group_by": "application"}).body["items"] if row["application"]]
    assert (mine["application"], mine["requests"]) == (APPLICATION, 2)


def test_sums_keep_to_the_time_that_is_asked_for(api: AdminAPI, collected: Recorded) -> None:
    assert api.get("/usage", {"since": "2099-01-01T00:00:00Z"}).body["items"][0]["requests"] == 0
    assert api.get("/usage", {"until": "2001-01-01T00:00:00+01:00"}).body["items"][0]["requests"] == 0
    both = {"since": "2001-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z"}
    assert api.get("/usage", both).body["items"][0]["requests"] == 4


def test_sending_a_segment_again_changes_nothing(api: AdminAPI, collected: Recorded) -> None:
    before = api.get("/usage").body
    first, content = collected.segments[0]
    assert not collect(collected.node, collected.epoch, first, content).stored
    assert api.get("/usage").body == before


def test_a_segment_that_says_something_else_is_refused(collected: Recorded) -> None:
    first, content = collected.segments[0]
    with pytest.raises(Invalid):
        collect(collected.node, collected.epoch, first, content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(Invalid):
        collect(collected.node, collected.node, first, content)
    Manifest.objects.update(sha256="0" * 64)
    with pytest.raises(Conflict):
        collect(collected.node, collected.epoch, first, content)


@pytest.mark.parametrize(("member", "value"), [("minute_us", -9 * 10**18), ("minute_us", 9 * 10**18), ("units", 2**62)])
def test_a_segment_whose_sums_no_call_makes_is_refused_before_it_stops_those_of_all(
    database: None, monkeypatch: pytest.MonkeyPatch, member: str, value: int
) -> None:
    records = recorded()
    first, content = records.segments[0]
    # A node that wants to do harm can sign any number; ours has none.
    summary = summarize_segment(content)
    row = {**summary["rollups"][0], member: value}
    monkeypatch.setattr("portazgo._native.summarize_segment", lambda _: {**summary, "rollups": [row]})
    with pytest.raises(Invalid) as refused:
        collect(records.node, records.epoch, first, content)
    assert refused.value.code == "segment_invalid"
    assert not Manifest.objects.using(LEDGER).exists()


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"group_by": "colour"}, "/group_by/0"),
        ({"since": "2026-01-01"}, "/since"),
        ({"until": "0001-01-01T00:00:00+14:00"}, "/until"),
    ],
)
def test_every_wrong_place_is_named(api: AdminAPI, query: dict[str, object], where: str) -> None:
    assert pointers(api.get("/usage", query)) == {where}
