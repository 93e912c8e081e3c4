"""Variants whose word at the backend a contract does not give to partners."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portazgo import _native
from portazgo.contracts.compiling import CompiledContract, ContractTerms, RouteFacts, compile_contract
from portazgo.contracts.document.building import VersionFacts, partner_document, render
from portazgo.contracts.schema import read_schema

HIDDEN = "suspected-fraud"
FACTS = {"add": RouteFacts("POST", "/v1/cases", "POST", "/api/cases", ("http://backend.test:8000",))}


def contract(otherwise: str, values: dict[str, str]) -> CompiledContract:
    kinds = {"Open": "open", "Closed": "closed", "Fraud": HIDDEN}
    schemas = {
        name: {
            "type": "object",
            "required": ["kind", "id"],
            "properties": {"kind": {"type": "string", "enum": [kind]}, "id": {"type": "integer"}},
        }
        for name, kind in kinds.items()
    }
    case = {
        "oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in kinds],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {kind: f"#/components/schemas/{name}" for name, kind in kinds.items()},
        },
    }
    content = {"content": {"application/json": {"schema": case}}}
    add = {
        "operationId": "add",
        "requestBody": {"required": True, **content},
        "responses": {"201": {"description": "", **content}},
    }
    document = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {"/api/cases": {"post": add}},
        "components": {"schemas": schemas},
    }

    def operators(otherwise: str) -> list[Any]:
        return [{"select": ["kind", "id"]}, {"map_value": {"kind": {"values": values, "otherwise": otherwise}}}]

    routes = {"add": {"operation": "add", "request": operators("fail"), "answers": {"201": operators(otherwise)}}}
    return compile_contract(ContractTerms(routes), read_schema(json.dumps(document)), FACTS)


@pytest.mark.parametrize("otherwise", ["fail", "null", "omit"])
def test_the_word_of_a_variant_that_is_not_mapped_is_not_told(otherwise: str) -> None:
    made = contract(otherwise, {"open": "active", "closed": "done"})
    document = render(partner_document(VersionFacts("t", "2026-11-27"), FACTS, made))
    assert '"active":' in document  # of requests, at least, the variants have their partner's words
    assert HIDDEN not in document
    assert HIDDEN not in json.dumps(made.components)


def test_what_is_copied_has_the_backends_word() -> None:
    made = contract("copy", {"open": "active"})
    document = partner_document(VersionFacts("t", "2026-11-27"), FACTS, made)
    [content] = document["paths"]["/v1/cases"]["post"]["responses"]["201"]["content"].values()
    assert sorted(content["schema"]["discriminator"]["mapping"]) == ["active", "closed", HIDDEN]


def test_a_variant_without_a_word_of_the_partners_can_not_be_sent() -> None:
    route = contract("fail", {"open": "active", "closed": "done"}).routes["add"].wire["request"]

    def sent(kind: str) -> bytes:
        program, body = json.dumps(route["program"]).encode(), json.dumps({"kind": kind, "id": 7}).encode()
        return _native.rewrite(program, route["body"]["root"], body, b"{}")

    assert json.loads(sent("done")) == {"kind": "closed", "id": 7}
    for kind in (HIDDEN, "open", "other"):
        with pytest.raises(ValueError, match="contract_violation_request"):
            sent(kind)
