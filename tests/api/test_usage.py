"""Usage: sums and balances over a real node's records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F
from support.admin import AdminAPI
from support.clock import FakeClock
from support.segments import APPLICATION, PARTNER, Recorded, recorded
from support.world import NOBODY, pointers

from portazgo._native import summarize_segment
from portazgo.kit.errors import Conflict, Invalid
from portazgo.usage.collector import LEDGER, collect, report_epoch
from portazgo.usage.folding import Folding
from portazgo.usage.models import Manifest, MonthRollup

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def collected(database: None) -> Recorded:
    records = recorded()
    for first, content in records.segments:
        assert collect(records.node, records.epoch, first, content).stored
    return records


def ended(records: Recorded, last_sequence: int) -> None:
    now = datetime.now(UTC)
    report = {"epoch": records.epoch, "node": records.node, "end": "clean", "last_sequence": last_sequence}
    report_epoch({**report, "started_at": now - timedelta(seconds=1), "ended_at": now, "seconds_at_risk": 0.0})


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


def test_an_epoch_balances_when_all_that_it_numbered_is_here(api: AdminAPI, collected: Recorded) -> None:
    ended(collected, 4)
    report = api.get("/usage/balance").body
    assert report["balanced"] is True
    (balance,) = report["items"]
    assert balance == {
        "node": str(collected.node),
        "epoch": str(collected.epoch),
        "end": "clean",
        "last_sequence": 4,
        "collected": 4,
        "rolled_up": 4,
        "missing": [],
        "balanced": True,
    }
    assert api.get("/usage/balance", {"node": NOBODY}).body == {"items": [], "requests": None, "balanced": True}
    assert report["requests"] == {"collected": 4, "summed_up": [4, 4, 4, 4, 4], "balanced": True}


def test_sums_that_are_not_those_of_the_records_are_told(api: AdminAPI, collected: Recorded) -> None:
    ended(collected, 4)
    clock = FakeClock()
    clock.wall = datetime.now(UTC) + timedelta(minutes=10)
    assert Folding(clock).run() > 0
    assert api.get("/usage/balance").body["balanced"] is True
    MonthRollup.objects.using(LEDGER).filter(grain=1).update(requests=F("requests") + 1)
    report = api.get("/usage/balance").body
    assert report["balanced"] is False
    assert report["requests"]["summed_up"].count(4) == 4


def test_what_is_missing_is_named(api: AdminAPI, collected: Recorded) -> None:
    ended(collected, 6)
    report = api.get("/usage/balance", {"node": str(collected.node)}).body
    assert report["balanced"] is False
    assert report["items"][0]["missing"] == [{"first": 5, "last": 6}]


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


def test_a_node_that_is_no_id_is_told_so(api: AdminAPI) -> None:
    assert pointers(api.get("/usage/balance", {"node": "first"})) == {"/node"}
