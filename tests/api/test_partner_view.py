"""A partner sees its own calls and sums, redacted, and nothing of anybody else's: on every endpoint of its view."""

from __future__ import annotations

import ast
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from support.admin import AdminAPI, Answer
from support.clock import FakeClock
from support.control import ControlProcess
from support.named_records import collect_named
from support.segments import APPLICATION, BACKEND, KID, PARTNER, ROUTE, Recorded
from support.world import NOBODY, World, refusal

from portazgo.accounts.domain import SYSTEM
from portazgo.accounts.models import AdminToken
from portazgo.applications.models import Application
from portazgo.client.events import events
from portazgo.control.server import API_THREADS
from portazgo.control.turns import OF_A_PARTNER, OF_PARTNERS
from portazgo.faults.catalogue import by_code
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.kit.errors import Invalid
from portazgo.kit.http import JsonClient
from portazgo.kit.ids import uuid7
from portazgo.kit.secret import Secret
from portazgo.lake.running import Children
from portazgo.lake.writing import Writing
from portazgo.partner_view import domain, service
from portazgo.partners.models import Partner
from portazgo.settings import Settings
from portazgo.traces import collection, listing, segments
from portazgo.traces.collection import Position
from portazgo.traces.positions import Plain, positions_of
from portazgo.traces.search.process import PLACES, search
from portazgo.usage.contents import forget_contents
from portazgo.usage.models import LEDGER, Manifest

pytestmark = pytest.mark.usefixtures("database")

SOURCES = Path(__file__).parents[2] / "src" / "portazgo"
# What stands in records, and is for operators.
INTERNAL = (
    "node",
    "epoch",
    "sequence",
    "revision",
    "phases",
    "attempts",
    "backend_target",
    "backend_status",
    "backend_bytes_in",
    "backend_bytes_out",
    "client_address",
    "client_port",
    "user_agent",
    "personal",
    "claimed_kid",
    "secret_tag",
    "violation",
    "fields_selected",
    "partner",
    "partner_name",
    "plan",
    "fault",
    "phase",
    "span_id",
    "kind",
)
READS = ("/partner-view/traces", "/partner-view/traces/tail", "/partner-view/usage")


@dataclass
class Two:
    """Two partners; the records are the first one's."""

    records: Recorded
    own: AdminAPI
    token: str
    other: AdminAPI
    other_id: str


@pytest.fixture
def two(database: None, api: AdminAPI) -> Two:
    """Records of one partner, another partner with an application of the same name, and a token of each."""
    records = collect_named()
    now = SYSTEM_CLOCK.now()
    rival = Partner.objects.create(id=uuid7(), name="rival", created_at=now)
    Application.objects.create(id=uuid7(), partner=rival, name="orders", environment="live", created_at=now)
    tokens = [
        api.post(f"/partners/{partner}/tokens", {"name": "portal"}).body["token"] for partner in (PARTNER, rival.id)
    ]
    return Two(records, AdminAPI(tokens[0]), tokens[0], AdminAPI(tokens[1]), str(rival.id))


def everything(view: AdminAPI, records: Recorded, **query: Any) -> list[Answer]:
    """Ask every endpoint of the view for all that there is."""
    answers = [view.get(path, query) for path in READS]
    answers += [view.get("/partner-view/usage", {**query, "group_by": list(groups)}) for groups in (GROUPS, ("code",))]
    answers += [view.get(f"/partner-view/traces/{identifier}", query) for identifier in records.ids]
    return answers


GROUPS = ("application", "kid", "route", "environment", "code", "billable")


def test_a_partner_sees_its_own_calls_and_how_they_went(two: Two) -> None:
    page = two.own.get("/partner-view/traces", {"count": "true"}).body
    assert [item["request_id"] for item in page["items"]] == [two.records.ids[1], two.records.ids[0]]
    assert page["count"] == {"value": 2, "capped": False}
    expected = {
        "request_id": two.records.ids[0],
        "client_request_id": "theirs-1",
        "application": APPLICATION,
        "application_name": "orders",
        "route": ROUTE,
        "route_name": "things-list",
        "kid": KID,
        "status": 502,
        "code": by_code()["connect_refused"].public_code,
        "sentence": by_code()["connect_refused"].partner,
        "blame": "backend",
        "next_step": None,
    }
    shown = page["items"][1]
    assert {name: shown[name] for name in expected} == expected
    assert two.own.get(f"/partner-view/traces/{two.records.ids[0]}").body == shown
    sums = two.own.get("/partner-view/usage", {"group_by": ["code", "application"]}).body["items"]
    assert [(one["requests"], one["code"], one["application_name"]) for one in sums] == [(2, shown["code"], "orders")]


@pytest.mark.parametrize(
    ("query", "calls"),
    [
        ({"application": "orders"}, 2),
        ({"application": APPLICATION, "kid": KID, "route": "things-list", "environment": "live"}, 2),
        ({"code": "backend_unavailable"}, None),
        ({"code": ""}, 0),
        ({"code": "key_missing"}, 0),
        ({"blame": "backend"}, 2),
        ({"blame": "partner"}, 0),
        ({"client_request_id": "theirs-1"}, 1),
        ({"status": 502}, 2),
        ({"status": 401}, 0),
        ({"application": NOBODY}, 0),
    ],
)
def test_a_partners_list_narrows(two: Two, query: dict[str, Any], calls: int | None) -> None:
    if calls is None:
        query, calls = {"code": by_code()["connect_refused"].public_code}, 2
    assert len(two.own.every("/partner-view/traces", query)) == calls


def test_nothing_internal_is_in_any_answer(two: Two) -> None:
    told = two.own.get("/partner-view/traces").body["items"]
    needles = {str(two.records.node), str(two.records.epoch), BACKEND, "127.0.0.1", "connect_refused", PARTNER, "acme"}
    for answer in everything(two.own, two.records):
        text = json.dumps(answer.body)
        assert {needle for needle in needles if needle in text} == set(), answer
    assert set(told[0]).isdisjoint(INTERNAL)


def test_nothing_of_another_partner_is_in_any_answer(two: Two) -> None:
    needles = {*two.records.ids, "theirs-1", KID, APPLICATION, "things-list", PARTNER, "acme"}
    for answer in everything(two.other, two.records):
        own_words = json.dumps(answer.body)
        # What a caller asks for may stand in the refusal of it.
        asked = {identifier for identifier in two.records.ids if f"request {identifier}" in own_words}
        assert {needle for needle in needles - asked if needle in own_words} == set(), answer
    for path in READS[:2]:
        assert two.other.get(path).body["items"] == []
    (whole,) = two.other.get("/partner-view/usage").body["items"]
    assert whole["requests"] == 0


def test_what_is_anothers_is_as_unknown_as_what_is_not_there(two: Two) -> None:
    def words(answer: Answer, asked: str) -> str:
        document = {name: value for name, value in answer.body.items() if name != "instance"}
        return json.dumps(document).replace(asked, "…")

    anothers = two.other.get(f"/partner-view/traces/{two.records.ids[0]}")
    nobodys = two.other.get(f"/partner-view/traces/{NOBODY}")
    assert refusal(anothers) == (404, "trace_unknown")
    assert words(anothers, two.records.ids[0]) == words(nobodys, NOBODY)
    for path in (*READS, f"/partner-view/traces/{two.records.ids[0]}"):
        anothers, nobodys = (two.other.get(path, {"as_partner": asked}) for asked in (PARTNER, NOBODY))
        assert refusal(anothers) == (404, "partner_unknown")
        assert words(anothers, PARTNER) == words(nobodys, NOBODY)


def test_no_filter_and_no_cursor_leads_out_of_ones_own(two: Two) -> None:
    for query in ({"application": APPLICATION}, {"application": "orders"}, {"kid": KID}, {"route": ROUTE}):
        assert two.other.get("/partner-view/traces", query).body["items"] == []
        assert two.other.get("/partner-view/usage", query).body["items"] in ([], [_nothing()])
    page = two.own.get("/partner-view/traces", {"limit": 1}).body
    assert page["next_cursor"]
    assert refusal(two.other.get("/partner-view/traces", {"cursor": page["next_cursor"]})) == (422, "cursor_invalid")


def _nothing() -> dict[str, Any]:
    sums = dict.fromkeys(domain.SUMMED, 0)
    shown = dict.fromkeys(name for name in domain.SHOWN_OF_A_SUM if name not in sums)
    return {**shown, **sums}


def test_an_operator_sees_what_a_partner_sees_once_it_says_whose(two: Two, api: AdminAPI) -> None:
    assert refusal(api.get("/partner-view/traces"))[0] == 422
    for path in (*READS, f"/partner-view/traces/{two.records.ids[0]}"):
        shown, own = api.get(path, {"as_partner": PARTNER}).body, two.own.get(path).body
        if path.endswith("/tail"):
            assert shown.pop("next_cursor") != own.pop("next_cursor")  # sealed, otherwise each time
        assert shown == own


def test_a_partners_token_opens_its_view_and_nothing_else_whatever_scopes_it_has(two: Two, api: AdminAPI) -> None:
    row = AdminToken.objects.get(partner=PARTNER)
    assert row.scopes == ["partner_view:read"]
    row.scopes = ["*"]
    row.save()
    paths = ("/partners", f"/partners/{PARTNER}", "/traces", "/traces/tail", f"/traces/{two.records.ids[0]}", "/usage")
    for path in (*paths, "/tokens", "/audit", "/keys", "/nodes", "/export"):
        answer = two.own.get(path)
        assert answer.status in {403, 404}, path
        assert path == "/export" or answer.body["code"] == "scope_missing"
    assert refusal(two.own.post(f"/partners/{PARTNER}/tokens", {"name": "more"})) == (403, "scope_missing")
    assert refusal(two.own.post("/tokens", {"name": "more", "scopes": ["partner_view:read"]})) == (403, "scope_missing")
    assert two.own.get("/partner-view/traces").status == 200


def test_a_token_of_a_partner_that_is_gone_opens_nothing(world: World, api: AdminAPI) -> None:
    partner = world.partner()["id"]
    theirs = AdminAPI(api.post(f"/partners/{partner}/tokens", {"name": "portal"}).body["token"])
    assert theirs.get("/partner-view/traces").status == 200
    assert api.delete(f"/partners/{partner}").status == 204
    assert refusal(theirs.get("/partner-view/traces")) == (404, "partner_unknown")


def test_a_live_tail_shows_a_partner_its_own_calls_only(two: Two, control: ControlProcess) -> None:
    client = JsonClient(control.control_url, Secret(two.token))
    headers = {"Accept": "text/event-stream"}
    with client.stream("GET", "/api/v1/partner-view/traces/tail", headers=headers, read_seconds=20) as answer:
        seen = []
        for event in events(answer.chunks):
            seen += [json.loads(event.data)] if event.data else []
            if len(seen) == 2:
                break
    client.close()
    assert [one["request_id"] for one in seen] == two.records.ids[:2]
    assert all(set(one).isdisjoint(INTERNAL) for one in seen)


def test_a_partner_is_not_told_how_many_records_there_are_of_everybody(
    two: Two, api: AdminAPI, control: ControlProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    beginning = positions_of(PARTNER).encode(Position(0))
    assert two.own.get("/partner-view/traces/tail", {"cursor": beginning}).body["skipped"] is False
    # Its segments are not kept any more, and what was decoded is forgotten.
    forget_contents(Manifest.objects.using(LEDGER).values_list("id", flat=True))
    monkeypatch.setattr(collection, "decoded", type(segments.decoded)())
    client = JsonClient(control.control_url, Secret(two.token))
    headers = {"Accept": "text/event-stream", "Last-Event-ID": beginning}
    with client.stream("GET", "/api/v1/partner-view/traces/tail", headers=headers, read_seconds=20) as answer:
        told = next(event for event in events(answer.chunks) if event.data)
    client.close()
    assert (told.name, json.loads(told.data)) == ("skipped", {})
    for view, partner in ((two.own, PARTNER), (two.other, two.other_id)):
        page = view.get("/partner-view/traces/tail", {"cursor": positions_of(partner).encode(Position(0))}).body
        assert (page["items"], page["skipped"]) == ([], True)
    assert api.get("/traces/tail", {"after": 0}).body["skipped"] == len(two.records.ids)


def test_where_a_partner_stands_tells_it_nothing_of_everybodys_calls(two: Two, control: ControlProcess) -> None:
    path = "/partner-view/traces/tail"
    client = JsonClient(control.control_url, Secret(two.token))
    with client.stream("GET", f"/api/v1{path}", headers={"Accept": "text/event-stream"}, read_seconds=20) as answer:
        told = events(answer.chunks)
        ids = [event.id for event in (next(told) for _ in range(5)) if event.id]
    client.close()
    cursors = [two.own.get(path).body["next_cursor"] for _ in range(2)]
    given = [*ids, *cursors]
    assert len(ids) > 2
    assert len(set(given)) == len(given)
    assert len({len(one) for one in given}) == 1
    for one in given:
        with pytest.raises(Invalid):
            Plain().decode(one)
    # Whoever could name a place could search for where its own calls stand among all of them.
    forged = Plain().encode(Position(1, 1))
    for cursor in (forged, ids[0][:-2] + "AA", positions_of(two.other_id).encode(Position(1)), "AA", "\u00f1"):
        assert refusal(two.own.get(path, {"cursor": cursor})) == (422, "cursor_invalid"), cursor
    assert refusal(two.other.get(path, {"cursor": ids[0]})) == (422, "cursor_invalid")
    first = positions_of(PARTNER).encode(Position(0))
    listed = two.own.get(path, {"cursor": first}).body
    assert [one["request_id"] for one in listed["items"]] == two.records.ids[:2]
    assert two.own.get(path, {"cursor": ids[0]}).body["items"] == listed["items"][1:]


def test_one_partners_searches_keep_nobody_else_from_searching(two: Two, api: AdminAPI, settings: Settings) -> None:
    clock = FakeClock()
    clock.wall = SYSTEM_CLOCK.now() + settings.lake_after + timedelta(minutes=1)
    assert Writing(settings, Children(settings), clock).write_next() is not None
    looks = ("/partner-view/traces", f"/partner-view/traces/{two.records.ids[0]}")
    with search.places.taken(PARTNER):
        for path in looks:
            assert refusal(two.own.get(path)) == (503, "search_busy")
            assert api.get(path, {"as_partner": PARTNER}).status == 200
        assert refusal(two.own.get("/partner-view/traces", {"count": "true"})) == (503, "search_busy")
        assert two.other.get("/partner-view/traces").status == 200
        with ExitStack() as others:
            for number in range(PLACES - 2):
                others.enter_context(search.places.taken(f"partner {number}"))
            # The last place is not for partners.
            assert refusal(two.other.get("/partner-view/traces")) == (503, "search_busy")
            assert api.get("/traces").status == 200
    assert [two.own.get(path).status for path in looks] == [200, 200]
    search.close()


def test_partners_leave_threads_to_operators(two: Two, api: AdminAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    under_way, go_on = threading.Semaphore(0), threading.Event()
    page = listing.page

    def slow(*asked: Any, **also: Any) -> dict[str, Any]:
        under_way.release()
        assert go_on.wait(20)
        return page(*asked, **also)

    def ask(view: AdminAPI) -> Answer:
        try:
            return view.get("/partner-view/traces")
        finally:
            connections.close_all()

    monkeypatch.setattr(listing, "page", slow)
    with ThreadPoolExecutor(OF_PARTNERS) as threads:
        asked = [threads.submit(ask, two.own) for _ in range(OF_A_PARTNER)]
        assert all(under_way.acquire(timeout=20) for _ in asked)
        refused = two.own.get("/partner-view/usage")
        assert (refusal(refused), refused.headers["Retry-After"]) == ((503, "partners_busy"), "1")
        assert two.other.get("/partner-view/usage").status == 200
        asked += [threads.submit(ask, two.other) for _ in range(OF_PARTNERS - OF_A_PARTNER)]
        assert all(under_way.acquire(timeout=20) for _ in asked[OF_A_PARTNER:])
        assert refusal(two.other.get("/partner-view/usage")) == (503, "partners_busy")
        assert api.get("/partner-view/usage", {"as_partner": PARTNER}).status == 200
        go_on.set()
        assert [one.result(20).status for one in asked] == [200] * OF_PARTNERS
    # Turns come back, after refusals too.
    for _ in range(OF_PARTNERS + 1):
        assert two.own.get("/traces").status == 403
        assert two.own.get(f"/partner-view/traces/{NOBODY}").status == 404
    assert OF_A_PARTNER < OF_PARTNERS < API_THREADS


def test_a_member_that_nobody_named_is_not_shown() -> None:
    told: dict[str, Any] = dict.fromkeys(domain.SHOWN_OF_A_CALL, "shown") | {
        "status_sent": 200,
        "fault": None,
        "delivery": "complete",
    }
    told |= {"duration_ms": 1.0} | dict.fromkeys(INTERNAL, "needle") | {"fault": None, "brand_new": "needle"}
    assert "needle" not in json.dumps(domain.call_for_partner(told))
    assert "needle" not in json.dumps(
        domain.sums_for_partner([dict.fromkeys(domain.SUMMED, 1) | {"brand_new": "needle", "traces": "needle"}])
    )


def test_the_ways_in_which_a_key_is_not_valid_look_alike() -> None:
    ways = [code for code, fault in by_code().items() if fault.public_code == "key_invalid"]
    assert len(ways) > 3
    told = dict.fromkeys(domain.SHOWN_OF_A_CALL) | {"status_sent": 401, "delivery": "complete", "duration_ms": 1.0}
    views = [domain.call_for_partner({**told, "fault": code}) for code in ways]
    assert all(view == views[0] for view in views)


def test_one_place_makes_the_view() -> None:
    """Records and sums reach the view's answers by the two functions of its domain only."""
    tree = ast.parse((SOURCES / "partner_view" / "api.py").read_text("utf-8"))
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert names.isdisjoint({"traces", "documents", "report", "decoded", "newest_first", "by_request_id"})
    told = {
        function.name: ast.unparse(function)
        for function in ast.parse((SOURCES / "partner_view" / "service.py").read_text("utf-8")).body
        if isinstance(function, ast.FunctionDef)
    }
    for name, maker in (
        ("tell", "call_for_partner"),
        ("own_call", "tell(["),
        ("own_sums", "sums_for_partner"),
    ):
        assert maker in told[name]
    assert {"partner_view:read"} == service.SCOPES
    assert SYSTEM.partner is None
