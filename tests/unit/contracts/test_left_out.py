"""A value that an action leaves out: it stays out, and no default stands in its place. The program and the reference agree."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from portazgo._native import project, project_fields, rewrite
from portazgo.contracts.compiling import CompiledRoute, ContractTerms, RouteFacts, compile_contract
from portazgo.contracts.language.problems import Problems
from portazgo.contracts.language.reading import OperatorReader
from portazgo.contracts.reference.answers import map_answer
from portazgo.contracts.reference.documents import parse
from portazgo.contracts.reference.requests import map_request
from portazgo.contracts.reference.sayings import Sayings
from portazgo.contracts.schema import read_schema

TEXT = {"type": "string"}
STATUS = {"type": "string", "enum": ["open", "closed", "lost"]}
PARCEL = {
    "type": "object",
    "required": ["number"],
    "properties": {
        "number": TEXT,
        "status": STATUS,
        "link": {"type": "string", "format": "uri"},
        "street": TEXT,
        "city": TEXT,
    },
}
CONTENT = {"application/json": {"schema": PARCEL}}
SAVE = {
    "operationId": "save",
    "requestBody": {"required": True, "content": CONTENT},
    "responses": {"200": {"description": "", "content": CONTENT}},
}
SCHEMA = read_schema(
    json.dumps({"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": {"/parcels": {"post": SAVE}}})
)
PASSING: dict[str, Any] = {"pass": {"types": ["application/json"], "max_bytes": 100}}
WORDS = {"map_value": {"status": {"values": {"open": "OPEN", "closed": "DONE"}, "otherwise": "omit"}}}
SELECTED = {"select": ["number", "status", "link", "street", "city"]}
# As members come, and where the object is held until it ends.
HELD = pytest.mark.parametrize("more", [[], [{"wrap": {"into": "place", "fields": ["street", "city"]}}]])


def compiled(request: Any, answer: Any, **more: Any) -> CompiledRoute:
    route = {"request": request, "answers": {"200": answer}, **more}
    facts = {"save": RouteFacts("POST", "/v1/parcels", "POST", "/parcels")}
    return compile_contract(ContractTerms(routes={"save": route}), SCHEMA, facts).routes["save"]


def answered(operators: list[Any], body: str, fields: str | None = None) -> Any:
    """Map an answer by the program; the reference says the same, and the derived schema fits it."""
    route = compiled(PASSING, operators, fields=True)
    program, root = json.dumps(route.wire["program"]).encode(), route.wire["answers"][0]["body"]["root"]
    if fields is None:
        received = project(program, root, body.encode())
    else:
        received = project_fields(program, root, body.encode(), [], fields)
    said = Sayings(SCHEMA, OperatorReader({}, Problems()).read(operators, "", "answer"), "answer")
    shape = SCHEMA.operations[0].answers["200"].contents["application/json"]
    assert shape is not None
    expected = map_answer(said, shape, body.encode(), fields=None if fields is None else (fields, ()))
    assert parse(received) == expected
    if fields is None:
        Draft202012Validator(route.answer_schemas["200"]).validate(json.loads(received))
    return json.loads(received)


def sent(operators: list[Any], body: str) -> Any:
    """Map a request by the program; the reference says the same, and it fits the backend's schema."""
    wire = compiled(operators, {"empty": True}).wire["request"]
    received = rewrite(json.dumps(wire["program"]).encode(), wire["body"]["root"], body.encode(), b"{}")
    said = Sayings(SCHEMA, OperatorReader({}, Problems()).read(operators, "", "request"), "request")
    body_of = SCHEMA.operations[0].request
    assert body_of is not None
    shape = body_of.contents["application/json"]
    assert shape is not None
    assert parse(received) == map_request(said, shape, body.encode(), fill=lambda *_: None)
    Draft202012Validator(PARCEL).validate(json.loads(received))
    return json.loads(received)


@HELD
def test_a_default_is_for_answers_in_which_the_member_did_not_come(more: list[Any]) -> None:
    operators = [SELECTED, WORDS, {"default": {"status": "OPEN"}}, *more]
    assert answered(operators, '{"number":"1","status":"lost"}') == {"number": "1"}
    assert answered(operators, '{"number":"1"}') == {"number": "1", "status": "OPEN"}
    assert answered(operators, '{"number":"1","status":"closed"}') == {"number": "1", "status": "DONE"}
    assert answered(operators, '{"number":"1","status":"lost"}', "status") == {}
    assert answered(operators, '{"number":"1"}', "status") == {"status": "OPEN"}


@HELD
def test_a_url_that_is_no_partners_is_left_out_whatever_its_default(more: list[Any]) -> None:
    operators = [SELECTED, {"rewrite_url": {"link": "omit"}}, {"default": {"link": "/none"}}, *more]
    assert answered(operators, '{"number":"1","link":"http://elsewhere.example/"}') == {"number": "1"}
    assert answered(operators, '{"number":"1"}') == {"number": "1", "link": "/none"}


@HELD
def test_a_default_is_for_requests_in_which_the_member_did_not_come(more: list[Any]) -> None:
    operators = [SELECTED, WORDS, {"default": {"status": "open"}}, *more]
    assert sent(operators, '{"number":"1","status":"lost"}') == {"number": "1"}
    assert sent(operators, '{"number":"1"}') == {"number": "1", "status": "open"}
    assert sent(operators, '{"number":"1","status":"DONE"}') == {"number": "1", "status": "closed"}
