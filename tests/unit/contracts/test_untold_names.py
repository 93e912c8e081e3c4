"""Which names of the backend's are in no message that partners get: those that none of their own documents has."""

from __future__ import annotations

import json
from typing import Any

from portazgo.contracts.compiling import ContractTerms, RouteFacts, compile_contract
from portazgo.contracts.schema import read_schema

TEXT = {"type": "string"}
AGENT = {
    "type": "object",
    "properties": {"agent_code": TEXT, "boss": {"$ref": "#/components/schemas/Agent"}, "value": TEXT},
}
PARCEL = {
    "type": "object",
    "required": ["number"],
    "properties": {
        "number": TEXT,
        "street": TEXT,
        "risk_score": TEXT,
        "agents": {"type": "array", "items": {"$ref": "#/components/schemas/Agent"}},
        "fees": {
            "type": "object",
            "additionalProperties": {"oneOf": [{"type": "object", "properties": {"insurer": TEXT}}, TEXT]},
        },
    },
}
CONTENT = {"application/json": {"schema": PARCEL}}
SAVE = {
    "operationId": "save",
    "parameters": [{"in": "query", "name": "tenant_id", "schema": TEXT}],
    "requestBody": {"required": True, "content": CONTENT},
    "responses": {"200": {"description": "", "content": CONTENT}},
}
SCHEMA = read_schema(
    json.dumps(
        {
            "openapi": "3.0.3",
            "info": {"title": "t", "version": "1"},
            "paths": {"/parcels": {"post": SAVE}},
            "components": {"schemas": {"Agent": AGENT}},
        }
    )
)
FACTS = {"save": RouteFacts("POST", "/v1/parcels", "POST", "/parcels")}


def untold(request: Any, answer: Any, errors: str | None = "drf") -> list[str] | None:
    """What the compiled request says of it."""
    answers = {"200": answer, "400": {"problem": {"errors": errors} if errors else {}}}
    terms = ContractTerms(routes={"save": {"request": request, "answers": answers}})
    wire = compile_contract(terms, SCHEMA, FACTS).routes["save"].wire
    return None if "untold" not in wire["request"] else list(wire["request"]["untold"])


def test_what_neither_requests_nor_answers_of_a_partner_have_is_untold() -> None:
    sent = [{"select": ["number", "street"]}, {"rename": {"street": "line"}}]
    shown = [{"select": ["number", "agents.agent_code"]}]
    # "value" is a word of any sentence; "agents" and "agent_code" are in the partner's answers.
    assert untold(sent, shown) == ["boss", "fees", "insurer", "risk_score", "street", "tenant_id"]


def test_what_passes_whole_is_told_whole() -> None:
    whole = [{"select": ["number", "street", "risk_score", "agents", "fees"]}]
    assert untold(whole, whole) == ["tenant_id"]


def test_where_no_errors_are_told_nothing_is_noted() -> None:
    assert untold([{"select": ["number"]}], [{"select": ["number"]}], errors=None) is None
