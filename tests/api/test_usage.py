"""Usage: sums over a real node's records."""

from __future__ import annotations

import numpy as np
import pytest
from support.admin import AdminAPI
from support.made_segments import Node
from support.segments import APPLICATION, PARTNER, Recorded, recorded
from support.world import pointers

from portazgo._native import summarize_segment
from portazgo.kit.errors import Conflict, Invalid
from portazgo.kit.ids import uuid7
from portazgo.usage.collector import LEDGER, collect, verify
from portazgo.usage.models import FreshRollup, Manifest
from portazgo.usage.rollups import LARGEST_SUM, MEMBERS, SUMS

pytestmark = pytest.mark.usefixtures("database")


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


TOO_MUCH = (4, 2**62, 0, 0, 0)


@pytest.mark.parametrize(
    ("member", "value"), [("minutes", (-9 * 10**18, 0)), ("minutes", (0, 9 * 10**18)), ("totals", TOO_MUCH)]
)
def test_a_segment_whose_sums_no_call_makes_is_refused_before_it_stops_those_of_all(
    database: None, monkeypatch: pytest.MonkeyPatch, member: str, value: tuple[int, ...]
) -> None:
    records = recorded()
    first, content = records.segments[0]
    # A node that wants to do harm can sign any number; ours has none.
    summary = summarize_segment(content)
    monkeypatch.setattr("portazgo._native.summarize_segment", lambda _: {**summary, member: value})
    with pytest.raises(Invalid) as refused:
        collect(records.node, records.epoch, first, content)
    assert refused.value.code == "segment_invalid"
    assert not Manifest.objects.using(LEDGER).exists()


def test_the_summary_of_a_segment_is_that_of_its_sums() -> None:
    _, content = recorded().segments[0]
    summary = summarize_segment(content)
    keys, sums = zip(*summary["rollups"], strict=True)
    assert len(keys) > 1
    assert summary["totals"] == tuple(map(sum, zip(*sums, strict=True)))
    minutes = [key[0] for key in keys]
    assert summary["minutes"] == (min(minutes), max(minutes))
    kid = MEMBERS.index("kid") + 1
    assert summary["used"] == sorted({(key[kid], max(minutes)) for key in keys if key[kid]})
    assert summary["refused"] == []


@pytest.mark.parametrize("member", ["started_at_us", "ended_at_us"])
@pytest.mark.parametrize("value", [-(2**63), -1, 7_258_118_400_000_000, 2**63 - 1])
def test_a_segment_of_times_that_no_calendar_has_is_refused(
    database: None, monkeypatch: pytest.MonkeyPatch, member: str, value: int
) -> None:
    records = recorded()
    first, content = records.segments[0]
    summary = summarize_segment(content)
    monkeypatch.setattr("portazgo._native.summarize_segment", lambda _: {**summary, member: value})
    with pytest.raises(Invalid) as refused:
        collect(records.node, records.epoch, first, content)
    assert refused.value.code == "segment_invalid"


@pytest.mark.parametrize("began_us", [-(2**63), 2**63 - 1])
def test_a_segment_without_records_has_a_time_too(database: None, began_us: int) -> None:
    made = Node(np.random.default_rng(1), uuid7(), uuid7())
    first, content = made.empty_segment(1_795_536_000_000_000)
    assert collect(made.node, made.epoch, first, content).stored
    made = Node(np.random.default_rng(1), uuid7(), uuid7())
    first, content = made.empty_segment(began_us)
    with pytest.raises(Invalid) as refused:
        collect(made.node, made.epoch, first, content)
    assert refused.value.code == "segment_invalid"


def test_what_is_too_much_for_its_records_is_refused_however_many_sums_share_it(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = recorded()
    first, content = records.segments[0]
    summary = summarize_segment(content)
    # A week of four WebSockets, as a node has them when it ends.
    long = (4, 0, 0, 0, 4 * 7 * 86_400 * 1_000_000)
    monkeypatch.setattr("portazgo._native.summarize_segment", lambda _: {**summary, "totals": long})
    verify(records.node, records.epoch, first, content)
    many = (4, 1_000 * 2**40, 0, 0, 0)
    monkeypatch.setattr("portazgo._native.summarize_segment", lambda _: {**summary, "totals": many})
    with pytest.raises(Invalid) as refused:
        verify(records.node, records.epoch, first, content)
    assert refused.value.code == "segment_invalid"


def test_a_sum_that_is_full_stops_no_segment_that_adds_to_it(collected: Recorded) -> None:
    FreshRollup.objects.using(LEDGER).update(**dict.fromkeys(SUMS, 2**63 - 1))
    first, content = collected.segments[0]
    Manifest.objects.using(LEDGER).all().delete()
    assert collect(collected.node, collected.epoch, first, content).stored
    assert set(FreshRollup.objects.using(LEDGER).values_list(*SUMS)) == {(LARGEST_SUM,) * len(SUMS)}


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


def test_sums_that_64_bits_do_not_hold_are_as_much_as_there_can_be_and_fail_no_report(
    api: AdminAPI, collected: Recorded
) -> None:
    (row, *_) = FreshRollup.objects.using(LEDGER).filter(partner="")
    members = {name: getattr(row, name) for name in ("minute_us", *MEMBERS)}
    full = [
        FreshRollup(**{**members, "kid": f"Kid{number:07}"}, requests=1, **dict.fromkeys(SUMS[1:], LARGEST_SUM))
        for number in range(9)
    ]
    FreshRollup.objects.using(LEDGER).bulk_create(full)
    (total,) = api.get("/usage").body["items"]
    assert (total["requests"], total["units"], total["bytes_in"]) == (4 + 9, 2**62, 2**62)
    rows = {row["partner"]: row for row in api.get("/usage", {"group_by": "partner"}).body["items"]}
    assert (rows[""]["requests"], rows[""]["units"]) == (2 + 9, 2**62)
    assert (rows[PARTNER]["requests"], rows[PARTNER]["units"] < 2**20) == (2, True)
