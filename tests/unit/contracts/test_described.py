"""What an author says to partners of operations and members stands in their document, and the backend's own texts don't."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from portazgo.contracts.compiling import CompiledContract, ContractRefused, ContractTerms, RouteFacts, compile_contract
from portazgo.contracts.document.building import VersionFacts, partner_document
from portazgo.contracts.schema import read_schema

INSIDE = "Column t_nm of the shard."
OWNER: dict[str, Any] = {"type": "object", "properties": {"name": {"type": "string", "description": INSIDE}}}
THING: dict[str, Any] = {
    "type": "object",
    "required": ["id"],
    "description": INSIDE,
    "properties": {
        "id": {"type": "integer", "description": INSIDE},
        "weight": {"type": ["number", "null"], "description": INSIDE},
        "owner": {"$ref": "#/components/schemas/Owner"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}
CONTENT = {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Things", "version": "1"},
    "paths": {
        "/api/things/": {
            "post": {
                "operationId": "make",
                "summary": INSIDE,
                "description": INSIDE,
                "requestBody": {"required": True, "content": CONTENT},
                "responses": {"200": {"description": INSIDE, "content": CONTENT}},
            }
        }
    },
    "components": {"schemas": {"Thing": THING, "Owner": OWNER}},
}
FACTS = {"make": RouteFacts("POST", "/v1/things/", "POST", "/api/things/")}
WORDS = {
    "id": "Ours, for ever.",
    "weight": "In kilograms.",
    "owner": "Whose it is.",
    "owner.name": "As on the bill.",
    "tags": "In no order.",
}
SELECTED = [{"select": ["id", "weight", "owner", "tags"]}, {"rename": {"weight": "mass"}}]


def compiled(**route: Any) -> CompiledContract:
    """Compile a route that lets all pass in both directions."""
    terms = {"request": SELECTED, "answers": {"200": SELECTED}, **route}
    return compile_contract(ContractTerms({"make": terms}), read_schema(json.dumps(DOCUMENT)), FACTS)


def described(contract: CompiledContract) -> dict[str, Any]:
    """Write the document of it."""
    return partner_document(VersionFacts("things", "2026-11-26"), FACTS, contract)


def members(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Give the members of an object, whether it is a component or not."""
    found = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    properties: dict[str, Any] = found["properties"]
    return properties


def test_members_are_described_in_answers_and_in_requests_by_the_partners_names() -> None:
    saying = [*SELECTED, {"describe": WORDS}]
    contract = compiled(request=saying, answers={"200": saying})
    document = described(contract)
    operation = document["paths"]["/v1/things/"]["post"]
    for body in (operation["requestBody"], operation["responses"]["200"]):
        shown = members(document, body["content"]["application/json"]["schema"])
        assert {name: shown[name].get("description") for name in shown} == {
            "id": "Ours, for ever.",
            "mass": "In kilograms.",
            "owner": "Whose it is.",
            "tags": "In no order.",
        }
        assert members(document, shown["owner"])["name"]["description"] == "As on the bill."
    assert INSIDE not in json.dumps(document)
    assert "x-portazgo" not in json.dumps(document)


def test_an_operation_is_described_by_the_author() -> None:
    document = described(compiled(summary="Make a thing.", description="It is there at once."))
    operation = document["paths"]["/v1/things/"]["post"]
    assert (operation["summary"], operation["description"]) == ("Make a thing.", "It is there at once.")
    plain = described(compiled())["paths"]["/v1/things/"]["post"]
    assert plain.keys() & {"summary", "description"} == set()


def test_words_change_nothing_of_what_nodes_run() -> None:
    saying = [*SELECTED, {"describe": WORDS}]
    contract = compiled(request=saying, answers={"200": saying}, summary="Make a thing.")
    assert contract.routes["make"].wire == compiled().routes["make"].wire
    assert contract.routes["make"].fields == compiled().routes["make"].fields


@pytest.mark.parametrize(
    ("operators", "pointer"),
    [
        ([*SELECTED, {"describe": {"nmae": "A name."}}], "/routes/make/answers/200/2/describe/nmae"),
        ([*SELECTED, {"describe": {"id": 7}}], "/routes/make/answers/200/2/describe/id"),
        ([*SELECTED, {"describe": {"id": " "}}], "/routes/make/answers/200/2/describe/id"),
        ([{"select": ["id"]}, {"describe": {"weight": "In kilograms."}}], "/routes/make/answers/200/1/describe/weight"),
        ([*SELECTED, {"describe": {"id": "x" * 2001}}], "/routes/make/answers/200/2/describe/id"),
    ],
    ids=["unknown", "no text", "empty", "not selected", "too long"],
)
def test_what_can_not_be_described_is_refused(operators: list[Any], pointer: str) -> None:
    with pytest.raises(ContractRefused) as refused:
        compiled(answers={"200": copy.deepcopy(operators)})
    assert [problem.pointer for problem in refused.value.problems] == [pointer]
