"""In what answers differ from schemas: what nodes compare with, what they tell, what it means, and when it is past."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.admin import AdminAPI
from support.control import ControlProcess, FeedClient
from support.named_records import collect_named
from support.segments import API, BACKEND, ROUTE
from support.world import NOBODY, World

from portazgo.contracts.models import SchemaDrift
from portazgo.notifications.models import Event

pytestmark = pytest.mark.usefixtures("database")

FIRST, LAST = "2026-11-25T09:00:00Z", "2026-11-25T09:10:00Z"
THING = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {"id": {"type": "integer"}, "name": {"type": "string"}, "weight": {"type": "number"}},
}
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


@pytest.fixture
def node(control: ControlProcess, world: World) -> Iterator[FeedClient]:
    client = FeedClient(control.internal_url, world.node_token(label="madrid")["token"])
    assert client.snapshot().status == 200
    yield client
    client.close()


class Served:
    """A version of a contract over a schema, and the node that serves it."""

    def __init__(self, api: AdminAPI, node: FeedClient, **of_route: Any) -> None:
        self.api, self.node = api, node
        self.schema = self.imports(DOCUMENT)["id"]
        routes = {"things-list": {"answers": {"200": [{"select": ["id"]}]}, **of_route}}
        body = {"name": "basic", "api": API, "schema": self.schema, "routes": routes}
        self.contract = api.post("/contracts", body).body["id"]
        self.name = api.post(f"/contracts/{self.contract}/publish", {}).body["name"]
        (kept,) = [one for one in map(json.loads, node.snapshot().body.splitlines()) if one.get("kind") == "contract"]
        self.resource = kept
        self.version = kept["body"]["number"]

    def imports(self, document: dict[str, Any]) -> dict[str, Any]:
        order = {"name": "things", "backend": BACKEND, "document": json.dumps(document)}
        found: dict[str, Any] = self.api.post("/schemas", order).body
        return found

    def expected(self, known: int | str = 0, **other: Any) -> Any:
        query = {"contract_version": self.version, "route": ROUTE, "known": known, **other}
        return self.node.get("/internal/v1/expectations", query)

    def tells(self, *findings: dict[str, Any], schema_version: int = 1, **members: Any) -> int:
        about = {"contract_version": self.version, "route": ROUTE, "schema_version": schema_version, "status": 200}
        seen = {"found": "", "expected": "", "answers": 2, "first_seen": FIRST, "last_seen": LAST}
        body = {"epoch": self.node.epoch, "findings": [{**about, **seen, **one} for one in findings], **members}
        answer = self.node._client.request("POST", "/internal/v1/drift", body=body, headers=self.node.headers)
        return answer.status

    def drift(self) -> list[dict[str, Any]]:
        return self.api.every(f"/schemas/drift?schema={self.schema}")


@pytest.fixture
def served(api: AdminAPI, node: FeedClient) -> Served:
    collect_named()
    return Served(api, node)


NEW = {"kind": "new", "path": "owner", "found": "object"}
MISSING = {"kind": "missing", "path": "name", "expected": "string"}
RETYPED = {"kind": "retyped", "path": "id", "found": "string", "expected": "integer"}


def test_a_node_is_told_what_is_expected_and_only_what_is_new_of_it(served: Served) -> None:
    answer = served.expected()
    assert json.loads(answer.body) == {
        "schema_version": 1,
        "answers": {"200": 0},
        "rows": [
            {"types": ["object"], "members": {"id": [1, True], "name": [2, True], "weight": [3, False]}},
            {"types": ["integer"]},
            {"types": ["string"]},
            {"types": ["number"]},
        ],
    }
    assert served.expected(known=1).status == 204
    assert served.expected(contract_version=7).status == 404
    assert served.expected(route=NOBODY).status == 404
    assert served.expected(route="x").status == served.expected(known="x").status == 422
    assert served.imports(with_member("owner", {"type": "object"}))["version"] == 2
    assert json.loads(served.expected(known=1).body)["schema_version"] == 2


def test_what_nodes_tell_is_added_up_and_says_what_it_means(served: Served) -> None:
    assert served.tells(NEW, MISSING, RETYPED) == 204
    assert served.tells({**NEW, "first_seen": "2026-11-24T00:00:00Z"}) == 204
    found = {one["path"]: one for one in served.drift()}
    assert {**found["owner"], "id": None} == {
        "id": None,
        "schema": served.schema,
        "schema_name": "things",
        "schema_version": 1,
        "operation": "listThings",
        "status": 200,
        "kind": "new",
        "path": "owner",
        "found": "object",
        "expected": None,
        "answers": 4,
        "first_seen": "2026-11-24T00:00:00Z",
        "last_seen": "2026-11-25T09:10:00Z",
        "effects": found["owner"]["effects"],
    }
    outcomes = {path: [one["outcome"] for one in row["effects"]] for path, row in found.items()}
    assert outcomes == {"owner": ["hidden"], "name": ["hidden"], "id": ["fails"]}
    (effect,) = found["id"]["effects"]
    assert (effect["contract"], effect["route"]) == (f"basic@{served.name}", "things-list")
    assert "string came, integer was declared" in effect["sentence"]


def test_operators_are_told_once_for_an_operation_and_a_document(served: Served) -> None:
    served.tells(RETYPED, NEW)
    served.tells(MISSING)
    (event,) = Event.objects.filter(type="schema.drifted")
    assert event.partner_id is None
    assert event.data == {
        "schema_id": served.schema,
        "schema_name": "things",
        "schema_version": 1,
        "operation": "listThings",
        "status": 200,
        "kind": "retyped",
        "path": "id",
        "first_seen": "2026-11-25T09:00:00.000000Z",
    }


def test_a_document_that_declares_it_is_the_end_of_a_finding(served: Served) -> None:
    served.tells(NEW, MISSING, RETYPED)
    served.imports(with_member("owner", {"type": "object"}))
    assert {one["path"]: one["schema_version"] for one in served.drift()} == {"name": 2, "id": 2}
    # What a node compared with the older document says nothing any more.
    assert served.tells(NEW) == 204
    assert {one["path"] for one in served.drift()} == {"name", "id"}


def test_what_no_sample_shows_for_long_is_past(served: Served) -> None:
    served.tells({**NEW, "first_seen": "2026-09-01T00:00:00Z", "last_seen": "2026-09-01T00:00:00Z"})
    served.tells(RETYPED)
    assert [one["path"] for one in served.drift()] == ["id"]


def test_a_name_that_may_be_a_value_is_not_kept_whatever_a_node_says(served: Served) -> None:
    served.tells({**NEW, "path": "/ann@example.test"}, {**NEW, "path": "4711-0815"})
    assert [(one["path"], one["answers"]) for one in served.drift()] == [("*", 4)]
    for start in range(3):
        served.tells(*({**NEW, "path": f"ann_{chr(97 + start * 7 + number)}"} for number in range(7)))
    assert [one["path"] for one in served.drift()] == ["*"]
    assert served.drift()[0]["answers"] == 4 + 42


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "other"},
        {"path": ""},
        {"path": "a..b"},
        {"path": "x" * 501},
        {"path": "a\u0000b"},
        {"found": "a value"},
        {"answers": 0},
        {"status": 99},
        {"route": "x"},
        {"last_seen": "yesterday"},
    ],
)
def test_a_report_that_is_none_is_refused_whole(served: Served, bad: dict[str, Any]) -> None:
    assert served.tells(RETYPED, {**NEW, **bad}) == 422
    assert SchemaDrift.objects.count() == 0


def test_a_report_that_is_too_long_or_of_nobodys_is_refused(served: Served, control: ControlProcess) -> None:
    assert served.tells(*[NEW] * 201) == 422
    stranger = FeedClient(control.internal_url, "ptzn_nobody")
    assert stranger.get("/internal/v1/expectations", {}).status == 401
    stranger.close()


def test_the_rate_of_a_route_reaches_nodes(api: AdminAPI, node: FeedClient) -> None:
    collect_named()
    served = Served(api, node, sampling={"one_in": 10})
    assert served.resource["requires"] == ["contract.1", "contract.sampling.1"]
    (route,) = served.resource["body"]["routes"].values()
    assert route["sampling"] == {"one_in": 10, "per_minute": 6}
    for wrong in (7, "on", {"one_in": 0}, {"per_minute": 61}, {"one_in": True}, {"many": 1}):
        routes = {"things-list": {"answers": {"200": [{"select": ["id"]}]}, "sampling": wrong}}
        refused = api.patch(f"/contracts/{served.contract}", {"routes": routes})
        assert refused.status == 422, wrong
        assert refused.body["errors"][0]["pointer"].startswith("/routes/things-list/sampling"), wrong


def with_member(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    operation = document["paths"]["/api/things/"]["get"]
    operation["responses"]["200"]["content"]["application/json"]["schema"]["properties"][name] = schema
    return document
