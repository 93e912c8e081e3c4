"""A report says whether its range is whole: up to when everything is in, and how many epochs in it don't balance."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from support.admin import AdminAPI
from support.named_records import end_epoch
from support.segments import Recorded

from portazgo.kit.clock import from_microseconds
from portazgo.kit.ids import uuid7
from portazgo.nodes.epochs import Told
from portazgo.nodes.models import Node, NodeEpoch
from portazgo.nodes.service import Contact, record_contacts
from portazgo.usage.collector import LEDGER
from portazgo.usage.models import EpochAccount, EpochEnd
from portazgo.usage.wholeness import LAG, wholeness

pytestmark = pytest.mark.usefixtures("database")

LIVES = 3_000
MOST_MS = 5 * 40.0
MINUTE = timedelta(minutes=1)


def polls(records: Recorded, journaled: int, *, ago: timedelta = timedelta(0), **risk: Any) -> datetime:
    """Have the node tell its counts, so long ago. Returns when."""
    at = datetime.now(UTC) - ago
    told = Told(journaled, journaled, journaled, risk.get("at_risk", 0), risk.get("since"))
    record_contacts([Contact(records.node, records.epoch, "madrid", at, told=told)])
    return at


def said(api: AdminAPI, **query: Any) -> tuple[bool, int, datetime]:
    """Whether the range is whole, how many gaps, and until when all is in."""
    body = api.get("/usage", query).body
    assert body["gaps"]["named_by"] == "portazgo usage balance"
    return body["whole"], body["gaps"]["epochs"], datetime.fromisoformat(body["complete_until"])


def minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:00Z")


def near(one: datetime, other: datetime) -> bool:
    return abs(one - other) < timedelta(milliseconds=1)


def last_collected() -> datetime:
    return from_microseconds(EpochAccount.objects.using(LEDGER).get().ended_at_us)


def test_a_ledger_that_no_node_owes_anything_is_whole_up_to_now(api: AdminAPI) -> None:
    before = datetime.now(UTC)
    whole, gaps, until = said(api)
    assert (whole, gaps, until >= before - timedelta(milliseconds=1)) == (True, 0, True)


def test_a_living_node_whose_records_are_all_here_makes_it_whole_up_to_its_last_word(
    api: AdminAPI, collected: Recorded
) -> None:
    at = polls(collected, 4)
    whole, gaps, until = said(api)
    assert (whole, gaps, near(until, at - LAG)) == (True, 0, True)
    assert said(api, until=minute(at + 2 * MINUTE))[0], "what has not ended is whole but for the last minute"


def test_what_waits_on_a_nodes_disk_is_still_to_come_and_what_ended_before_is_whole(
    api: AdminAPI, collected: Recorded
) -> None:
    since = datetime.now(UTC) - 10 * MINUTE
    polls(collected, 9, at_risk=5, since=since)
    whole, gaps, until = said(api)
    assert (whole, gaps, near(until, since - LAG)) == (False, 0, True)
    assert said(api, until=minute(since - MINUTE))[:2] == (True, 0)
    # It has handed them over, and they are not here: they lie in the object store.
    polls(collected, 9, at_risk=1, since=since)
    assert near(said(api)[2], last_collected() - LAG)


def test_a_node_that_is_silent_is_a_gap_after_its_last_word_and_none_before(api: AdminAPI, collected: Recorded) -> None:
    at = polls(collected, 4, ago=20 * MINUTE)
    EpochAccount.objects.using(LEDGER).update(ended_at_us=int((at - MINUTE).timestamp() * 1_000_000))
    whole, gaps, until = said(api)
    assert (whole, gaps, near(until, at - LAG)) == (False, 1, True)
    assert said(api, until=minute(at - 2 * MINUTE))[:2] == (True, 0)


def test_an_end_that_leaves_records_missing_is_a_gap_until_a_person_accepts_it(
    api: AdminAPI, collected: Recorded
) -> None:
    ended_at = end_epoch(collected, 6)
    assert said(api)[:2] == (False, 1)
    assert said(api, since=minute(ended_at - 5 * MINUTE))[:2] == (False, 1)
    assert said(api, since=minute(ended_at + 2 * MINUTE), until=minute(ended_at + 9 * MINUTE))[:2] == (True, 0)
    assert said(api, until=minute(last_collected() - 5 * MINUTE))[:2] == (True, 0)
    api.post(f"/usage/epochs/{collected.epoch}/accept-gap", {"reason": "the rack burnt"})
    assert said(api)[:2] == (True, 0)


@pytest.mark.parametrize(
    ("last_sequence", "members"),
    [
        (4, {"end": "host_lost", "accepted": None, "seconds_at_risk": 2.5}),
        (4, {"accepted": 5}),
        (4, {"accepted": 3}),
        (4, {"end": "killed", "accepted": 5}),
    ],
)
def test_a_report_counts_what_the_balance_calls_not_in_order(
    api: AdminAPI, collected: Recorded, last_sequence: int, members: dict[str, Any]
) -> None:
    end_epoch(collected, last_sequence, **members)
    assert api.get("/usage/balance").body["balanced"] is False
    assert said(api)[:2] == (False, 1)


@pytest.mark.parametrize("members", [{}, {"end": "killed", "accepted": 3}, {"end": "killed", "accepted": None}])
def test_a_report_counts_nothing_that_the_balance_calls_whole(
    api: AdminAPI, collected: Recorded, members: dict[str, Any]
) -> None:
    end_epoch(collected, 4, **members)
    assert api.get("/usage/balance").body["balanced"] is True
    assert said(api)[:2] == (True, 0)


def test_sums_that_are_less_than_the_records_and_more_told_than_left_are_gaps(
    api: AdminAPI, collected: Recorded
) -> None:
    end_epoch(collected, 4)
    EpochAccount.objects.using(LEDGER).update(rolled_up=3)
    assert said(api)[:2] == (False, 1)
    EpochAccount.objects.using(LEDGER).update(rolled_up=4)
    polls(collected, 6)
    assert said(api)[:2] == (False, 1), "it had told of more than it ended with"


def test_files_say_it_in_their_headers(api: AdminAPI, collected: Recorded) -> None:
    ended_at = end_epoch(collected, 6)
    for kind in ("csv", "parquet"):
        answer = api._client.get(
            "/api/v1/usage", headers={"Authorization": f"Bearer {api._token}"}, query_params={"format": kind}
        )
        answer.getvalue()
        assert (answer.headers["X-Portazgo-Whole"], answer.headers["X-Portazgo-Gaps"]) == ("false", "1")
        assert datetime.fromisoformat(answer.headers["X-Portazgo-Complete-Until"]) >= ended_at


def test_thousands_of_lives_that_balance_cost_a_report_little(database: None) -> None:
    node, now = uuid7(), datetime.now(UTC)
    lives = [uuid7() for _ in range(LIVES)]
    seen = {"first_seen_at": now, "contact_at": now}
    Node.objects.create(id=node, epoch=lives[-1], epoch_seen_at=now, **seen)
    NodeEpoch.objects.bulk_create(NodeEpoch(node_id=node, epoch=life, journaled=10, **seen) for life in lives)
    EpochAccount.objects.using(LEDGER).bulk_create(
        EpochAccount(node=node, epoch=life, last_sequence=10, collected=10, rolled_up=10, ended_at_us=1)
        for life in lives
    )
    members = {"node": node, "end": "killed", "accepted": 10, "started_at": now, "ended_at": now, "seconds_at_risk": 0}
    EpochEnd.objects.using(LEDGER).bulk_create(
        EpochEnd(epoch=life, last_sequence=10 if life != lives[7] else 12, **members) for life in lives
    )
    for alias in ("default", LEDGER):
        with connections[alias].cursor() as cursor:
            # As PostgreSQL does by itself within a minute: what it knows of the tables is of the tests before.
            cursor.execute("ANALYZE")
    took = []
    for _ in range(5):
        began = time.perf_counter()
        found = wholeness(now - MINUTE, now + MINUTE, datetime.now(UTC))
        took.append((time.perf_counter() - began) * 1_000)
        assert (found.gaps, found.whole) == (1, False)
    assert min(took) < MOST_MS, took
