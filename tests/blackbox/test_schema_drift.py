"""A backend whose answers change: a real node notices, by places and types, and no value of an answer gets anywhere."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from support.canaries import Canaries, files_under
from support.command import entered
from support.deployment import Deployment
from support.key import own_key
from support.things import GOOD, SECRET_NAME, SECRET_VALUE, THING, Things, document


@pytest.fixture
def things() -> Iterator[Things]:
    with Things() as server:
        yield server


def test_what_a_backend_changes_is_told_by_place_and_type_alone(deployment: Deployment, things: Things) -> None:
    run = Runs(deployment)
    admin = deployment.admin
    environment = {"targets": [things.url], "credential": {"kind": "none"}}
    backend = admin.post("/backends", {"name": "drifting", "environments": {"live": environment}})
    api = admin.post("/apis", {"name": "drifting"})["id"]
    route = {"name": "thing", "backend": backend["id"], "method": "GET", "path": "/v1/drifting/{id}"}
    admin.post(f"/apis/{api}/routes", {**route, "backend_path": "/things/{id}", "passthrough": True})
    key = own_key(deployment, "drifting", api)
    schema = admin.post("/schemas", {"name": "drifting", "backend": backend["id"], "document": document(THING)})["id"]
    # Each answer is looked at: what is chosen by chance is the data plane's own tests' matter.
    shown = {"answers": {"200": [{"select": ["id", "name"]}]}, "sampling": {"one_in": 1, "per_minute": 60}}
    body = {"name": "drifting", "api": api, "schema": schema, "routes": {"thing": shown}}
    contract = admin.post("/contracts", body)["id"]
    version = admin.post(f"/contracts/{contract}/publish", {"default": True})["name"]

    def call() -> tuple[int, Any]:
        reply = deployment.call("/v1/drifting/7", X_Api_Key=key.whole)
        return reply.status, reply.json()

    deployment.wait_for(lambda: call() == (200, {"id": 1, "name": SECRET_VALUE}), "the contract")
    # New members, one of them named by a value; what partners get is the same.
    things.zipped = True
    things.answer = {**GOOD, "nick_name": SECRET_VALUE, SECRET_NAME: SECRET_VALUE, "owner": {"name": 7}}
    assert call() == (200, {"id": 1, "name": SECRET_VALUE})
    # A selected member is of another type, then missing: the call fails, and that very answer says why.
    things.zipped = False
    things.answer = {**GOOD, "id": "1"}
    assert call()[0] == 502
    things.answer = {name: value for name, value in GOOD.items() if name != "name"}
    assert call()[0] == 502

    def found() -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = json.loads(run("schema", "drift", "drifting", "--json"))
        return told

    deployment.wait_for(lambda: len(found()) == 5, "five findings")
    told = {(one["kind"], one["path"], one["found"], one["expected"]): one for one in found()}
    assert set(told) == {
        ("new", "nick_name", "string", None),
        ("new", "*", "string", None),
        ("retyped", "owner.name", "integer", "string"),
        ("retyped", "id", "string", "integer"),
        ("missing", "name", None, "string"),
    }
    assert all(one["first_seen"] <= one["last_seen"] and one["answers"] == 1 for one in told.values())
    effects = {place[1]: [one["outcome"] for one in row["effects"]] for place, row in told.items()}
    assert effects == {
        "nick_name": ["hidden"],
        "*": ["hidden"],
        "owner.name": ["hidden"],
        "id": ["fails"],
        "name": ["fails"],
    }

    shown_to_people = run("schema", "drift", "drifting")
    assert "a member of unknown name" in shown_to_people
    assert f"drifting@{version}: thing: fails: " in shown_to_people
    _nothing_of_the_answers_is_kept(deployment, shown_to_people)

    # The operator imports what the backend says now: what it declares is past.
    declared = {**THING, "required": ["id"], "properties": {**THING["properties"], "nick_name": {"type": "string"}}}
    admin.post("/schemas", {"name": "drifting", "backend": backend["id"], "document": document(declared)})
    assert {one["path"] for one in found()} == {"*", "owner.name", "id"}


class Runs:
    """`portazgo`, as an operator enters it."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def __call__(self, *words: str) -> str:
        finished: subprocess.CompletedProcess[str] = entered(
            self._deployment.environment, self._deployment.folder, *words
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout


def _nothing_of_the_answers_is_kept(deployment: Deployment, *texts: str) -> None:
    canaries = Canaries()
    canaries.plant("a value", SECRET_VALUE)
    canaries.plant("a member's name", SECRET_NAME)
    places = files_under(deployment.folder) | {f"text {number}": text.encode() for number, text in enumerate(texts)}
    assert any(place.endswith(".sqlite3") for place in places), sorted(places)
    assert canaries.found(places) == {}
