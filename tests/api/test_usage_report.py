"""Usage per company: what a report says, by whose time, and that every sum is that of the records it leads to."""

from __future__ import annotations

import csv
import random
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from support.admin import AdminAPI
from support.clock import FakeClock
from support.named_records import collect_named
from support.rollups import collect_calls, some_calls
from support.segments import APPLICATION, KID, PARTNER, ROUTE, Recorded
from support.world import World, pointers, refusal

from portazgo.usage.collector import LEDGER
from portazgo.usage.folding import Folding
from portazgo.usage.models import RollupHorizon
from portazgo.usage.periods import minute_of
from portazgo.usage.questions import GROUPS
from portazgo.usage.tables import lines

pytestmark = pytest.mark.usefixtures("database")

FIELDS = ("requests", "units", "bytes_in", "bytes_out")


@pytest.fixture
def collected(database: None) -> Recorded:
    """Four calls, collected, and the rows that give them their names."""
    return collect_named()


def rows(api: AdminAPI, **query: Any) -> list[dict[str, Any]]:
    answer = api.get("/usage", query)
    assert answer.status == 200, answer
    items: list[dict[str, Any]] = answer.body["items"]
    return items


def records_of(api: AdminAPI, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Follow a row to its records, to the last page."""
    parts = urlsplit(row["traces"])
    query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    return api.every(parts.path.removeprefix("/api/v1"), query)


@pytest.mark.parametrize("folded", [False, True])
def test_every_sum_is_that_of_the_records_it_leads_to(api: AdminAPI, collected: Recorded, *, folded: bool) -> None:
    if folded:
        clock = FakeClock()
        clock.wall = datetime.now(UTC) + timedelta(minutes=10)
        assert Folding(clock).run() > 0
    since = (datetime.now(UTC) - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:00Z")
    asked: list[dict[str, Any]] = [{"group_by": list(some)} for some in combinations(GROUPS, 2)]
    asked += [{"group_by": name, "interval": "day", "since": since} for name in GROUPS]
    asked += [{"interval": "minute", "since": since}, {"partner": "acme"}, {"partner": ""}, {"environment": "live"}]
    asked += [{"application": "orders", "blame": "backend"}, {"fault": "key_missing"}, {"billable": "false"}]
    for query in asked:
        found = rows(api, **query)
        assert found, query
        for row in found:
            records = records_of(api, row)
            told = {name: sum(one["count"] if name == "requests" else one[name] for one in records) for name in FIELDS}
            assert told == {name: row[name] for name in FIELDS}, (query, row)
            assert round(sum(one["duration_ms"] for one in records) * 1_000) == row["duration_us_sum"]


def test_names_stand_beside_ids_and_environment_and_blame_follow(api: AdminAPI, collected: Recorded) -> None:
    first, *others = rows(api, group_by=list(GROUPS))
    expected = {
        "partner": PARTNER,
        "partner_name": "acme",
        "application": APPLICATION,
        "application_name": "orders",
        "kid": KID,
        "route": ROUTE,
        "route_name": "things-list",
        "environment": "live",
        "fault": "connect_refused",
        "blame": "backend",
        "requests": 2,
    }
    assert {name: first[name] for name in expected} == expected
    assert {(one["partner"], one["environment"], one["blame"]) for one in others} == {("", "", "partner")}


@pytest.mark.parametrize(
    ("query", "requests"),
    [
        ({"partner": "acme"}, 2),
        ({"partner": PARTNER, "application": "orders"}, 2),
        ({"partner": "nobody"}, 0),
        ({"partner": ""}, 2),
        ({"kid": KID, "route": "things-list"}, 2),
        ({"environment": "live"}, 2),
        ({"environment": "test"}, 0),
        ({"environment": ""}, 2),
        ({"blame": "partner"}, 2),
        ({"blame": "backend", "fault": "connect_refused"}, 2),
        ({"blame": "backend", "fault": "key_missing"}, 0),
        ({"fault": ""}, 0),
        ({"day": "2001-01-01"}, 0),
    ],
)
def test_a_report_narrows(api: AdminAPI, collected: Recorded, query: dict[str, Any], requests: int) -> None:
    assert rows(api, **query)[0]["requests"] == requests


def test_months_and_days_are_those_of_the_time_zone(api: AdminAPI, clock: FakeClock) -> None:
    clock.wall = datetime(2026, 12, 3, tzinfo=UTC)
    november = minute_of(datetime(2026, 11, 1, tzinfo=UTC))
    calls = some_calls(random.Random(7), november - 1_440, november + 32 * 1_440, 1_200)  # noqa: S311 - no secret
    collect_calls(calls)
    folding = Folding(clock)
    while folding.batch():
        pass
    for zone, minutes in [("UTC", 0), ("America/Bogota", 300), ("Asia/Kathmandu", -345)]:
        since, until = november + minutes, november + 30 * 1_440 + minutes
        of_november = sum(call.row["requests"] for call in calls if since <= call.minute < until)
        (whole,) = rows(api, month="2026-11", time_zone=zone)
        assert whole["requests"] == of_november
        days = rows(api, month="2026-11", time_zone=zone, interval="day")
        assert sum(day["requests"] for day in days) == of_november
        for day in days:
            number = int(day["period"][-2:]) - 1
            begin = since + number * 1_440
            there = sum(call.row["requests"] for call in calls if begin <= call.minute < begin + 1_440)
            assert (day["period"][:8], day["requests"]) == ("2026-11-", there)


def test_csv_is_streamed_with_names_and_without_formulas(api: AdminAPI, collected: Recorded) -> None:
    for query, headers in (({"format": "csv"}, {}), ({}, {"Accept": "text/csv"})):
        client = api._client
        answer = client.get(
            "/api/v1/usage",
            headers={**headers, "Authorization": f"Bearer {api._token}"},
            query_params={**query, "group_by": ["partner", "billable"]},
        )
        assert answer.streaming
        assert answer.headers["Content-Type"].startswith("text/csv")
        told = list(csv.DictReader(answer.getvalue().decode().splitlines()))
        assert sorted((row["partner_name"], row["requests"]) for row in told) == [("", "2"), ("acme", "2")]
    made = list(lines(["name", "requests"], [{"name": one, "requests": 1} for one in ("=1+1", "@x", "-1", "+1", "a")]))
    assert made == ["name,requests\n", "'=1+1,1\n", "'@x,1\n", "'-1,1\n", "'+1,1\n", "a,1\n"]


def test_what_is_not_kept_so_fine_any_more_is_told(api: AdminAPI) -> None:
    RollupHorizon.objects.using(LEDGER).create(level="minute", whole_from=minute_of(datetime(2026, 11, 20, tzinfo=UTC)))
    answer = api.get("/usage", {"since": "2026-11-10T10:07:00Z", "until": "2026-11-25T00:00:00Z"})
    assert refusal(answer) == (422, "usage_too_fine")
    assert "2026-11-20T00:00:00Z" in answer.body["detail"]
    assert "2026-11-10T10:00:00Z" in answer.body["remedy"]
    assert api.get("/usage", {"since": "2026-11-10T10:00:00Z", "until": "2026-11-25T00:00:00Z"}).status == 200


def test_a_name_that_several_have_is_not_guessed(api: AdminAPI, world: World) -> None:
    for _ in range(2):
        world.application(name="orders")
    assert refusal(api.get("/usage", {"application": "orders"})) == (422, "name_ambiguous")


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"interval": "day"}, "/interval"),
        ({"interval": "minute", "month": "2026-11"}, "/interval"),
        ({"interval": "century"}, "/interval"),
        ({"month": "2026-13"}, "/month"),
        ({"day": "2026-02-30"}, "/day"),
        ({"month": "2026-11", "day": "2026-11-01"}, ""),
        ({"month": "2026-11", "since": "2026-11-01T00:00:00Z"}, ""),
        ({"since": "2026-11-02T00:00:00Z", "until": "2026-11-01T00:00:00Z"}, "/until"),
        ({"time_zone": "America/Nowhere"}, "/time_zone"),
        ({"time_zone": "../etc/passwd"}, "/time_zone"),
        ({"environment": "staging"}, "/environment"),
        ({"billable": "perhaps"}, "/billable"),
        ({"partner": "a\x00"}, "/partner"),
    ],
)
def test_every_wrong_place_is_named(api: AdminAPI, query: dict[str, Any], where: str) -> None:
    assert pointers(api.get("/usage", query)) == {where}
