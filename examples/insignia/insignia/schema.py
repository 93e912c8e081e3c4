"""What drf-spectacular can't see for itself: the ways to be refused, and how the document describes itself."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.views import APIView

_DETAIL = {"$ref": "#/components/schemas/Detail"}
_ERRORS = {"$ref": "#/components/schemas/ValidationErrors"}
_SCHEMAS = {
    "Detail": {
        "type": "object",
        "description": "Why a request was refused.",
        "properties": {"detail": {"type": "string"}, "code": {"type": "string"}},
        "required": ["detail"],
    },
    "ValidationErrors": {
        "type": "object",
        "description": "Messages by field; `non_field_errors` holds those that belong to none.",
        "additionalProperties": True,
    },
}


def document_schema_view(view: type[APIView]) -> type[APIView]:
    """Describe the view that serves the OpenAPI document, in that document."""
    description = extend_schema(
        operation_id="schema",
        tags=["operations"],
        auth=[],
        responses=OpenApiResponse(OpenApiTypes.OBJECT, "This OpenAPI document."),
    )
    return extend_schema_view(get=description)(view)


def add_error_responses(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Add the refusals that DRF answers by itself to every operation that can give them (a drf-spectacular hook)."""
    result["components"].setdefault("schemas", {}).update(_SCHEMAS)
    for path, item in result["paths"].items():
        for method, operation in item.items():
            for status, response in _refusals(path, method, operation):
                operation["responses"].setdefault(status, response)
    return result


def _refusals(path: str, method: str, operation: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    refusals = []
    has_query = any(parameter["in"] == "query" for parameter in operation.get("parameters", ()))
    needs_token = {} not in operation.get("security", [{}])
    if method == "post" or (needs_token and has_query):
        refusals.append(("400", _response("The input is not valid.", _ERRORS)))
    if method == "post" or needs_token:
        refusals.append(("401", _response("There is no valid token, or no such login.", _DETAIL)))
    if needs_token:
        refusals.append(("503", _response("The trusted issuer's keys can't be had.", _DETAIL)))
    if "{" in path or has_query:
        refusals.append(("404", _response("There is no such object or page.", _DETAIL)))
    return refusals


def _response(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
