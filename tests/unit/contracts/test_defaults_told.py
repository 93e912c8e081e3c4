"""Partners read what stands where they leave something out, in their words; a version that changes it says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portazgo import _native
from portazgo.contracts.compiling import CompiledContract, ContractTerms, RouteFacts, compile_contract
from portazgo.contracts.differences.contracts import changes
from portazgo.contracts.document.building import VersionFacts, partner_document
from portazgo.contracts.language.refused import ContractRefused
from portazgo.contracts.schema import read_schema

FACTS = {"create": RouteFacts("POST", "/v1/badges", "POST", "/api/badges/", ("http://backend.test:8000",))}
LEVEL = {"type": "string", "enum": ["low", "high"]}
OWNER = {"type": "object", "properties": {"internal_name": {"type": "string"}}}
BADGE = {
    "type": "object",
    "properties": {
        "level": LEVEL,
        "weight": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "owner": OWNER,
    },
}
PARAMETERS = [
    {"name": "page_size", "in": "query", "schema": {"type": "integer"}},
    {"name": "level", "in": "query", "schema": LEVEL},
    {"name": "tag", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
]
CONTENT = {"application/json": {"schema": BADGE}}
CREATE = {
    "operationId": "create",
    "parameters": PARAMETERS,
    "requestBody": {"content": CONTENT},
    "responses": {"201": {"description": "", "content": CONTENT}},
}
TEXT = json.dumps(
    {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/api/badges/": {"post": CREATE}}}
)
SELECT = {"select": ["level", "weight", "tags", "owner"]}
NAMES = {"map_value": {"level": {"values": {"low": "basic", "high": "expert"}}}}


def contract(query: dict[str, Any], request: list[Any], answer: list[Any]) -> CompiledContract:
    routes = {"create": {"operation": "create", "query": query, "request": request, "answers": {"201": answer}}}
    return compile_contract(ContractTerms(routes), read_schema(TEXT), FACTS)


def told(compiled: CompiledContract) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Give the defaults that the partner's document tells, of parameters, of the request and of the answer, by name."""
    document = partner_document(VersionFacts("t", "2026-11-27"), FACTS, compiled)
    operation = document["paths"]["/v1/badges"]["post"]

    def members(content: dict[str, Any]) -> dict[str, Any]:
        schema = content["application/json"]["schema"]
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return {name: one["default"] for name, one in schema["properties"].items() if "default" in one}

    parameters = {one["name"]: one["schema"] for one in operation.get("parameters", [])}
    return (
        {name: schema["default"] for name, schema in parameters.items() if "default" in schema},
        members(operation["requestBody"]["content"]),
        members(operation["responses"]["201"]["content"]),
    )


def test_partners_read_defaults_in_their_words() -> None:
    query = {
        "page_size": {"to": "limit", "default": 20},
        "level": {"default": "high", "map_value": NAMES["map_value"]["level"]},
        "tag": {"default": ["new"]},
    }
    request = [SELECT, NAMES, {"default": {"level": "low", "weight": 7, "tags": []}}]
    answer = [SELECT, NAMES, {"default": {"level": "basic"}}]
    assert told(contract(query, request, answer)) == (
        {"limit": 20, "level": "expert", "tag": ["new"]},
        {"level": "basic", "weight": 7, "tags": []},
        {"level": "basic"},
    )


def test_a_parameter_that_may_come_several_times_has_one_default_or_several() -> None:
    for default, told_as, sent in (("new", ["new"], "tag=new"), (["new", "hot"], ["new", "hot"], "tag=new&tag=hot")):
        compiled = contract({"tag": {"default": default}}, [SELECT], [SELECT])
        assert told(compiled)[0] == {"tag": told_as}
        request = json.dumps(compiled.routes["create"].wire["request"])
        assert json.loads(_native.rewrite_parameters(request, json.dumps([[], "", []]), "{}"))[1] == sent
    with pytest.raises(ContractRefused, match="the default does not fit tag: it is of type integer"):
        contract({"tag": {"default": ["new", 7]}}, [SELECT], [SELECT])


@pytest.mark.parametrize(
    "operators",
    [
        [{"default": {"owner": {"internal_name": "x"}}}, {"rename": {"owner.internal_name": "name"}}],
        [{"default": {"weight": 7}}, {"coerce": {"weight": "string"}}],
    ],
)
def test_what_has_no_words_of_the_partners_is_not_told(operators: list[Any]) -> None:
    _, request, _ = told(contract({}, [SELECT, *operators], [SELECT]))
    assert request == {}


@pytest.mark.parametrize(
    ("before", "after", "rule", "place"),
    [
        (
            ({"page_size": {"default": 20}}, [SELECT]),
            ({"page_size": {"default": 30}}, [SELECT]),
            "request",
            "query page_size",
        ),
        (({"page_size": {"default": 20}}, [SELECT]), ({"page_size": {}}, [SELECT]), "request", "query page_size"),
        (({}, [SELECT, {"default": {"weight": 1}}]), ({}, [SELECT, {"default": {"weight": 2}}]), "request", "request"),
    ],
)
def test_another_default_breaks_whoever_leaves_it_out(before: Any, after: Any, rule: str, place: str) -> None:
    (change,) = changes(*(contract(query, request, [SELECT]) for query, request in (before, after)))
    assert (change.rule, change.place, change.breaking) == (f"{rule}-default-changed", place, True)


def test_another_default_of_an_answer_is_told_and_breaks_nobody() -> None:
    before, after = (contract({}, [SELECT], [SELECT, {"default": {"weight": weight}}]) for weight in (1, 2))
    (change,) = changes(before, after)
    assert (change.rule, change.path, change.breaking) == ("answer-default-changed", "weight", False)
