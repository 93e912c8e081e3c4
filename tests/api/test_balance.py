"""The balance: what nodes say, what was collected, what is missing; gaps that are accepted, nodes that are lost."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from django.db import DatabaseError, connections
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError
from support.admin import AdminAPI
from support.clock import FakeClock
from support.control import ControlProcess, FeedClient
from support.documents import PROJECT
from support.made_segments import Node as MadeNode
from support.named_records import end_epoch
from support.segments import Recorded
from support.world import NOBODY, World, pointers, refusal

from portazgo.accounts.domain import Actor
from portazgo.kit.clock import SYSTEM_CLOCK, microseconds, rfc3339
from portazgo.kit.errors import Forbidden
from portazgo.kit.ids import uuid7
from portazgo.nodes.epochs import Told, require_own_epoch
from portazgo.nodes.models import Node, NodeEpoch
from portazgo.nodes.service import Contact, record_contacts
from portazgo.snapshot.feed import head_now
from portazgo.usage.balance import forget_told
from portazgo.usage.collector import LEDGER, collect, report_epoch
from portazgo.usage.folding import Folding
from portazgo.usage.gaps import declare_lost
from portazgo.usage.internal import EpochReport
from portazgo.usage.models import EpochAccount, EpochEnd, Manifest, MonthRollup

pytestmark = pytest.mark.usefixtures("database")

FEW_SECONDS = 2.0
EPOCHS = 3_000


def heard(
    records: Recorded, ago: timedelta = timedelta(0), told: Told | None = None, epoch: UUID | None = None
) -> None:
    """Have the node poll, so long ago."""
    record_contacts([Contact(records.node, epoch or records.epoch, "madrid", datetime.now(UTC) - ago, told=told)])


def told(accepted: int, journaled: int, at_risk: int = 0, since: datetime | None = None) -> Told:
    return Told(accepted, journaled, journaled, at_risk, since)


def the_account(api: AdminAPI) -> dict[str, Any]:
    (one,) = api.get("/usage/balance").body["items"]
    return dict(one)


def facts(api: AdminAPI) -> tuple[Any, ...]:
    """Verdict, state, and the counts in their order."""
    one = the_account(api)
    counts = ("accepted", "journaled", "collected", "rolled_up", "under_way", "missing_records")
    return tuple(one[name] for name in ("verdict", "state", *counts))


def test_an_epoch_is_whole_when_all_that_it_accepted_is_numbered_collected_and_summed_up(
    api: AdminAPI, collected: Recorded
) -> None:
    end_epoch(collected, 4)
    report = api.get("/usage/balance").body
    (balance,) = report["items"]
    assert balance == {
        "node": str(collected.node),
        "label": "",
        "epoch": str(collected.epoch),
        "verdict": "whole",
        "state": "clean",
        "declared": False,
        "accepted": 4,
        "journaled": 4,
        "collected": 4,
        "rolled_up": 4,
        "in_lake": 0,
        "dropped": 0,
        "under_way": 0,
        "spilled": 0,
        "missing_records": 0,
        "missing": [],
        "seconds_at_risk": 0.0,
        "acceptance": None,
        "balanced": True,
    }
    assert report["balanced"] is True
    assert report["records"] == {
        "journaled": 4,
        "collected": 4,
        "rolled_up": 4,
        "in_lake": 0,
        "dropped": 0,
        "under_way": 0,
        "missing": 0,
    }
    assert report["requests"] == {"collected": 4, "summed_up": [4, 4, 4, 4, 4], "balanced": True}
    nobodys = api.get("/usage/balance", {"node": NOBODY}).body
    assert (nobodys["items"], nobodys["requests"], nobodys["balanced"]) == ([], None, True)


def test_what_a_living_node_still_has_is_under_way_and_not_lost(api: AdminAPI, collected: Recorded) -> None:
    heard(collected, told=told(accepted=9, journaled=7, at_risk=3))
    assert facts(api) == ("open", "polls", 9, 7, 4, 4, 3, 0)
    assert api.get("/usage/balance").body["balanced"] is True
    # Its successor has begun, and is to tell how it ended.
    heard(collected, epoch=uuid7())
    successor, dead = api.get("/usage/balance").body["items"]
    assert (successor["verdict"], successor["state"], dead["verdict"], dead["state"]) == (
        "open",
        "polls",
        "open",
        "followed",
    )


def test_a_node_that_tells_nothing_any_more_is_silent_and_a_successor_without_news_of_it_no_comfort(
    api: AdminAPI, collected: Recorded
) -> None:
    heard(collected, timedelta(minutes=2), told(accepted=7, journaled=7))
    assert facts(api) == ("silent", "silent", 7, 7, 4, 4, 0, 3)
    assert api.get("/usage/balance").body["balanced"] is False
    later = uuid7()
    heard(collected, timedelta(minutes=1, seconds=30), epoch=later)
    heard(collected, epoch=later)
    states = [one["state"] for one in api.get("/usage/balance").body["items"] if one["epoch"] == str(collected.epoch)]
    assert states == ["silent"]
    # Nor is one that ships its own records, as a busy one always does: the disk may be that of this morning.
    now = datetime.now(UTC)
    for since, state in ((now - timedelta(seconds=1), "silent"), (now - timedelta(minutes=3), "followed")):
        heard(collected, epoch=later, told=told(accepted=1, journaled=1, at_risk=4, since=since))
        report = api.get("/usage/balance").body
        states = [one["state"] for one in report["items"] if one["epoch"] == str(collected.epoch)]
        # Unless it has older ones to ship, and says so.
        assert (states, report["balanced"]) == ([state], state == "followed")
        lost = api.post(f"/nodes/{collected.node}/lost", {}) if state == "followed" else None
        assert lost is None or refusal(lost) == (409, "node_alive")


def test_what_retention_dropped_is_not_missing(api: AdminAPI, collected: Recorded) -> None:
    end_epoch(collected, 4)
    Manifest.objects.using(LEDGER).update(dropped_at=datetime.now(UTC))
    one = the_account(api)
    assert (one["verdict"], one["collected"], one["in_lake"], one["missing_records"]) == ("whole", 4, 4, 0)


def test_what_is_missing_is_named_with_the_times_between_which_it_was(api: AdminAPI, collected: Recorded) -> None:
    end_epoch(collected, 6)
    report = api.get("/usage/balance", {"node": str(collected.node)}).body
    (gap,) = report["items"][0]["missing"]
    assert (report["balanced"], report["items"][0]["verdict"], gap["first"], gap["last"]) == (False, "missing", 5, 6)
    last = Manifest.objects.using(LEDGER).get()
    assert microseconds(datetime.fromisoformat(gap["since"])) == last.ended_at_us // 1_000 * 1_000
    assert gap["since"] <= gap["until"]


def test_a_segment_that_is_missing_in_the_middle_is_named_too(api: AdminAPI, collected: Recorded) -> None:
    # As if records 5 to 9 were set aside, and 10 to 13 came.
    first = Manifest.objects.using(LEDGER).get()
    Manifest.objects.using(LEDGER).create(
        **{
            **{
                field.attname: getattr(first, field.attname) for field in Manifest._meta.fields if not field.primary_key
            },
            "first_sequence": 10,
            "last_sequence": 13,
            "sha256": "1" * 64,
        }
    )
    EpochAccount.objects.using(LEDGER).update(last_sequence=13, collected=8, rolled_up=8)
    heard(collected, told=told(accepted=15, journaled=15))
    one = the_account(api)
    assert (one["verdict"], one["under_way"], one["missing_records"]) == ("missing", 2, 5)
    assert [(gap["first"], gap["last"]) for gap in one["missing"]] == [(5, 9)]


def test_times_that_no_calendar_has_are_shown_as_the_nearest(api: AdminAPI, collected: Recorded) -> None:
    # As a node could hand them in before they were refused.
    for moment, year in ((2**63 - 1, "9999"), (-(2**63), "0001")):
        Manifest.objects.using(LEDGER).update(ended_at_us=moment)
        EpochAccount.objects.using(LEDGER).update(ended_at_us=moment)
        EpochEnd.objects.using(LEDGER).all().delete()
        end_epoch(collected, 6)
        assert the_account(api)["missing"][0]["since"].startswith(year)
        EpochEnd.objects.using(LEDGER).all().delete()
        heard(collected, timedelta(minutes=5), told(accepted=6, journaled=6))
        assert api.post(f"/nodes/{collected.node}/lost", {}).status == 200


def test_a_journal_that_numbered_less_than_it_accepted_is_told(api: AdminAPI, collected: Recorded) -> None:
    end_epoch(collected, 4, accepted=5)
    assert the_account(api)["verdict"] == "uneven"
    EpochEnd.objects.using(LEDGER).update(end="killed", accepted=3)
    # A call that was taking its slot in the moment of the kill: recorded, and not counted yet.
    assert the_account(api)["verdict"] == "whole"


def test_sums_that_are_not_those_of_the_records_are_told(api: AdminAPI, collected: Recorded) -> None:
    end_epoch(collected, 4)
    clock = FakeClock()
    clock.wall = datetime.now(UTC) + timedelta(minutes=10)
    assert Folding(clock).run() > 0
    assert api.get("/usage/balance").body["balanced"] is True
    MonthRollup.objects.using(LEDGER).filter(grain=1).update(requests=F("requests") + 1)
    report = api.get("/usage/balance").body
    assert report["balanced"] is False
    assert report["requests"]["summed_up"].count(4) == 4


def test_a_lost_host_is_at_risk_until_a_person_accepts_it_and_more_that_is_missing_is_not_covered(
    api: AdminAPI, collected: Recorded
) -> None:
    end_epoch(collected, 4, end="host_lost", accepted=None, seconds_at_risk=2.5)
    assert the_account(api)["verdict"] == "at_risk"
    accepted = api.post(f"/usage/epochs/{collected.epoch}/accept-gap", {"reason": "the rack burnt"})
    assert (accepted.status, accepted.body["verdict"], accepted.body["balanced"]) == (200, "accepted", True)
    assert accepted.body["acceptance"]["reason"] == "the rack burnt"
    assert api.get("/usage/balance").body["balanced"] is True
    (row,) = api.get("/audit", {"action": "usage.gap_accepted"}).body["items"]
    assert (row["subject"], row["details"]["seconds_at_risk"]) == (str(collected.epoch), 2.5)
    # It had numbered more than its disk knew of: now that is known, it is another gap.
    heard(collected, timedelta(hours=1), told(accepted=6, journaled=6))
    assert facts(api) == ("missing", "host_lost", None, 6, 4, 4, 0, 2)


def test_only_what_is_missing_can_be_accepted(api: AdminAPI, collected: Recorded) -> None:
    path = f"/usage/epochs/{collected.epoch}/accept-gap"
    assert pointers(api.post(path, {"reason": ""})) == {"/reason"}
    assert refusal(api.post(f"/usage/epochs/{NOBODY}/accept-gap", {"reason": "x"})) == (404, "epoch_unknown")
    heard(collected, told=told(accepted=7, journaled=7))
    assert refusal(api.post(path, {"reason": "x"})) == (409, "epoch_goes_on")
    end_epoch(collected, 4)
    NodeEpoch.objects.update(accepted=4, journaled=4)
    assert refusal(api.post(path, {"reason": "x"})) == (409, "epoch_whole")


def test_a_node_whose_disk_is_gone_is_declared_lost_with_what_its_last_word_says_is_missing(
    api: AdminAPI, collected: Recorded
) -> None:
    assert refusal(api.post(f"/nodes/{NOBODY}/lost", {})) == (404, "node_unknown")
    heard(collected, told=told(accepted=7, journaled=6, at_risk=2))
    assert refusal(api.post(f"/nodes/{collected.node}/lost", {})) == (409, "node_alive")
    Node.objects.update(contact_at=datetime.now(UTC) - timedelta(minutes=5))
    died_at = datetime.now(UTC) - timedelta(minutes=4)
    lost = api.post(f"/nodes/{collected.node}/lost", {"died_at": died_at.isoformat()})
    (one,) = lost.body["items"]
    assert (one["state"], one["declared"], one["verdict"]) == ("host_lost", True, "missing")
    assert [(gap["first"], gap["last"]) for gap in one["missing"]] == [(5, 6)]
    (row,) = api.get("/audit", {"action": "node.lost"}).body["items"]
    assert row["details"] == {"epochs": [str(collected.epoch)], "missing": 2, "died_at": rfc3339(died_at)}
    assert refusal(api.post(f"/nodes/{collected.node}/lost", {})) == (409, "epochs_ended")


def test_a_declaration_whose_audit_row_could_not_be_written_is_written_by_the_same_command(
    api: AdminAPI, collected: Recorded, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard(collected, timedelta(minutes=5), told(accepted=6, journaled=6))
    with monkeypatch.context() as broken:
        broken.setattr("portazgo.usage.gaps.record", _fails)
        with pytest.raises(DatabaseError):
            declare_lost(actor, collected.node, None, clock=SYSTEM_CLOCK)
    assert (the_account(api)["declared"], api.get("/audit", {"action": "node.lost"}).body["items"]) == (True, [])
    again = api.post(f"/nodes/{collected.node}/lost", {})
    assert (again.status, [one["epoch"] for one in again.body["items"]]) == (200, [str(collected.epoch)])
    (row,) = api.get("/audit", {"action": "node.lost"}).body["items"]
    assert row["details"] == {"epochs": [str(collected.epoch)], "missing": 2, "died_at": None}
    assert refusal(api.post(f"/nodes/{collected.node}/lost", {})) == (409, "epochs_ended")


def _fails(*_: object, **__: object) -> None:
    raise DatabaseError("the state's connection broke")


def test_a_node_that_only_the_ledger_knows_can_be_declared_lost_and_settled(api: AdminAPI, collected: Recorded) -> None:
    # As after the state was restored from before it joined.
    assert facts(api)[:2] == ("silent", "silent")
    lost = api.post(f"/nodes/{collected.node}/lost", {})
    assert (lost.status, [one["state"] for one in lost.body["items"]]) == (200, ["host_lost"])
    accepted = api.post(f"/usage/epochs/{collected.epoch}/accept-gap", {"reason": "the rack burnt"})
    assert (accepted.status, accepted.body["verdict"]) == (200, "accepted")
    assert api.get("/usage/balance").body["balanced"] is True
    assert refusal(api.post(f"/nodes/{collected.node}/lost", {})) == (409, "epochs_ended")


def test_an_uneven_account_is_accepted_too_and_one_that_becomes_more_so_is_not(
    api: AdminAPI, collected: Recorded
) -> None:
    end_epoch(collected, 4, accepted=5)
    accepted = api.post(f"/usage/epochs/{collected.epoch}/accept-gap", {"reason": "reported, case 4711"})
    assert (accepted.status, accepted.body["verdict"]) == (200, "accepted")
    EpochAccount.objects.using(LEDGER).update(rolled_up=3)
    assert the_account(api)["verdict"] == "uneven"


def test_nothing_is_accepted_of_an_epoch_that_goes_on(api: AdminAPI, collected: Recorded) -> None:
    EpochAccount.objects.using(LEDGER).update(last_sequence=9)
    heard(collected, told=told(accepted=9, journaled=9))
    assert facts(api)[:2] == ("missing", "polls")
    path = f"/usage/epochs/{collected.epoch}/accept-gap"
    assert refusal(api.post(path, {"reason": "x"})) == (409, "epoch_goes_on")
    end_epoch(collected, 9)
    assert api.post(path, {"reason": "x"}).body["verdict"] == "accepted"


def test_an_epoch_is_of_the_node_that_polled_with_it_first(api: AdminAPI, collected: Recorded) -> None:
    other = uuid7()
    heard(collected)
    record_contacts([Contact(other, collected.epoch, "madrid", datetime.now(UTC))])
    assert [row.node_id for row in NodeEpoch.objects.all()] == [collected.node]
    require_own_epoch(collected.node, collected.epoch)
    require_own_epoch(other, uuid7())
    with pytest.raises(Forbidden):
        require_own_epoch(other, collected.epoch)


def test_records_and_ends_of_another_nodes_epoch_are_refused(api: AdminAPI, database: None) -> None:
    chance, epoch = np.random.default_rng(1), uuid7()
    owner, other = MadeNode(chance, uuid7(), epoch), MadeNode(chance, uuid7(), epoch)
    for number in range(2):
        first, content = owner.segment(1_795_536_000_000_000, 3)
        assert collect(owner.node, epoch, first, content).stored
        first, content = other.segment(1_795_536_000_000_000, 3)
        with pytest.raises(Forbidden):
            collect(other.node, epoch, first, content)
        assert Manifest.objects.using(LEDGER).count() == number + 1
    records = Recorded(owner.node, epoch, [], [])
    with pytest.raises(Forbidden):
        end_epoch(Recorded(other.node, epoch, [], []), 9)
    # As it could be reported before.
    end_epoch(records, 9)
    EpochEnd.objects.using(LEDGER).update(node=other.node)
    end_epoch(records, 6)
    assert facts(api)[:2] == ("whole", "clean")
    EpochAccount.objects.using(LEDGER).all().delete()
    with pytest.raises(Forbidden):
        end_epoch(Recorded(other.node, epoch, [], []), 9)


def test_what_is_missing_is_looked_up_for_what_is_listed_only(
    api: AdminAPI, database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs = [uuid7() for _ in range(30)]
    EpochAccount.objects.using(LEDGER).bulk_create(
        EpochAccount(node=uuid7(), epoch=epoch, last_sequence=10, collected=8, rolled_up=8) for epoch in epochs
    )
    now = datetime.now(UTC)
    times = {"started_at": now, "ended_at": now, "seconds_at_risk": 0.0}
    nodes = dict(EpochAccount.objects.using(LEDGER).values_list("epoch", "node"))
    for epoch in epochs:
        report_epoch(
            {"epoch": epoch, "node": nodes[epoch], "end": "killed", "last_sequence": 10, "accepted": 10, **times}
        )
    monkeypatch.setattr("portazgo.usage.balance_api.MOST_LISTED", 3)
    for path, most in (("/usage/metrics", 0), ("/usage/balance", 3)):
        with CaptureQueriesContext(connections[LEDGER]) as asked:
            assert api.get(path).status == 200
        assert sum(_names_gaps(one["sql"]) for one in asked) == most
    with CaptureQueriesContext(connections[LEDGER]) as asked:
        assert api.post(f"/usage/epochs/{epochs[0]}/accept-gap", {"reason": "x"}).body["missing_records"] == 2
    assert sum(_names_gaps(one["sql"]) for one in asked) == 2


def _names_gaps(statement: str) -> bool:
    return "usage_manifest" in statement and "first_sequence" in statement


def test_a_node_that_was_given_up_and_comes_back_has_the_last_word(api: AdminAPI, collected: Recorded) -> None:
    heard(collected, timedelta(minutes=5), told(accepted=4, journaled=4))
    assert api.post(f"/nodes/{collected.node}/lost", {}).status == 200
    one = the_account(api)
    # It served without a lease: until now.
    assert (one["verdict"], one["seconds_at_risk"] > 0) == ("at_risk", True)
    end_epoch(collected, 4, end="killed")
    assert facts(api)[:2] == ("whole", "killed")
    assert the_account(api)["declared"] is False
    end_epoch(collected, 9, end="host_lost")
    assert facts(api)[:2] == ("whole", "killed"), "a node's first report counts"


def test_what_a_process_told_is_forgotten_a_month_after_its_end_and_a_lost_hosts_last_word_never(
    api: AdminAPI, collected: Recorded
) -> None:
    heard(collected, timedelta(days=40), told(accepted=4, journaled=4))
    now = datetime.now(UTC)
    assert forget_told(now) == 0, "it goes on"
    end_epoch(collected, 4, end="host_lost")
    assert forget_told(now) == 0
    EpochEnd.objects.using(LEDGER).update(end="clean")
    assert forget_told(now - timedelta(days=20)) == 0
    assert (forget_told(now), NodeEpoch.objects.count()) == (1, 0)
    assert facts(api) == ("whole", "clean", 4, 4, 4, 4, 0, 0)


def test_a_poll_tells_the_counts_of_its_process_and_one_without_them_is_an_older_node(
    api: AdminAPI, control: ControlProcess, world: World
) -> None:
    node = FeedClient(control.internal_url, world.node_token()["token"])
    head = head_now()
    node.changes(head.history, head.revision, head.hash)
    assert facts(api) == ("open", "polls", None, 0, 0, 0, 0, 0)
    assert api.get("/usage/balance").body["told_at"] is None
    where = {"history": head.history, "after": head.revision, "hash": head.hash, "security_after": 0, "wait": 0}
    counts = {"accepted": 5, "journaled": 4, "synced": 4, "at_risk": 4, "at_risk_since_us": 1_795_536_000_000_000}
    polled = node.get("/internal/v1/changes", {**where, **counts})
    assert polled.status == 204
    assert facts(api) == ("open", "polls", 5, 4, 0, 0, 4, 0)
    assert api.get("/usage/balance").body["told_at"] is not None
    row = NodeEpoch.objects.get()
    assert (row.synced, row.at_risk, row.at_risk_since) == (4, 4, datetime(2026, 11, 24, 16, tzinfo=UTC))
    assert node.get("/internal/v1/changes", {**where, **counts, "journaled": "-1"}).status == 422
    node.close()


def test_thousands_of_epochs_are_summed_up_and_what_is_not_in_order_comes_first(api: AdminAPI, database: None) -> None:
    node, now = uuid7(), datetime.now(UTC)
    epochs = [uuid7() for _ in range(EPOCHS)]
    EpochAccount.objects.using(LEDGER).bulk_create(
        EpochAccount(node=node, epoch=epoch, last_sequence=10, collected=10, rolled_up=10) for epoch in epochs
    )
    members = {"node": node, "end": "killed", "accepted": 10, "started_at": now, "ended_at": now, "seconds_at_risk": 0}
    EpochEnd.objects.using(LEDGER).bulk_create(
        EpochEnd(epoch=epoch, last_sequence=10 if epoch != epochs[7] else 12, **members) for epoch in epochs
    )
    began = time.monotonic()
    report = api.get("/usage/balance", {"limit": 20}).body
    took = time.monotonic() - began
    assert took < FEW_SECONDS * 5, took
    assert [report["items"][0]["epoch"], len(report["items"])] == [str(epochs[7]), 21]
    assert report["left_off"] == {"epochs": EPOCHS - 21, "records": (EPOCHS - 21) * 10}
    assert report["records"]["missing"] == 2


def test_the_balance_is_metrics_too(api: AdminAPI, collected: Recorded) -> None:
    end_epoch(collected, 6)
    answer = api.get("/usage/metrics")
    assert answer.status == 200
    families = {family.name: family for family in text_string_to_metric_families(answer.body.decode())}
    assert families["portazgo_ledger_records_collected"].samples[0].value == 4
    assert families["portazgo_ledger_records_missing"].samples[0].value == 2
    verdicts = {one.labels["verdict"]: one.value for one in families["portazgo_ledger_epochs"].samples}
    assert (verdicts["missing"], sum(verdicts.values())) == (1, 1)
    assert families["portazgo_ledger_balanced"].samples[0].value == 0
    _, _, page = (PROJECT / "docs" / "metrics.md").read_text().partition("# Metrics of the control plane")
    told = {
        (name.removesuffix("_total"), kind)
        for name, kind in re.findall(r"^\| `(\w+)[^`]*` \| (\w+) \|", page, re.MULTILINE)
    }
    # Nothing is in the lake yet, and the page says that this one is absent then.
    absent = {("portazgo_lake_last_written_timestamp_seconds", "gauge")}
    assert {(name, family.type) for name, family in families.items()} == told - absent
    assert absent < told


@pytest.mark.parametrize("seconds", ["1e999", "-1", "NaN", "Infinity"])
def test_a_report_of_no_time_at_risk_is_none(seconds: str) -> None:
    now = datetime.now(UTC).isoformat()
    report = f"""{{"epoch": "{NOBODY}", "node": "{NOBODY}", "end": "killed", "last_sequence": null, "started_at": "{now}",
        "ended_at": "{now}", "seconds_at_risk": %s}}"""
    EpochReport.model_validate_json(report % "2.5")
    with pytest.raises(ValidationError):
        EpochReport.model_validate_json(report % seconds)


def test_a_node_that_is_no_id_is_told_so(api: AdminAPI) -> None:
    assert pointers(api.get("/usage/balance", {"node": "first"})) == {"/node"}
