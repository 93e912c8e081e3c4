"""Answers that nodes recorded without their values: what is kept, for how long, and what is replayed of it."""

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

from portazgo.contracts.models import RecordedAnswer
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


@pytest.fixture
def node(control: ControlProcess, world: World) -> Iterator[FeedClient]:
    client = FeedClient(control.internal_url, world.node_token(label="madrid")["token"])
    assert client.snapshot().status == 200
    yield client
    client.close()


class Served:
    """A version of a contract, and the node that serves it."""

    def __init__(self, api: AdminAPI, node: FeedClient, recording: Any) -> None:
        collect_named()
        self.api, self.node = api, node
        order = {"name": "things", "backend": BACKEND, "document": json.dumps(DOCUMENT)}
        schema = api.post("/schemas", order).body["id"]
        routes = {"things-list": {**SHOWN, "recording": recording}}
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

    def kept(self) -> list[RecordedAnswer]:
        return list(RecordedAnswer.objects.order_by("first_seen"))


def test_nodes_are_asked_to_record_where_the_contract_says_so(api: AdminAPI, node: FeedClient) -> None:
    served = Served(api, node, recording=True)
    assert served.expected()["recording"] == {"words": [], "paths": [], "prefixes": []}
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
