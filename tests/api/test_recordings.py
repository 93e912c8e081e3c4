"""Answers and requests that nodes recorded without values: what is kept, for how long, and what is replayed of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.admin import AdminAPI
from support.control import ControlProcess, FeedClient
from support.named_records import collect_named
from support.segments import API, BACKEND, ROUTE
from support.world import World

from portazgo.contracts.models import RecordedBody
from portazgo.contracts.recordings import forget_recorded

pytestmark = pytest.mark.usefixtures("database")

THING = {"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Things", "version": "1"},
    "paths": {
        "/api/things/": {
            "get": {
                "operationId": "listThings",
                "responses": {"200": {"description": "All.", "content": {"application/json": {"schema": THING}}}},
            }
        }
    },
}
SHOWN = {"answers": {"200": [{"select": ["id"]}]}}


FILLED = {**SHOWN, "request": [{"select": ["id", "state"]}, {"rename": {"id": "number"}}]}
WORDS: dict[str, list[str]] = {"words": [], "paths": [], "prefixes": []}


def with_body() -> dict[str, Any]:
    state = {"type": "string", "enum": ["open", "closed"]}
    properties = {"id": {"type": "integer", "minimum": 10}, "state": state, "name": {"type": "string"}}
    content = {"application/json": {"schema": {"type": "object", "properties": properties}}}
    operation = DOCUMENT["paths"]["/api/things/"]["get"]
    return {**DOCUMENT, "paths": {"/api/things/": {"get": {**operation, "requestBody": {"content": content}}}}}


@pytest.fixture
def node(control: ControlProcess, world: World) -> Iterator[FeedClient]:
    client = FeedClient(control.internal_url, world.node_token(label="madrid")["token"])
    assert client.snapshot().status == 200
    yield client
    client.close()


class Served:
    """A version of a contract, and the node that serves it."""

    def __init__(self, api: AdminAPI, node: FeedClient, recording: Any, shown: Any = SHOWN) -> None:
        collect_named()
        self.api, self.node = api, node
        document = DOCUMENT if shown is SHOWN else with_body()
        order = {"name": "things", "backend": BACKEND, "document": json.dumps(document)}
        schema = api.post("/schemas", order).body["id"]
        routes = {"things-list": {**shown, "recording": recording}}
        body = {"name": "basic", "api": API, "schema": schema, "routes": routes}
        self.contract = api.post("/contracts", body).body["id"]
        api.post(f"/contracts/{self.contract}/publish", {})
        (kept,) = [one for one in map(json.loads, node.snapshot().body.splitlines()) if one.get("kind") == "contract"]
        self.resource = kept

    def expected(self) -> Any:
        query = {"contract_version": self.resource["body"]["number"], "route": ROUTE, "known": 0}
        return json.loads(self.node.get("/internal/v1/expectations", query).body)

    def tells(self, *documents: Any, seen: str | None = None, **members: Any) -> int:
        at = seen or datetime.now(UTC).isoformat()
        about = {"contract_version": self.resource["body"]["number"], "route": ROUTE, "status": 200, "answers": 2}
        answers = [
            {**about, "first_seen": at, "last_seen": at, "document": json.dumps(one), **members} for one in documents
        ]
        body = {"epoch": self.node.epoch, "answers": answers}
        return self.node._client.request("POST", "/internal/v1/recordings", body=body, headers=self.node.headers).status

    def tells_requests(self, *documents: str, seen: str | None = None, **members: Any) -> int:
        at = seen or datetime.now(UTC).isoformat()
        about = {"contract_version": self.resource["body"]["number"], "route": ROUTE, "requests": 2}
        requests = [{**about, "first_seen": at, "last_seen": at, "document": one, **members} for one in documents]
        body = {"epoch": self.node.epoch, "answers": [], "requests": requests}
        return self.node._client.request("POST", "/internal/v1/recordings", body=body, headers=self.node.headers).status

    def kept(self) -> list[RecordedBody]:
        return list(RecordedBody.objects.order_by("first_seen"))


def test_nodes_are_asked_to_record_where_the_contract_says_so(api: AdminAPI, node: FeedClient) -> None:
    served = Served(api, node, recording=True)
    assert served.expected()["recording"] == {**WORDS, "request": None}
    # Nodes of older versions read the same snapshot.
    assert served.resource["requires"] == ["contract.1"]
    assert "recording" not in json.dumps(served.resource)


def test_nothing_is_recorded_where_it_does_not(api: AdminAPI, node: FeedClient) -> None:
    served = Served(api, node, recording="off")
    assert "recording" not in served.expected()
    assert served.tells({"id": 7}) == 204
    assert served.kept() == []


def test_what_comes_is_kept_once_without_values_whatever_the_node_sends(api: AdminAPI, node: FeedClient) -> None:
    served = Served(api, node, recording={"answers": 2, "days": 3})
    assert served.tells({"id": 7, "name": "canary-7313"}, {"id": 7, "name": "canary-9999"}, {"id": None}) == 204
    assert served.tells({"id": 7, "name": "x", "ann@example.test": 1}) == 204  # one too many
    first, second = served.kept()
    assert (json.loads(first.document), first.answers) == ({"id": 7, "name": "xxxxxxxx"}, 4)
    assert (json.loads(second.document), second.route, second.operation) == ({"id": None}, "things-list", "listThings")
    assert timedelta(days=2, hours=23) < first.ends_at - datetime.now(UTC) <= timedelta(days=3)
    assert forget_recorded(datetime.now(UTC)) == 0
    assert forget_recorded(datetime.now(UTC) + timedelta(days=3)) == 2


def test_what_is_too_old_goes_at_once_and_what_is_no_report_is_refused(api: AdminAPI, node: FeedClient) -> None:
    served = Served(api, node, recording=True)
    assert served.tells({"id": 7}, seen="2020-01-01T00:00:00Z") == 204
    assert served.tells({"id": 1}) == 204
    assert [json.loads(one.document) for one in served.kept()] == [{"id": 1}]
    for bad in ({"status": 99}, {"answers": 0}, {"document": ""}, {"document": "x" * 16_385}, {"route": "x"}):
        assert served.tells({"id": 7}, **bad) == 422, bad
    assert served.tells({"id": 7}, document="{") == 204
    assert len(served.kept()) == 1


def test_two_versions_are_replayed_by_whoever_may_read_recordings(api: AdminAPI, node: FeedClient) -> None:
    served = Served(api, node, recording=True)
    path = f"/contracts/{served.contract}/replay"
    assert api.get(path).body["code"] == "nothing_recorded"
    assert served.tells({"id": 7, "name": "Ann"}) == 204
    shown = {"answers": {"200": [{"select": ["id", "name"]}]}, "recording": True}
    assert api.patch(f"/contracts/{served.contract}", {"routes": {"things-list": shown}}).status == 200
    found = api.get(path).body
    assert (found["after"], found["recorded"], found["answers"]) == ("draft", 1, 2)
    assert (found["differs"], found["breaking"], found["refused"]) == (True, False, [])
    name, identifier = found["fields"]
    assert (name["field"], name["appeared"], name["before"], name["after"]) == ("name", 1, None, '"xx"')
    assert (identifier["field"], identifier["unchanged"]) == ("id", 1)
    same = api.get(f"{path}?after={found['before']}").body
    assert (same["differs"], same["breaking"]) == (False, False)
    assert api.get(f"{path}?before=1999-01-01").body["code"] == "contract_version_unknown"


def test_a_recording_that_is_none_is_refused_with_its_place(api: AdminAPI, node: FeedClient) -> None:
    served = Served(api, node, recording=True)
    off: dict[str, Any] = {"sampling": "off", "recording": True}
    wrongs: list[dict[str, Any]] = [
        {"recording": one} for one in (7, "on", {"answers": 0}, {"days": 31}, {"answers": True}, {"many": 1})
    ]
    for wrong in (*wrongs, off):
        refused = api.patch(f"/contracts/{served.contract}", {"routes": {"things-list": {**SHOWN, **wrong}}})
        assert refused.status == 422, wrong
        assert refused.body["errors"][0]["pointer"].startswith("/routes/things-list/recording"), wrong


def test_nodes_are_told_by_which_rules_requests_lose_their_values(api: AdminAPI, node: FeedClient) -> None:
    served = Served(api, node, recording=True, shown=FILLED)
    told = served.expected()["recording"]["request"]
    (route,) = served.resource["body"]["routes"].values()
    assert told == {"root": route["request"]["body"]["root"], "program": route["request"]["program"]}
    assert served.resource["requires"] == ["contract.1"]


def test_requests_are_kept_beside_answers_once_without_values_whatever_the_node_sends(
    api: AdminAPI, node: FeedClient
) -> None:
    served = Served(api, node, recording={"answers": 2, "days": 3}, shown=FILLED)
    assert served.tells({"id": 7}, {"id": None}) == 204
    lies = ['{"number": 7313, "state": "closed"}', '{"number": 9999, "state": "closed"}', '{"number": 20}']
    assert served.tells_requests(*lies) == 204
    # What the version would never have let pass, and one too many.
    refused = ['{"number": 9}', '{"canary": "7313"}', '{"number": 20, "number": 20}', "[", '{"number": 1e400}']
    assert served.tells_requests(*refused, '{"state": "open"}') == 204
    first, second = [one for one in served.kept() if one.status is None]
    assert (json.loads(first.document), first.answers) == ({"number": 10, "state": "closed"}, 4)
    assert (json.loads(second.document), second.route, second.operation) == (
        {"number": 10},
        "things-list",
        "listThings",
    )
    assert len(served.kept()) == 4
    assert forget_recorded(datetime.now(UTC) + timedelta(days=3)) == 4
    for bad in ({"requests": 0}, {"requests": 10**7}, {"document": ""}, {"document": "x" * 16_385}, {"route": "x"}):
        assert served.tells_requests("{}", **bad) == 422, bad
    assert served.tells_requests(*["{}"] * 21) == 422


@pytest.mark.parametrize(("recording", "shown"), [(False, FILLED), (True, SHOWN)])
def test_requests_are_not_kept_where_none_were_asked_for(
    api: AdminAPI, node: FeedClient, recording: Any, shown: Any
) -> None:
    served = Served(api, node, recording, shown)
    assert served.tells_requests("{}") == 204
    assert served.kept() == []


def test_recorded_requests_are_replayed_by_what_the_backend_would_receive(api: AdminAPI, node: FeedClient) -> None:
    served = Served(api, node, recording=True, shown=FILLED)
    assert served.tells_requests('{"number": 7313}', '{"number": 7313, "state": "open"}') == 204
    path = f"/contracts/{served.contract}/replay"
    stricter = {**FILLED, "request": [{"select": ["id"]}, {"fill": {"name": {"const": "by us"}}}]}
    assert api.patch(f"/contracts/{served.contract}", {"routes": {"things-list": stricter}}).status == 200
    found = api.get(path).body
    assert (found["recorded"], found["answers"], found["requests"]) == (2, 0, 4)
    assert (found["differs"], found["breaking"], found["fields"]) == (True, True, [])
    assert {(one["kind"], one["status"], one["before"]) for one in found["refused"]} == {("request", None, None)}
    assert {one["after"].partition(":")[0] for one in found["refused"]} == {"unknown at /number"}
    filled = {**FILLED, "request": [*FILLED["request"], {"fill": {"name": "{partner.metadata.tier}"}}]}
    assert api.patch(f"/contracts/{served.contract}", {"routes": {"things-list": filled}}).status == 200
    found = api.get(path).body
    assert (found["differs"], found["breaking"], found["refused"]) == (True, False, [])
    fields = {one["field"]: one for one in found["fields"]}
    assert set(fields) == {"id", "state", "name"}
    name = fields["name"]
    assert (name["kind"], name["appeared"], name["after"]) == ("request", 2, '"{partner.metadata.tier}"')
    assert (fields["id"]["unchanged"], fields["state"]["unchanged"]) == (2, 1)
