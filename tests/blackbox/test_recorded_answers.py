"""A real node records answers of the routes that ask for it, without a value, and two versions are replayed over them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.canaries import Canaries, files_under
from support.command import entered
from support.deployment import Deployment
from support.key import own_key
from support.things import GOOD, SECRET_NAME, SECRET_VALUE, THING, Things, document

DIFFERENCES = 3
SAMPLED = {"sampling": {"one_in": 1, "per_minute": 60}}


@pytest.fixture
def things() -> Iterator[Things]:
    with Things() as server:
        yield server


def test_two_versions_are_replayed_over_what_was_recorded(deployment: Deployment, things: Things) -> None:
    admin = deployment.admin
    environment = {"targets": [things.url], "credential": {"kind": "none"}}
    backend = admin.post("/backends", {"name": "recorded", "environments": {"live": environment}})["id"]
    api = admin.post("/apis", {"name": "recorded"})["id"]
    for name in ("recorded", "other"):
        route = {"name": name, "backend": backend, "method": "GET", "path": f"/v1/{name}/{{id}}", "passthrough": True}
        admin.post(f"/apis/{api}/routes", {**route, "backend_path": "/things/{id}"})
    key = own_key(deployment, "recorded", api)
    schema = admin.post("/schemas", {"name": "recorded", "backend": backend, "document": document(THING)})["id"]
    shown: dict[str, Any] = {"answers": {"200": [{"select": ["id", "name"]}]}, **SAMPLED}
    routes = {"recorded": {**shown, "recording": True}, "other": shown}
    contract = admin.post("/contracts", {"name": "recorded", "api": api, "schema": schema, "routes": routes})["id"]
    version = admin.post(f"/contracts/{contract}/publish", {"default": True})["name"]

    def call(name: str) -> tuple[int, Any]:
        reply = deployment.call(f"/v1/{name}/7", X_Api_Key=key.whole)
        return reply.status, reply.json()

    for name in ("other", "recorded"):
        deployment.wait_for(lambda: call(name) == (200, {"id": 1, "name": SECRET_VALUE}), name)  # noqa: B023
    things.answer = {**GOOD, "owner": {"name": 7}, SECRET_NAME: SECRET_VALUE}
    assert call("other")[0] == call("recorded")[0] == 200

    changed = {"answers": {"200": [{"select": ["id", "labels"]}, {"coerce": {"id": "string"}}]}, **SAMPLED}
    admin.patch(f"/contracts/{contract}", {"routes": {"recorded": {**changed, "recording": True}, "other": shown}})

    def replays(*words: str) -> tuple[int, str, str]:
        ran = entered(deployment.environment, deployment.folder, "contract", "replay", "recorded", *words)
        return ran.returncode, ran.stdout, ran.stderr

    def both() -> bool:
        code, told, _ = replays("--json")
        return code == DIFFERENCES and json.loads(told)["recorded"] == 2

    deployment.wait_for(both, "two recorded answers")
    code, told, _ = replays("--json", "--breaking")
    found = json.loads(told)
    assert (code, found["before"], found["after"]) == (DIFFERENCES, version, "draft")
    assert {one["route"] for one in found["fields"]} == {"recorded"}
    fields = {one["field"]: one for one in found["fields"]}
    assert (fields["id"]["changed"], fields["id"]["before"], fields["id"]["after"]) == (2, "1", '"1"')
    assert (fields["name"]["gone"], fields["labels.*1"]["appeared"]) == (2, 2)
    code, table, notes = replays()
    assert code == DIFFERENCES
    assert "labels.*1" in table
    assert "It breaks partners." in notes

    canaries = Canaries()
    canaries.plant("a value", SECRET_VALUE)
    canaries.plant("a member's name", SECRET_NAME)
    texts = {f"text {number}": text.encode() for number, text in enumerate((told, table, notes))}
    places = files_under(deployment.folder) | texts
    assert any(place.endswith(".sqlite3") for place in places), sorted(places)
    assert canaries.found(places) == {}
