"""A real node records requests of the routes that ask for it, without a value, and a version that refuses them is found out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.canaries import Canaries, files_under
from support.command import entered
from support.deployment import Deployment
from support.key import own_key
from support.things import SECRET_NAME, SECRET_VALUE, Things

DIFFERENCES = 3
SAMPLED = {"sampling": {"one_in": 1, "per_minute": 60}, "answers": {"204": {"empty": True}}}
TEXT = {"type": "string"}
ORDER = {
    "type": "object",
    "properties": {
        "amount": {"type": "integer", "minimum": 100},
        "state": {**TEXT, "enum": ["open", "closed"]},
        "owner": TEXT,
        "labels": {"type": "object", "additionalProperties": TEXT},
    },
}
SENT = {"amount": 7313731373137313, "state": "open", "holder": SECRET_VALUE, "labels": {SECRET_NAME: SECRET_VALUE}}


def document() -> str:
    identifier = {"name": "id", "in": "path", "required": True, "schema": TEXT}
    operation = {
        "operationId": "orders_create",
        "parameters": [identifier],
        "requestBody": {"required": True, "content": {"application/json": {"schema": ORDER}}},
        "responses": {"204": {"description": "done"}},
    }
    paths = {"/orders/{id}": {"post": operation}}
    return json.dumps({"openapi": "3.1.0", "info": {"title": "Orders", "version": "1"}, "paths": paths})


@pytest.fixture
def things() -> Iterator[Things]:
    with Things() as server:
        yield server


class Orders:
    """A contract over orders, one of whose two routes is recorded, and a partner who sends some."""

    TAKEN = ({"select": ["amount", "state", "owner", "labels"]}, {"rename": {"owner": "holder"}})
    STRICTER = ({"select": ["amount", "labels"]}, {"fill": {"state": "{application.metadata.state}"}})

    def __init__(self, deployment: Deployment, things: Things) -> None:
        self.deployment, admin = deployment, deployment.admin
        environment = {"targets": [things.url], "credential": {"kind": "none"}}
        backend = admin.post("/backends", {"name": "orders", "environments": {"live": environment}})["id"]
        api = admin.post("/apis", {"name": "orders"})["id"]
        for name in ("orders", "others"):
            route = {"name": name, "backend": backend, "method": "POST", "path": f"/v1/{name}/{{id}}"}
            admin.post(f"/apis/{api}/routes", {**route, "passthrough": True, "backend_path": "/orders/{id}"})
        self.key = own_key(deployment, "orders", api)
        schema = admin.post("/schemas", {"name": "orders", "backend": backend, "document": document()})["id"]
        order = {"name": "orders", "api": api, "schema": schema, "routes": self.routes(self.TAKEN)}
        self.contract = admin.post("/contracts", order)["id"]
        admin.post(f"/contracts/{self.contract}/publish", {"default": True})
        deployment.wait_for(lambda: self.call("others", SENT) == 204, "a contract")

    def routes(self, taken: Any) -> dict[str, Any]:
        shown = {**SAMPLED, "request": list(taken)}
        return {"orders": {**shown, "recording": True}, "others": shown}

    def call(self, name: str, body: Any) -> int:
        text, headers = json.dumps(body), {"X_Api_Key": self.key.whole, "Content_Type": "application/json"}
        return self.deployment.call(f"/v1/{name}/7", method="POST", body=text, **headers).status

    def replays(self, *words: str, **said: str) -> tuple[int, str, str]:
        surroundings = {**self.deployment.environment, **said}
        ran = entered(surroundings, self.deployment.folder, "contract", "replay", "orders", *words)
        return ran.returncode, ran.stdout, ran.stderr

    def records(self, sent: Any, count: int) -> None:
        """Send it until so many are recorded."""

        def recorded() -> bool:
            assert self.call("orders", sent) == 204
            code, told, _ = self.replays("--json")
            return code == DIFFERENCES and json.loads(told)["recorded"] == count

        self.deployment.wait_for(recorded, f"{count} recorded requests")


def test_a_version_that_refuses_what_partners_send_is_found_out(deployment: Deployment, things: Things) -> None:
    orders = Orders(deployment, things)
    deployment.admin.patch(f"/contracts/{orders.contract}", {"routes": orders.routes(orders.STRICTER)})
    orders.records(SENT, 1)
    # Neither what the contract refuses nor what is large is recorded, nor anything of a route that does not ask.
    for _ in range(3):
        assert orders.call("orders", {**SENT, "amount": 7}) == 400
        assert orders.call("orders", {**SENT, "holder": "x" * 17_000}) == 204
        assert orders.call("others", {"amount": 7313731373137313}) == 204
    orders.records({"amount": 7313731373137313}, 2)
    assert json.loads(things.received[-1]) == {"amount": 7313731373137313}

    code, told, _ = orders.replays("--json", "--breaking")
    found = json.loads(told)
    assert (code, found["after"], found["answers"], found["recorded"]) == (DIFFERENCES, "draft", 0, 2)
    (refused,) = found["refused"]
    assert (refused["kind"], refused["route"], refused["status"], refused["before"]) == (
        "request",
        "orders",
        None,
        None,
    )
    assert refused["after"].startswith("unknown at /state: ")
    assert "; unknown at /holder: " in refused["after"]
    fields = {one["field"]: one for one in found["fields"]}
    assert (fields["amount"]["unchanged"], fields["state"]["appeared"]) == (1, 1)
    assert fields["state"]["after"] == '"{application.metadata.state}"'
    code, table, notes = orders.replays(PORTAZGO_LANG="es")
    assert code == DIFFERENCES
    assert "CLASE" in table.upper()
    assert "peticiones" in notes

    canaries = Canaries()
    canaries.plant("a value", SECRET_VALUE)
    canaries.plant("a number", "7313731373137313")
    canaries.plant("a member's name", SECRET_NAME)
    texts = {f"text {number}": text.encode() for number, text in enumerate((told, table, notes))}
    places = files_under(deployment.folder) | texts
    assert any(place.endswith(".sqlite3") for place in places), sorted(places)
    assert canaries.found(places) == {}
