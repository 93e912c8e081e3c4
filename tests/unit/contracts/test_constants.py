"""Constants of contracts: they stand where the contract says, whatever becomes of the object that they stand in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from portazgo._native import project
from portazgo.contracts.compiling import ContractTerms, RouteFacts, compile_contract
from portazgo.contracts.document.building import VersionFacts, partner_document
from portazgo.contracts.document.callers import operations_of
from portazgo.contracts.document.parts import joined, parts_of
from portazgo.contracts.language.problems import Problems
from portazgo.contracts.language.reading import OperatorReader
from portazgo.contracts.reference.answers import map_answer
from portazgo.contracts.reference.documents import parse
from portazgo.contracts.reference.sayings import Sayings
from portazgo.contracts.schema import read_schema

OWNER = {"type": "object", "properties": {"name": {"type": "string"}}}
PERSON = {"type": "object", "properties": {"id": {"type": "integer"}, "owner": OWNER}}
# Branches hold branches, and trees trees.
BRANCH = {
    "type": "object",
    "properties": {"leaf": {"type": "string"}, "branch": {"$ref": "#/components/schemas/Branch"}},
}
TREE = {
    "type": "object",
    "properties": {
        "trunk": {"$ref": "#/components/schemas/Branch"},
        "next": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
    },
}
TREES = {
    "openapi": "3.0.3",
    "info": {"title": "t", "version": "1"},
    "paths": {
        "/trees": {
            "get": {
                "operationId": "show",
                "responses": {
                    "200": {
                        "description": "",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Tree"}}},
                    }
                },
            }
        }
    },
    "components": {"schemas": {"Branch": BRANCH, "Tree": TREE}},
}
A_TREE = {
    "trunk": {"leaf": "a", "branch": {"leaf": "b", "branch": {"leaf": "c"}}},
    "next": [{"trunk": {"leaf": "d", "branch": {"leaf": "e"}}}],
}


def test_a_constant_that_looks_like_a_reference_leads_nowhere() -> None:
    nowhere = {"$ref": "#/components/schemas/Nope"}
    facts = {"show": RouteFacts("GET", "/v1/trees", "GET", "/trees")}
    terms = ContractTerms(routes={"show": {"answers": {"200": [{"select": ["trunk"]}, {"const": {"made": nowhere}}]}}})
    document = partner_document(
        VersionFacts("trees", "2026-11-27"), facts, compile_contract(terms, read_schema(json.dumps(TREES)), facts)
    )
    schemas = document["components"]["schemas"].values()
    assert [one["properties"]["made"]["const"] for one in schemas if "trunk" in one["properties"]] == [nowhere]
    (name,) = operations_of(document)
    assert json.loads(joined(parts_of(document, {name: name}), [name])) == document


def test_a_constant_stays_in_an_object_into_which_another_member_moves() -> None:
    content = {"application/json": {"schema": PERSON}}
    show = {"operationId": "show", "responses": {"200": {"description": "", "content": content}}}
    document = {"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": {"/people": {"get": show}}}
    operators = [
        {"select": ["id", "owner.name"]},
        {"move": {"id": "owner.number"}},
        {"const": {"owner.kind": "person", "kind": "a"}},
    ]
    terms = ContractTerms(routes={"show": {"answers": {"200": operators}}})
    facts = {"show": RouteFacts("GET", "/v1/people", "GET", "/people")}
    route = compile_contract(terms, read_schema(json.dumps(document)), facts).routes["show"]
    program, root = json.dumps(route.wire["program"]).encode(), route.wire["answers"][0]["body"]["root"]
    for body, expected in (
        (b'{"id":1,"owner":{"name":"Ana"}}', {"owner": {"name": "Ana", "number": 1, "kind": "person"}, "kind": "a"}),
        (b'{"id":1}', {"owner": {"number": 1, "kind": "person"}, "kind": "a"}),
    ):
        assert json.loads(project(program, root, body)) == expected
    shown = route.answer_schemas["200"]["properties"]["owner"]
    assert shown["properties"]["kind"] == {"type": "string", "const": "person"}
    assert "kind" in shown["required"]


@pytest.mark.parametrize(
    ("operators", "expected"),
    [
        pytest.param(
            [{"const": {"kind": "tree"}}],
            {
                "trunk": {"leaf": "a", "branch": {"leaf": "b", "branch": {"leaf": "c"}}},
                "next": [{"trunk": {"leaf": "d", "branch": {"leaf": "e"}}, "kind": "tree"}],
                "kind": "tree",
            },
            id="of trees",
        ),
        pytest.param(
            [{"const": {"kind": "tree"}}, {"unwrap": ["trunk"]}],
            {
                "leaf": "a",
                "branch": {"leaf": "b", "branch": {"leaf": "c"}},
                "next": [{"leaf": "d", "branch": {"leaf": "e"}, "kind": "tree"}],
                "kind": "tree",
            },
            id="of trees, with the branch's members in them",
        ),
        pytest.param(
            [{"use": {"mapping": "branch", "at": "trunk"}}, {"unwrap": ["trunk"]}],
            {
                "leaf": "a",
                "branch": {"leaf": "b", "branch": {"leaf": "c", "kind": "branch"}, "kind": "branch"},
                "next": [{"leaf": "d", "branch": {"leaf": "e", "kind": "branch"}, "kind": "branch"}],
                "kind": "branch",
            },
            id="of branches, with their members in a tree",
        ),
        pytest.param(
            [{"const": {"trunk.kind": "branch"}}],
            {
                "trunk": {
                    "leaf": "a",
                    "branch": {"leaf": "b", "branch": {"leaf": "c", "kind": "branch"}, "kind": "branch"},
                    "kind": "branch",
                },
                "next": [{"trunk": {"leaf": "d", "branch": {"leaf": "e", "kind": "branch"}, "kind": "branch"}}],
            },
            id="of branches, by a path",
        ),
    ],
)
def test_a_constant_is_of_the_object_that_holds_it_and_of_those_of_its_kind_below(
    operators: list[Any], expected: Any
) -> None:
    mappings = {"branch": [{"const": {"kind": "branch"}}]}
    operators = [{"select": ["trunk", "next"]}, *operators]
    schema, body = read_schema(json.dumps(TREES)), json.dumps(A_TREE).encode()
    terms = ContractTerms(routes={"show": {"answers": {"200": operators}}}, mappings=mappings)
    compiled = compile_contract(terms, schema, {"show": RouteFacts("GET", "/v1/trees", "GET", "/trees")})
    route = compiled.routes["show"]
    program, root = json.dumps(route.wire["program"]).encode(), route.wire["answers"][0]["body"]["root"]
    received = project(program, root, body)
    assert json.loads(received) == expected
    said = Sayings(schema, OperatorReader(mappings, Problems()).read(operators, "", "answer"), "answer")
    shape = schema.operations[0].answers["200"].contents["application/json"]
    assert shape is not None
    assert map_answer(said, shape, body) == parse(received)
    derived = {**route.answer_schemas["200"], "components": {"schemas": dict(compiled.components)}}
    Draft202012Validator(derived).validate(expected)
