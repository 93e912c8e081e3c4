"""Constants of contracts: they stand where the contract says, whatever becomes of the object that they stand in."""

from __future__ import annotations

import json

from portazgo._native import project
from portazgo.contracts.compiling import ContractTerms, RouteFacts, compile_contract
from portazgo.contracts.schema import read_schema

OWNER = {"type": "object", "properties": {"name": {"type": "string"}}}
PERSON = {"type": "object", "properties": {"id": {"type": "integer"}, "owner": OWNER}}


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
