"""An object that is taken apart, and of which nothing passes: the backend gets it empty where it requires it."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from portazgo._native import rewrite
from portazgo.contracts.compiling import ContractTerms, RouteFacts, compile_contract
from portazgo.contracts.schema import read_schema


@pytest.mark.parametrize("required", [True, False])
def test_an_emptied_map_is_sent_where_the_backend_requires_it(required: bool) -> None:
    parcel = {
        "type": "object",
        "required": ["extras", "seats"] if required else ["seats"],
        "properties": {"extras": {"type": "object", "additionalProperties": {}}, "seats": {"type": "integer"}},
    }
    save = {
        "operationId": "save",
        "requestBody": {"required": True, "content": {"application/json": {"schema": parcel}}},
        "responses": {"204": {"description": ""}},
    }
    document = {"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": {"/parcels": {"post": save}}}
    request = [{"unwrap": ["extras"]}, {"select": ["extras.*.**"]}, {"fill": {"seats": {"const": 7}}}]
    terms = ContractTerms(routes={"save": {"request": request, "answers": {"204": {"empty": True}}}})
    route = compile_contract(
        terms,
        read_schema(json.dumps(document)),
        {"save": RouteFacts("POST", "/v1/parcels", "POST", "/parcels")},
    ).routes["save"]
    program, root = route.wire["request"]["program"], route.wire["request"]["body"]["root"]
    received = json.loads(rewrite(json.dumps(program).encode(), root, b"{}", b"{}"))
    assert received == ({"extras": {}, "seats": 7} if required else {"seats": 7})
    Draft202012Validator(parcel).validate(received)
