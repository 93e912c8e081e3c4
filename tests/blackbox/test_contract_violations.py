"""An answer that breaks its contract: whoever is on call reads which field it was, and nobody reads what the answer said."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from support import served_contracts as contracts
from support.answer_cases import whole
from support.canaries import Canaries, decoded, files_under
from support.command import entered
from support.deployment import Deployment
from support.hostile_backend import HostileBackend
from support.key import OwnKey, own_key
from support.loopback import LoopbackServer, QuietHandler
from support.served_contracts import SHOW, ask

from portazgo.lake.arrow import table_of

SECRET_VALUE, SECRET_KEY = "canary-of-an-answer-8841", "ann.canary-8842@example.test"
LABEL = {"type": "object", "properties": {"colour": {"type": "string"}}, "required": ["colour"]}
THING = {
    "type": "object",
    "required": ["id", "title"],
    "properties": {
        "id": {"type": "integer"},
        "title": {"type": "string"},
        "cost": {"type": "integer"},
        "labels": {"type": "object", "additionalProperties": LABEL},
    },
}
PAGE = {
    "type": "object",
    "required": ["count", "results"],
    "properties": {"count": {"type": "integer"}, "results": {"type": "array", "items": THING}},
}
SHOWN = ["count", "results.id", "results.title", "results.labels.*.colour"]


def thing(number: int, **members: Any) -> dict[str, Any]:
    return {"id": number, "title": SECRET_VALUE, "cost": 3, "labels": {SECRET_KEY: {"colour": "red"}}, **members}


def page(*things: dict[str, Any]) -> bytes:
    return json.dumps({"count": len(things), "results": things}).encode()


GOOD = page(thing(1), thing(2))
UNTITLED = {name: value for name, value in thing(2).items() if name != "title"}
MANY = [thing(number) for number in range(4000)]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the backend says."""

    body: bytes = GOOD
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


OF_ANOTHER_TYPE = Answer(headers={"Content-Type": "text/html"})
ZIPPED = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
BROKEN: dict[str, tuple[Answer, str]] = {
    "missing": (Answer(page(thing(1), UNTITLED)), "missing /results/*/name"),
    "another type": (Answer(page(thing(1, id=SECRET_VALUE))), "type /results/*/id"),
    "in a map": (Answer(page(thing(1, labels={SECRET_KEY: {"colour": 7}}))), "type /results/*/labels/*/colour"),
    "missing in a map": (Answer(page(thing(1, labels={SECRET_KEY: {}}))), "missing /results/*/labels/*/colour"),
    "at the root": (Answer(b"[]"), "type"),
    "cut short": (Answer(GOOD[:-1]), "truncated /results"),
    "zipped": (Answer(gzip.compress(page(UNTITLED)), headers=ZIPPED), "missing /results/*/name"),
    "another content type": (OF_ANOTHER_TYPE, "content_type"),
    "a status of nobody's": (Answer(b"", 302, {"Location": f"/{SECRET_VALUE}"}), "status 302"),
    "under way": (Answer(page(*MANY, UNTITLED)), "missing /results/*/name"),
}


class Things(LoopbackServer):
    """A backend whose answer a test sets."""

    def __init__(self) -> None:
        self.answer = Answer()
        origin = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:  # noqa: N802 - the name that http.server looks for
                origin._answer(self)

        super().__init__(Handler)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(self.answer.status)
        for name, value in self.answer.headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(self.answer.body)))
        request.end_headers()
        request.wfile.write(self.answer.body)


@dataclass
class Stage:
    """A backend under a contract."""

    deployment: Deployment
    things: Things
    key: OwnKey
    calls: dict[str, str] = field(default_factory=dict)
    """The name of each request's violation, by its id."""

    def call(self, answer: Answer, query: str = "") -> tuple[int, str]:
        """Have the backend answer so. Returns the partner's status and the request's id."""
        self.things.answer = answer
        got = ask(self.deployment.gateway_port, f"/v1/broken/{query}", key=self.key.whole)
        return got.status, got.request_id

    def run(self, *words: str, language: str = "en") -> str:
        finished: subprocess.CompletedProcess[str] = entered(
            {**self.deployment.environment, "PORTAZGO_LANG": language}, self.deployment.folder, *words
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout


@pytest.fixture(scope="module")
def stage(deployment: Deployment) -> Iterator[Stage]:
    admin = deployment.admin
    with Things() as things:
        environment = {"targets": [things.url], "credential": {"kind": "none"}}
        backend = admin.post("/backends", {"name": "broken", "environments": {"live": environment}})["id"]
        api = admin.post("/apis", {"name": "broken"})["id"]
        route = {"name": "things", "backend": backend, "method": "GET", "path": "/v1/broken/"}
        admin.post(f"/apis/{api}/routes", {**route, "backend_path": "/things/", "passthrough": True})
        answers = {"200": {"description": "ok", "content": {"application/json": {"schema": PAGE}}}}
        paths = {"/things/": {"get": {"operationId": "things_list", "responses": answers}}}
        document = {"openapi": "3.1.0", "info": {"title": "Things", "version": "1"}, "paths": paths}
        wanted = {"name": "broken", "backend": backend, "document": json.dumps(document)}
        schema = admin.post("/schemas", wanted)["id"]
        renamed = {"rename": {"results.title": "name"}}
        shown = {"answers": {"200": [{"select": SHOWN}, renamed]}, "fields": {"at": "results"}}
        body = {"name": "broken", "api": api, "schema": schema, "routes": {"things": shown}}
        contract = admin.post("/contracts", body)["id"]
        admin.post(f"/contracts/{contract}/publish", {"default": True})
        running = Stage(deployment, things, own_key(deployment, "broken", api))
        deployment.wait_for(lambda: _is_shown(running), "the contract")
        yield running


def _is_shown(stage: Stage) -> bool:
    reply = stage.deployment.call("/v1/broken/", X_Api_Key=stage.key.whole)
    return reply.status == 200 and b"cost" not in reply.body


@pytest.mark.parametrize("name", BROKEN)
def test_the_trace_names_the_field_in_the_partners_names(stage: Stage, name: str) -> None:
    answer, violation = BROKEN[name]
    status, request_id = stage.call(answer)
    assert status == (200 if name == "under way" else 502)
    trace = stage.deployment.trace(request_id)
    assert (trace["fault"], trace["violation"]) == ("contract_violation_response", violation)
    assert trace["delivery"] == ("aborted" if name == "under way" else "complete")
    assert trace["contract"].startswith("broken@")
    stage.calls[request_id] = violation


def test_a_key_of_a_map_that_the_caller_asks_for_is_named_no_more_than_others(stage: Stage) -> None:
    answer, violation = BROKEN["in a map"]
    status, request_id = stage.call(answer, f"?fields=labels({quote(SECRET_KEY)})")
    trace = stage.deployment.trace(request_id)
    assert (status, trace["violation"], trace["fields_selected"]) == (502, violation, True)
    stage.calls[request_id] = violation


def test_people_read_it_and_partners_do_not(stage: Stage) -> None:
    answer, violation = BROKEN["missing"]
    _, request_id = stage.call(answer)
    assert stage.deployment.trace(request_id)["violation"] == violation
    for language, words in (("en", "Broken by"), ("es", "Incumplido por")):
        shown = stage.run("trace", "show", request_id, language=language)
        assert any(words in line and violation in line for line in shown.splitlines()), shown
    seen = stage.run("partner-view", "show", request_id, "--partner", "demo-partner", "--json")
    assert json.loads(seen)["code"] == "backend_failed"
    assert "violation" not in seen
    assert "/results" not in seen


def test_a_good_answer_breaks_nothing_and_says_whether_fields_were_asked_for(stage: Stage) -> None:
    for query, selected in (("", False), ("?fields=id", True)):
        status, request_id = stage.call(Answer(), query)
        assert status == 200
        trace = stage.deployment.trace(request_id)
        assert (trace["violation"], trace["fields_selected"], trace["fault"]) == (None, selected, None)


def test_the_ledger_of_fields_counts_what_was_told_and_what_was_cut(stage: Stage) -> None:
    def told() -> dict[str, tuple[int, int]]:
        items = json.loads(stage.run("usage", "fields", "--json"))
        return {one["field"]: (one["answers"], one["selected"]) for one in items if one["contract"] == "broken"}

    _, last = stage.call(Answer())
    stage.deployment.trace(last)
    before = told()
    # Withheld, cut off after much of it went out, whole, and of one field only.
    calls = [stage.call(BROKEN[name][0])[1] for name in ("missing", "another content type", "under way")]
    calls += [stage.call(Answer(), query)[1] for query in ("", "?fields=id", "?fields=name")]
    for request_id in calls:
        stage.deployment.trace(request_id)
    after = told()
    assert {name: (after[name][0] - was[0], after[name][1] - was[1]) for name, was in before.items()} == dict.fromkeys(
        before, (4, 2)
    )
    answers, selected = after["count"]
    assert f"{answers - selected} … {answers}" in stage.run("usage", "fields")


def test_nothing_of_the_answers_is_kept_anywhere(stage: Stage) -> None:
    canaries = Canaries()
    canaries.plant("a value", SECRET_VALUE)
    canaries.plant("a map's key", SECRET_KEY)
    places = files_under(stage.deployment.folder)
    assert any(place.endswith(".sqlite3") for place in places), sorted(places)
    # As the records are read: in the ledger they are packed.
    traces = stage.deployment.admin.get("/traces", {"limit": 200})["items"]
    assert stage.calls.items() <= {one["request_id"]: one["violation"] for one in traces}.items()
    places["traces"] = json.dumps(traces).encode()
    assert canaries.found(places | decoded(places)) == {}


def test_the_lake_has_a_column_of_it(tmp_path: Path) -> None:
    with HostileBackend() as backend:
        backend.scripts["broken"] = whole(b'{"name":"x"}')
        backend.scripts["fits"] = whole(b'{"id":7}')
        resources = [
            contracts.version({SHOW: contracts.shown(f"http://127.0.0.1:{backend.port}")}),
            contracts.route(SHOW, "GET", "/v1/items/{id}", "/api/items/{id}"),
        ]
        with contracts.node(tmp_path, backend.port, resources) as node:
            got = [ask(node.port, f"/v1/items/{name}").request_id for name in ("broken", "fits", "fits?fields=id")]
            for request_id in got:
                node.record_of(request_id)
        segments = sorted((node.data / "node" / "segments").glob("*/*.seg"))
        tables = [table_of(path.read_bytes()).to_pylist() for path in segments]
    found = {row["request_id"]: (row["violation"], row["fields_selected"]) for rows in tables for row in rows}
    assert [found[request_id] for request_id in got] == [("missing /id", False), (None, False), (None, True)]
