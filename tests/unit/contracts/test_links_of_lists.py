"""What a backend's links to further pages say to partners: the partner's names and the partner's values, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portazgo._native import project
from portazgo.contracts.compiling import ContractTerms, RouteFacts, compile_contract
from portazgo.contracts.schema import read_schema

ROUTES = {"list": RouteFacts("GET", "/v1/parcels", "GET", "/api/parcels/", ("http://parcels.internal:8000",))}


def shown(link: str, status: dict[str, Any]) -> Any:
    """Tell what the partner reads of a page whose `next` is this link; `status`: the terms of that parameter."""
    link_or_null = {"type": ["string", "null"]}
    page = {"type": "object", "properties": {"next": link_or_null}}
    parameters = [
        {"name": "status", "in": "query", "schema": {"type": "integer", "enum": [1, 2, 3]}},
        {"name": "page", "in": "query", "schema": {"type": "string"}},
    ]
    answers = {"200": {"description": "", "content": {"application/json": {"schema": page}}}}
    operation = {"operationId": "list_parcels", "parameters": parameters, "responses": answers}
    info = {"title": "Parcels", "version": "1"}
    document = {"openapi": "3.1.0", "info": info, "paths": {"/api/parcels/": {"get": operation}}}
    terms = {
        "query": {"status": status, "page": {}},
        "answers": {"200": [{"select": ["next"]}, {"rewrite_url": ["next"]}]},
    }
    contract = ContractTerms(routes={"list": terms}, mappings={})
    wire = compile_contract(contract, read_schema(json.dumps(document)), ROUTES).routes["list"].wire
    body = json.dumps({"next": link}).encode()
    return json.loads(project(json.dumps(wire["program"]).encode(), wire["answers"][0]["body"]["root"], body))["next"]


@pytest.mark.parametrize(
    ("query", "status", "expected"),
    [
        (
            "status=1&page=2",
            {"to": "state", "map_value": {"values": {"1": "open", "2": "closed"}}},
            "state=open&page=2",
        ),
        ("status=3&page=2", {"to": "state", "map_value": {"values": {"1": "open", "2": "closed"}}}, None),
        ("status=3&page=2", {"coerce": "string"}, "status=3&page=2"),
        ("page=http://parcels.internal:8000/api/&status=1", {}, "status=1"),
        ("page=http%253A%252F%252FPARCELS.internal", {}, ""),
    ],
)
@pytest.mark.parametrize("start", ["http://parcels.internal:8000", "https://parcels.internal:8000", ""])
@pytest.mark.parametrize("path", ["/api/parcels/", "/api/parcels"])
def test_a_link_has_the_partners_names_and_values(
    start: str, path: str, query: str, status: dict[str, Any], expected: str | None
) -> None:
    found = shown(f"{start}{path}?{query}", status)
    wanted = None if expected is None else "https://gateway.example/v1/parcels" + (f"?{expected}" if expected else "")
    assert found == wanted
