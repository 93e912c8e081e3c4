"""Computed members of real answers: what partners get, what breaks an answer before and after its first bytes, the limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from support import served_contracts as contracts
from support.answer_cases import PAUSE, chunked, head, whole
from support.bare_gateway import BareGateway, Origin
from support.hostile_backend import HostileBackend, slowly
from support.served_contracts import OPEN, SHOW, Got, ask

from portazgo.contracts.compiling import ContractTerms, RouteFacts, compile_contract
from portazgo.contracts.schema import read_schema

SECRET = "NEEDLE-of-the-inside"
TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
LINES = {
    "type": "array",
    "items": {"type": "object", "properties": {"sku": TEXT, "open": {"type": "boolean"}, "cost": NUMBER}},
}
ITEM = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": NUMBER,
        "name": TEXT,
        "tenant": TEXT,
        "ssn": TEXT,
        "lines": LINES,
        "numbers": LINES | {"items": NUMBER},
    },
}
PAGE = {"type": "object", "properties": {"items": {"type": "array", "items": ITEM}}}
COMPUTED = {
    "label": {"expr": "self.name + ' (' + self.tenant + ')'", "schema": TEXT},
    "open": {
        "expr": "has(self.lines) && self.lines.exists(line, line.open)",
        "schema": {"type": "boolean", "description": "Whether something is not delivered."},
    },
    "twice": {
        "expr": "has(self.numbers) && self.numbers.exists(n, n * 2 in self.numbers)",
        "schema": {"type": "boolean"},
    },
}
FAULT = "contract_violation_response"
GOOD = {
    "id": 12345678901234567890,
    "name": "Ñ",
    "tenant": "acme",
    "ssn": SECRET,
    "lines": [{"sku": SECRET, "open": False}, {"sku": SECRET, "open": True}],
}
SHOWN = '{"id":12345678901234567890,"name":"\\u00d1","label":"Ñ (acme)","open":true,"twice":false}'.encode()
LONG = b'{"items":[' + b",".join(
    b'{"id":%d,"ssn":"%s","name":"n","tenant":"t%d"}' % (number, SECRET.encode(), number) for number in range(2000)
)
LONG_SHOWN = b'{"items":[' + b",".join(
    b'{"id":%d,"name":"n","label":"n (t%d)","open":false,"twice":false}' % (number, number) for number in range(2000)
)


def views() -> dict[str, dict[str, Any]]:
    """What a contract over both operations is compiled to."""
    paths = {}
    for name, schema in (("item", ITEM), ("page", PAGE)):
        answers = {"200": {"description": "", "content": {"application/json": {"schema": schema}}}}
        identifier = {"name": "id", "in": "path", "required": True, "schema": TEXT}
        paths[f"/api/{name}s/{{id}}"] = {"get": {"operationId": name, "parameters": [identifier], "responses": answers}}
    document = {"openapi": "3.1.0", "info": {"title": "Items", "version": "1"}, "paths": paths}
    shown = [{"select": ["id", "name"]}, {"compute": COMPUTED}]
    routes = {
        "item": {"answers": {"200": shown}, "fields": True},
        "page": {"answers": {"200": [{"use": {"mapping": "item", "at": "items"}}]}},
    }
    facts = {name: RouteFacts("GET", f"/v1/{name}s/{{id}}", "GET", f"/api/{name}s/{{id}}") for name in routes}
    compiled = compile_contract(
        ContractTerms(routes=routes, mappings={"item": shown}), read_schema(json.dumps(document)), facts
    )
    hold = {name: compiled.routes[name].wire for name in routes}
    for wire in hold.values():
        wire["answers"][0]["body"]["hold"] = contracts.HOLD
    return {SHOW: hold["item"], OPEN: hold["page"]}


class Stage:
    """A node before a backend whose answers a test sets; records are compared when it has ended."""

    def __init__(self, folder: Path) -> None:
        self.backend = HostileBackend()
        self.folder = folder

    def __enter__(self) -> Self:
        self.backend.__enter__()
        version = contracts.version(views())
        version["requires"].append("contract.compute.1")
        resources = [
            version,
            contracts.route(SHOW, "GET", "/v1/items/{id}", "/api/items/{id}"),
            contracts.route(OPEN, "GET", "/v1/pages/{id}", "/api/items/{id}", max_response_bytes=16 << 20),
        ]
        self.node: BareGateway = contracts.node(self.folder, self.backend.port, resources).__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.node.__exit__()
        self.backend.__exit__()

    def item(self, item: Any, query: str = "") -> Got:
        """Ask for one item, which the backend answers so."""
        self.backend.scripts["item"] = whole(item if isinstance(item, bytes) else json.dumps(item).encode())
        return self._seen(ask(self.node.port, f"/v1/items/item{query}"))

    def page(self, rest: bytes) -> Got:
        """Ask for a page of which this comes after the first bytes went out."""
        first = head() + chunked(LONG, last=b"")
        self.backend.scripts["page"] = slowly(first, chunked(rest), pause=PAUSE)
        return self._seen(ask(self.node.port, "/v1/pages/page"))

    def told(self, got: Got) -> tuple[str | None, str, str | None]:
        """Return fault, delivery and violation of the call's record."""
        record = self.node.record_of(got.request_id)
        return record["fault"], record["delivery"], record["violation"]

    def _seen(self, got: Got) -> Got:
        assert SECRET not in repr(got.headers) + got.body.decode("utf-8", "replace")
        return got


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("computed")) as running:
        yield running


def refused(stage: Stage, item: Any, violation: str, query: str = "") -> None:
    """The partner gets a problem, and the operator is told why."""
    got = stage.item(item, query)
    assert (got.status, got.code, got.whole) == (502, "backend_failed", True), got
    assert stage.told(got) == (FAULT, "complete", violation)


def test_partners_get_what_is_computed_and_nothing_of_what_it_was_computed_of(stage: Stage) -> None:
    got = stage.item(GOOD)
    assert (got.status, got.body) == (200, SHOWN)
    assert stage.told(got) == (None, "complete", None)
    assert stage.item({"id": 1, "name": "a", "tenant": "b"}).document == {
        "id": 1,
        "name": "a",
        "label": "a (b)",
        "open": False,
        "twice": False,
    }


@pytest.mark.parametrize(
    ("wrong", "violation"),
    [
        ({"tenant": 7}, "type /label"),
        ({"tenant": None}, "value /label"),
        ({"lines": [{"open": "yes"}]}, "type /open"),
        ({"lines": [{}]}, "value /open"),
        ({"numbers": [1 << 63]}, "value /twice"),
    ],
)
def test_what_has_no_value_is_withheld_before_the_first_byte(
    stage: Stage, wrong: dict[str, Any], violation: str
) -> None:
    refused(stage, {**GOOD, **wrong}, violation)
    assert stage.item(GOOD).body == SHOWN


def test_what_has_no_value_is_cut_off_after_the_first_bytes(stage: Stage) -> None:
    got = stage.page(b"]}")
    assert (got.status, got.body, got.whole) == (200, LONG_SHOWN + b"]}", True)
    for rest, why in (
        (b',{"id":1,"name":"a","tenant":7}]}', "type /items/*/label"),
        (b',{"id":1,"name":"a"}]}', "value /items/*/label"),
        (b',{"id":1,"name":"a","tenant":"b","lines":[{"open":true,"open":true}]}]}', "duplicate /items/*/open"),
    ):
        got = stage.page(rest)
        assert (got.status, got.whole) == (200, False)
        # What went out is of items that were whole, and of the begin of the one that was not.
        assert (LONG_SHOWN + b',{"id":1,"name":"a","label":"a (b)"').startswith(got.body[: len(LONG_SHOWN) + 19])
        assert b'"label":7' not in got.body
        assert stage.told(got) == (FAULT, "aborted", why)


def test_each_limit_of_a_value_withholds_the_answer(stage: Stage) -> None:
    # Input: 64 KiB. The list is hidden, and makes no text.
    numbers = [1000] * 10_000
    assert len(json.dumps(numbers)) < 65_536
    refused(stage, {**GOOD, "lines": [{"sku": "x" * 66_000}]}, "size /open")
    # Output: 16 KiB, of texts on the way too.
    assert stage.item({**GOOD, "tenant": "x" * 16_000}).status == 200
    refused(stage, {**GOOD, "tenant": "x" * 16_380}, "size /label")
    # Steps: a list looked through for each of its items.
    assert stage.item({**GOOD, "numbers": numbers[:100]}).status == 200
    refused(stage, {**GOOD, "numbers": numbers}, "size /twice")
    # Depth.
    deep = {**GOOD, "lines": [{"sku": json.loads("[" * 70 + "]" * 70)}]}
    got = stage.item(deep)
    assert (got.status, got.code) == (502, "backend_failed")
    assert stage.told(got)[2] in {"depth", "depth /open"}


def test_the_values_of_an_answer_share_a_limit(stage: Stage) -> None:
    each = b',{"id":1,"name":"a","tenant":"b","numbers":[3,5,7,9,11,13,15,17]}'
    got = stage.page(each * 150 + b"]}")
    assert (got.status, got.whole) == (200, True)
    got = stage.page(each * 10_000 + b"]}")
    assert (got.status, got.whole) == (200, False)
    fault, delivery, violation = stage.told(got)
    assert (fault, delivery) == (FAULT, "aborted")
    assert violation is not None
    assert violation.startswith("size /items/*/")
    # The next answer begins anew.
    assert stage.page(b"]}").whole


def test_what_nobody_asks_for_is_not_computed(stage: Stage) -> None:
    assert stage.item(GOOD, "?fields=label").body == '{"label":"Ñ (acme)"}'.encode()
    assert stage.item(GOOD, "?fields=id,open").document == {"id": GOOD["id"], "open": True}
    wrong = {**GOOD, "tenant": 7}
    assert stage.item(wrong, "?fields=id,open").status == 200
    refused(stage, wrong, "type /label", "?fields=id,label")
    unknown = stage.item(GOOD, "?fields=tenant")
    assert (unknown.status, unknown.code) == (400, "fields_invalid")


def test_pieces_of_any_size_come_to_the_same(stage: Stage) -> None:
    text = json.dumps(GOOD).encode()
    for cut in (1, 40, len(text) - 1):
        pieces = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (text[:cut], text[cut:])]
        stage.backend.scripts["item"] = slowly(head() + pieces[0], pieces[1] + b"0\r\n\r\n", pause=0.05)
        assert ask(stage.node.port, "/v1/items/item").body == SHOWN


def test_a_node_that_does_not_know_computed_values_shows_nothing(tmp_path: Path) -> None:
    """The feature and the member are played by names that this node has never heard of."""

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {"compute_of_later" if name == "compute" else name: renamed(inner) for name, inner in value.items()}
        return [renamed(inner) for inner in value] if isinstance(value, list) else value

    with Origin(answer=json.dumps(GOOD).encode()) as origin:
        version = renamed(contracts.version(views()))
        version["requires"].append("contract.compute.of-later")
        resources = [
            version,
            contracts.route(SHOW, "GET", "/v1/items/{id}", "/api/items/{id}"),
            {**contracts.route(OPEN, "GET", "/v1/open/{id}", "/api/items/{id}", passthrough=True), "requires": []},
        ]
        del resources[-1]["body"]["contract"]
        with contracts.node(tmp_path, origin.port, resources) as node:
            for path in ("/v1/items/7", "/v1/items/7?fields=id"):
                got = ask(node.port, path)
                assert (got.status, got.code) == (503, "gateway_unavailable")
                assert SECRET.encode() not in got.body
                assert node.record_of(got.request_id)["fault"] == "node_outdated"
            assert ask(node.port, "/v1/open/7").document == GOOD
