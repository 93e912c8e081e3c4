"""docs/contracts.md: its contract compiles, every operator is there, and every example does what it shows."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from ruamel.yaml import YAML
from support.documents import PROJECT

from portazgo._native import project, rewrite
from portazgo.contracts.compiling import ContractTerms, RouteFacts, compile_contract
from portazgo.contracts.language.problems import Problems
from portazgo.contracts.language.reading import OperatorReader
from portazgo.contracts.schema import read_schema

TEXT = (PROJECT / "docs" / "contracts.md").read_text("utf-8")
BLOCK = re.compile(r"^```(yaml|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [(kind, text) for kind, text in BLOCK.findall(TEXT)]
SCHEMA = BLOCKS[0][1]
CONTRACT = YAML(typ="safe", pure=True).load(BLOCKS[1][1])["contracts"]["parcels-basic"]
TARGETS = ("http://backend.example:8000",)
ROUTES = {
    "list-parcels": RouteFacts("GET", "/v1/parcels", "GET", "/api/parcels/", TARGETS),
    "show-parcel": RouteFacts("GET", "/v1/parcels/{id}", "GET", "/api/parcels/{id}/", TARGETS),
    "create-parcel": RouteFacts("POST", "/v1/parcels", "POST", "/api/parcels/", TARGETS),
}
VALUES = json.dumps(
    {"partner": {"metadata": {"tenant": "acme"}}, "claims": {"tenant": "acme", "sub": "crm", "aud": "parcels"}}
).encode()
SECTIONS = {
    heading.split(" ")[0]: (heading, [text for _, text in BLOCK.findall(section)])
    for heading, section in re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL)
}


def test_the_contract_of_the_page_compiles() -> None:
    terms = ContractTerms(routes=CONTRACT["routes"], mappings=CONTRACT["mappings"])
    compiled = compile_contract(terms, read_schema(SCHEMA), ROUTES)
    shown = [pair.partner for pair in compiled.routes["show-parcel"].fields["200"]]
    assert shown == ["id", "tracking_number", "status", "weight"]


def test_the_page_has_every_operator() -> None:
    assert SECTIONS.keys() == OperatorReader({}, Problems())._readers.keys()


@pytest.mark.parametrize("name", SECTIONS)
def test_the_example_does_what_it_shows(name: str) -> None:
    heading, blocks = SECTIONS[name]
    for operators, received, sent in zip(*[iter(blocks)] * 3, strict=True):
        read = YAML(typ="safe", pure=True).load(operators)
        if "(requests)" in heading:
            assert json.loads(rewritten(read, received)) == json.loads(sent)
        else:
            route = "list-parcels" if "(a page)" in heading else "show-parcel"
            assert json.loads(projected(route, read, received)) == json.loads(sent)


def test_the_statuses_of_the_page_compile() -> None:
    (text,) = (text for kind, text in BLOCKS if kind == "yaml" and "send: 422" in text)
    told = YAML(typ="safe", pure=True).load(text)["routes"]["create-parcel"]
    schema = json.loads(json.dumps(YAML(typ="safe", pure=True).load(SCHEMA), default=str))
    answers = schema["paths"]["/api/parcels/"]["post"]["responses"]
    answers |= {"409": {"description": "Twice"}, "410": {"description": "Gone"}}
    terms = ContractTerms(routes={"create-parcel": told}, mappings=CONTRACT["mappings"])
    wire = compile_contract(terms, read_schema(json.dumps(schema)), ROUTES).routes["create-parcel"].wire
    sent = {answer["status"]: (answer["body"]["kind"], answer["send"]) for answer in wire["answers"]}
    assert sent == {"201": ("json", 200), "409": ("problem", 422), "410": ("empty", 204)}


def projected(route: str, operators: Any, body: str) -> bytes:
    told: dict[str, Any] = {"answers": {"200": operators}}
    if route == "list-parcels":
        told["query"] = {"page": {}, "tenant": {"fill": {"const": "acme"}}}
    wire = wire_of(route, told)
    return project(json.dumps(wire["program"]).encode(), wire["answers"][0]["body"]["root"], body.encode())


def rewritten(operators: Any, body: str) -> bytes:
    wire = wire_of("create-parcel", {"request": operators, "answers": {"201": {"empty": True}}})
    program = json.dumps(wire["request"]["program"]).encode()
    return rewrite(program, wire["request"]["body"]["root"], body.encode(), VALUES)


def wire_of(route: str, told: dict[str, Any]) -> dict[str, Any]:
    terms = ContractTerms(routes={route: told}, mappings=CONTRACT["mappings"])
    return compile_contract(terms, read_schema(SCHEMA), ROUTES).routes[route].wire
