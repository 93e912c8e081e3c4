"""Traces: what the admin API tells of recorded calls. The records are a real node's."""

from __future__ import annotations

import pytest
from support.admin import AdminAPI
from support.named_records import collect_named
from support.segments import APPLICATION, KEY, KID, PARTNER, ROUTE, Recorded
from support.world import NOBODY, pointers, refusal

from portazgo.traces.collection import UNCOMMITTED_SECONDS, Missing

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def collected(database: None) -> Recorded:
    """Four calls, collected, and the rows that give them their names."""
    return collect_named()


def test_a_call_is_told_whole_by_the_id_of_its_answer(api: AdminAPI, collected: Recorded) -> None:
    told = api.get(f"/traces/{collected.ids[0]}")
    assert told.status == 200
    expected = {
        "request_id": collected.ids[0],
        "client_request_id": "theirs-1",
        "kind": "request",
        "method": "GET",
        "partner": PARTNER,
        "partner_name": "acme",
        "application": APPLICATION,
        "application_name": "orders",
        "environment": "live",
        "kid": KID,
        "claimed_kid": KID,
        "secret_slot": "current",
        "route": ROUTE,
        "route_name": "things-list",
        "fault": "connect_refused",
        "blame": "backend",
        "status_sent": 502,
        "backend_status": None,
        "delivery": "complete",
        "node": str(collected.node),
        "epoch": str(collected.epoch),
    }
    assert {name: told.body[name] for name in expected} == expected
    assert told.body["sentence"]
    assert told.body["next_step"]
    assert KEY not in str(told.body)


def test_a_call_without_a_key_names_nobody(api: AdminAPI, collected: Recorded) -> None:
    told = api.get(f"/traces/{collected.ids[2]}").body
    assert (told["fault"], told["status_sent"], told["partner"], told["kid"]) == ("key_missing", 401, None, None)


def test_the_list_is_newest_first_and_reads_to_its_end_by_cursor(api: AdminAPI, collected: Recorded) -> None:
    ids = [item["request_id"] for item in api.every("/traces", {"limit": 1})]
    assert ids == collected.ids[::-1]
    assert [item["request_id"] for item in api.every("/traces")] == ids
    assert api.get("/traces").body["count"] is None
    assert api.get("/traces", {"limit": 1, "count": "true"}).body["count"] == {"value": 4, "capped": False}


@pytest.mark.parametrize(
    ("query", "calls"),
    [
        ({"partner": "acme"}, [0, 1]),
        ({"partner": PARTNER}, [0, 1]),
        ({"application": "orders"}, [0, 1]),
        ({"kid": KID}, [0, 1]),
        ({"environment": "test"}, []),
        ({"fault": "route_unknown"}, [3]),
        ({"blame": "backend"}, [0, 1]),
        ({"status": 401}, [2]),
        ({"client_request_id": "theirs-1"}, [0]),
        ({"slower_than_ms": 86_400_000}, []),
        ({"since": "2099-01-01T00:00:00Z"}, []),
        ({"partner": "nobody"}, []),
        ({"partner": NOBODY}, []),
    ],
)
def test_a_list_narrows(api: AdminAPI, collected: Recorded, query: dict[str, object], calls: list[int]) -> None:
    expected = [collected.ids[call] for call in reversed(calls)]
    assert [item["request_id"] for item in api.every("/traces", query)] == expected


def test_who_follows_along_gets_every_call_once(api: AdminAPI, collected: Recorded) -> None:
    first = api.get("/traces/tail", {"after": 0}).body
    assert [item["request_id"] for item in first["items"]] == collected.ids
    rest = api.get("/traces/tail", {"after": first["next_after"]}).body
    assert rest == {"items": [], "next_after": first["next_after"], "skipped": 0}


def test_a_record_that_is_not_there_is_told_so(api: AdminAPI, collected: Recorded) -> None:
    assert refusal(api.get(f"/traces/{NOBODY}")) == (404, "trace_unknown")


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"cursor": "bm90IGEgY3Vyc29y"}, "/cursor"),
        ({"limit": 0}, "/limit"),
        ({"status": 42}, "/status"),
        ({"since": "yesterday"}, "/since"),
        ({"since": "2026-01-01T00:00:00"}, "/since"),
        ({"since": "1"}, "/since"),
        ({"partner": "a\x00"}, "/partner"),
        ({"environment": "staging"}, "/environment"),
    ],
)
def test_every_wrong_place_is_named(api: AdminAPI, query: dict[str, object], where: str) -> None:
    assert pointers(api.get("/traces", query)) == {where}


def test_what_may_still_be_committed_is_waited_for_and_what_never_comes_is_not_for_ever() -> None:
    """On PostgreSQL numbers are given before commits, which may come in another order."""
    now = [100.0]
    missing = Missing(lambda: now[0])
    assert missing.cut(1, [(4, 1), (5, 1)]) == [(4, 1), (5, 1)]
    assert missing.cut(6, [(6, 1), (8, 1), (9, 1)]) == [(6, 1)]
    assert missing.cut(7, [(8, 1), (9, 1)]) == []
    assert missing.cut(7, [(7, 1), (8, 1), (9, 1)]) == [(7, 1), (8, 1), (9, 1)]
    now[0] += UNCOMMITTED_SECONDS - 1
    assert missing.cut(7, [(8, 1), (9, 1)]) == []
    assert missing.cut(10, [(12, 1), (15, 1)]) == []
    now[0] += 1.5
    assert missing.cut(7, [(8, 1), (9, 1)]) == [(8, 1), (9, 1)]
    assert missing.cut(10, [(12, 1), (15, 1)]) == []
    now[0] += UNCOMMITTED_SECONDS
    assert missing.cut(10, [(12, 1), (15, 1)]) == [(12, 1)]
