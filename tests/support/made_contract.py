"""A small contract as the compiler would give it, made by hand, and the backend's schema that it is over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from portazgo.contracts.compiling import CompiledContract, CompiledParameter, CompiledRoute, FieldPair, RouteFacts
from portazgo.contracts.schema import Schema, read_schema

BACKEND = "https://backend.internal.test:8443"

DOCUMENT = """
openapi: 3.1.0
info: {title: Insignia, version: "7"}
servers: [{url: "https://backend.internal.test:8443"}]
paths:
  /api/badges/{id}/:
    get:
      operationId: badges_retrieve
      description: Reads a badge. The margin_note is for the back office.
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Badge"}}}}}
  /api/badges/:
    post:
      operationId: badges_create
      parameters: [{name: tenant_ref, in: query, schema: {type: string}}]
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Badge"}}}}
      responses: {"201": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Badge"}}}}}
components:
  schemas:
    Badge:
      type: object
      required: [id, title, state]
      properties:
        id: {type: integer}
        title: {type: string, description: "What people see."}
        state: {type: string, enum: [draft, issued]}
        margin_note: {type: string}
        owner: {type: object, properties: {name: {type: string}, salary_band: {type: string}}}
"""


def backend_schema() -> Schema:
    """The backend's schema: the contract hides margin_note, salary_band and tenant_ref."""
    return read_schema(DOCUMENT)


FACTS = {
    "show-badge": RouteFacts("GET", "/v1/badges/{id}", "GET", "/api/badges/{id}/", (BACKEND,)),
    "create-badge": RouteFacts("POST", "/v1/badges", "POST", "/api/badges/", (BACKEND,)),
    "badge-image": RouteFacts("PUT", "/v1/badges/{badge}", "PUT", "/api/badges/{id}/image/", (BACKEND,)),
}

BADGE: dict[str, Any] = {
    "type": "object",
    "required": ["id", "label", "status"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "integer", "examples": [7]},
        "label": {"type": "string", "maxLength": 80, "description": "What people see.", "examples": ["Welder"]},
        "status": {"enum": ["draft", "issued"], "type": "string", "examples": ["INTERNAL", "issued"]},
        "owner": {"$ref": "#/components/schemas/Owner"},
    },
    "examples": [{"id": 7, "label": "Welder", "margin_note": "cheap"}],
}
OWNER: dict[str, Any] = {
    "type": ["object", "null"],
    "properties": {
        "name": {"type": "string", "description": "Never show the salary_band here."},
        "chief": {"anyOf": [{"$ref": "#/components/schemas/Owner"}, {"type": "null"}]},
    },
}
NEW_BADGE: dict[str, Any] = {
    "type": "object",
    "required": ["label"],
    "additionalProperties": False,
    "properties": {
        "label": {"type": "string", "minLength": 1, "maxLength": 80},
        "weight": {"type": "number", "minimum": 0, "exclusiveMaximum": 100, "default": 1},
    },
}
_PATH_ID = CompiledParameter(
    "id", "path", required=True, many=False, schema={"type": "integer"}, description="Of a badge."
)


REQUEST_NODES: list[dict[str, Any]] = [
    {
        "object": {
            "members": [
                {"in": "label", "node": 1, "out": "title", "required": True},
                {"in": "weight", "node": 2, "out": "weight", "default": 1},
            ],
            "unknown": "refuse",
        }
    },
    {"string": {"min_length": 1, "max_length": 80}},
    {"integer": {"min": "0", "below": "100"}, "number": {"min": "0", "below": "100"}},
]
ANSWER_NODES: list[dict[str, Any]] = [
    {
        "object": {
            "members": [
                {"in": "id", "node": 1, "out": "id", "required": True},
                {"in": "title", "node": 2, "out": "label", "required": True},
                {"in": "state", "node": 2, "out": "status", "required": True},
                {"in": "owner", "node": 3, "out": "owner"},
            ]
        }
    },
    {"integer": True},
    {"string": True},
    {
        "null": True,
        "object": {"members": [{"in": "name", "node": 2, "out": "name"}, {"in": "chief", "node": 3, "out": "chief"}]},
    },
]


def _wire(
    body: dict[str, Any] | None, answers: list[dict[str, Any]], fields: dict[str, Any] | None = None
) -> dict[str, Any]:
    request: dict[str, Any] = {
        "body": body,
        "program": {"nodes": REQUEST_NODES, "depth": 64},
        "path": [],
        "query": [],
        "headers": [],
        "fill": [],
    }
    return {
        "request": {**request, "query_unknown": "refuse"},
        "answers": answers,
        "program": {"nodes": ANSWER_NODES, "depth": 64, "urls": []},
        "fields": fields,
    }


def json_answer(status: str, send: int | None = None, **headers: bool) -> dict[str, Any]:
    """An ANSWER of programs.md; `headers` by name, saying whether their values are URLs."""
    return {
        "status": status,
        "send": send,
        "body": {"kind": "json", "root": 0, "hold": 65536},
        "headers": [
            {"in": name.replace("_", "-"), "out": name.replace("_", "-"), "url": url} for name, url in headers.items()
        ],
        "content_types": ["application/json"],
    }


def problem_answer(status: str, errors: str | None = None) -> dict[str, Any]:
    """Likewise, of the kind `problem`."""
    body = {"kind": "problem", "detail": None, "errors": errors}
    return {"status": status, "send": None, "body": body, "headers": [], "content_types": []}


JSON_BODY = {"kind": "json", "required": True, "types": ["application/json"], "root": 0}
IMAGE_BODY = {"kind": "pass", "required": True, "types": ["image/png", "image/jpeg"], "max_bytes": 5_000_000}

FIELDS = (
    FieldPair("id", "id"),
    FieldPair("label", "title"),
    FieldPair("status", "state"),
    FieldPair("owner.name", "owner.name"),
)


def made_contract() -> CompiledContract:
    """Three routes: one with projected answers and ?fields=, one with a body, one that passes an image."""
    show = CompiledRoute(
        operation="badges_retrieve",
        wire=_wire(None, [json_answer("200", x_total=False), problem_answer("404")], {"at": []}),
        parameters=(_PATH_ID,),
        request_schema=None,
        answer_schemas={"200": BADGE},
        fields={"200": FIELDS},
        summary="Read a badge",
        description="Reads a badge. The margin_note is for the back office.",
        tags=("badges",),
    )
    create = CompiledRoute(
        operation="badges_create",
        wire=_wire(JSON_BODY, [json_answer("201", location=True), problem_answer("4XX", errors="drf")]),
        parameters=(
            CompiledParameter(
                "kind",
                "query",
                required=False,
                many=True,
                schema={"type": "string"},
                description="See http://wiki.test/k",
            ),
        ),
        request_schema=NEW_BADGE,
        answer_schemas={"201": BADGE},
        fields={"201": FIELDS},
    )
    image = CompiledRoute(
        operation="PUT /api/badges/{id}/image/",
        wire=_wire(
            IMAGE_BODY,
            [{"status": "204", "send": None, "body": {"kind": "empty"}, "headers": [], "content_types": []}],
        ),
        parameters=(replace(_PATH_ID, name="badge"),),
        request_schema=None,
        answer_schemas={},
        fields={},
    )
    return CompiledContract(
        routes={"show-badge": show, "create-badge": create, "badge-image": image},
        components={"Owner": OWNER, "Unused": {"type": "string"}},
        component_shapes={},
    )
