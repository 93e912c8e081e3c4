"""Parameters of the path that the backend's document does not know: what goes to the backend is one value of a path."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portazgo import _native
from portazgo.contracts.compiling import ContractTerms, RouteFacts, compile_contract
from portazgo.contracts.document.building import VersionFacts, partner_document
from portazgo.contracts.schema import read_schema

FACTS = {"show": RouteFacts("GET", "/v1/badges/{id}", "GET", "/api/badges/{id}/", ("http://backend.test:8000",))}
CONTENT = {"application/json": {"schema": {"type": "object", "properties": {"id": {"type": "integer"}}}}}
SHOW = {"operationId": "show", "responses": {"200": {"description": "", "content": CONTENT}}}
TEXT = {
    "openapi": "3.1.0",
    "info": {"title": "t", "version": "1"},
    "paths": {"/api/badges/{id}/": {"get": SHOW}},
}


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ("7", "7"),
        ("a%20b", "a%20b"),
        ("%61", "a"),
        # Servers of Java take what comes behind a semicolon for the segment's parameters: `;x` would be the list itself.
        (";x", "%3Bx"),
        ("7;admin=1", "7%3Badmin%3D1"),
        ("7:8@9", "7%3A8%409"),
    ],
)
def test_it_is_written_as_one_value(sent: str, received: str) -> None:
    routes: dict[str, Any] = {"show": {"operation": "show", "answers": {"200": [{"select": ["id"]}]}}}
    contract = compile_contract(ContractTerms(routes), read_schema(json.dumps(TEXT)), FACTS)
    request = json.dumps(contract.routes["show"].wire["request"])
    path, query, headers = json.loads(_native.rewrite_parameters(request, json.dumps([[["id", sent]], "", []]), "{}"))
    assert (path, query, headers) == ([received], "", [])
    described = partner_document(VersionFacts("t", "2026-11-27"), FACTS, contract)["paths"]["/v1/badges/{id}"]["get"]
    assert described["parameters"] == [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
