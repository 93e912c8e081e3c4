"""One operation of the partner's document."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from portazgo.contracts.compiling import CompiledContract, CompiledParameter, CompiledRoute
from portazgo.contracts.differences.forms import forms
from portazgo.contracts.document import problems
from portazgo.contracts.document.problems import Takes
from portazgo.contracts.document.texts import for_partners, without_patterns

Codes = list[tuple[str, str]]

_FIELDS = {
    "name": "fields",
    "in": "query",
    "required": False,
    "description": (
        "Only these members of the answer: names with commas between them, members of an object in parentheses behind its "
        "name. What is not named is absent, required or not."
    ),
    "schema": {"type": "string", "maxLength": 512},
}
_BODILESS = frozenset({"HEAD"})
_UNAUTHORIZED, _TOO_MANY, _UNAVAILABLE = "401", "429", "503"


@dataclass(frozen=True, slots=True)
class Common:
    """What the operations of a document share. `responses` grows: problems that many can answer with stand there once."""

    compiled: CompiledContract
    problem: str
    """Refers to the schema that all problems have."""
    deprecated: bool
    response_headers: tuple[str, ...]
    """Names of the components of headers that stand on the backend's answers."""
    responses: dict[str, Any] = field(default_factory=dict)


def operation(
    name: str, method: str, route: CompiledRoute, path_names: Mapping[str, str], common: Common
) -> dict[str, Any]:
    """Describe a route. `path_names`: what the path's parameters are called here, by the route's own names."""
    document: dict[str, Any] = {"operationId": name, **route.words}
    if common.deprecated:
        document["deprecated"] = True
    parameters = [
        _parameter(parameter, path_names, common) for parameter in (*route.parameters, *_bare_names(route, path_names))
    ]
    if route.wire.get("fields") is not None:
        parameters.append(_FIELDS)
    if parameters:
        document["parameters"] = parameters
    if body := _request_body(route):
        document["requestBody"] = body
    document["responses"] = _responses(method, route, common)
    return document


def _bare_names(route: CompiledRoute, path_names: Mapping[str, str]) -> list[CompiledParameter]:
    """Parameters of the path that the contract has no rule for: they pass as they are, and a document must have them."""
    told = {parameter.name for parameter in route.parameters if parameter.place == "path"}
    return [
        CompiledParameter(name, "path", required=True, many=False, schema={"type": "string"})
        for name in path_names
        if name not in told
    ]


def _parameter(parameter: CompiledParameter, path_names: Mapping[str, str], common: Common) -> dict[str, Any]:
    schema = for_partners(parameter.schema)
    if parameter.many and "array" not in forms(parameter.schema, common.compiled.components):
        schema = {"type": "array", "items": schema}
    in_path = parameter.place == "path"
    return {
        "name": path_names.get(parameter.name, parameter.name) if in_path else parameter.name,
        "in": parameter.place,
        "required": parameter.required or in_path,
        "schema": schema,
    }


def _request_body(route: CompiledRoute) -> dict[str, Any] | None:
    body = route.wire["request"]["body"]
    if body is None:
        return None
    media: dict[str, Any] = {}
    if body["kind"] == "json" and route.request_schema is not None:
        media = {"schema": for_partners(route.request_schema)}
    return {"required": body["required"], "content": dict.fromkeys(body["types"], media)}


def _responses(method: str, route: CompiledRoute, common: Common) -> dict[str, Any]:
    """The backend's answers as they are given on, and all problems, by status."""
    given: dict[str, Any] = {}
    for answer in route.wire["answers"]:
        if answer["body"]["kind"] != "problem":
            key = str(answer.get("send") or answer["status"])
            _join(given.setdefault(key, _bare(common)), _given(method, answer, route))
    for key, codes in _problems(route).items():
        if key in given:
            _join(given[key], _problem(key, codes, common))
        else:
            given[key] = {"$ref": f"#/components/responses/{_shared(key, codes, common)}"}
    return {key: given[key] for key in sorted(given, key=_order)}


def _bare(common: Common) -> dict[str, Any]:
    return {"description": "", "headers": _headers(common.response_headers)}


def _given(method: str, answer: Mapping[str, Any], route: CompiledRoute) -> dict[str, Any]:
    body, said = answer["body"], {}
    if body["kind"] == "json":
        schema = without_patterns(for_partners(route.answer_schemas[answer["status"]]))
        said = {media_type: {"schema": schema} for media_type in answer["content_types"]}
    elif body["kind"] == "pass":
        said = {media_type: {} for media_type in body["types"]}
    headers = {
        _header_case(header["out"]): {"schema": {"type": "string", **({"format": "uri"} if header.get("url") else {})}}
        for header in answer.get("headers", ())
    }
    return {
        "description": "The answer." if said else "No body.",
        "content": {} if method in _BODILESS else said,
        "headers": headers,
    }


def _problems(route: CompiledRoute) -> dict[str, Codes]:
    """Which codes a problem can have, by status: the gateway's own, and those that stand for the backend's."""
    codes: dict[str, Codes] = {str(status): own for status, own in problems.own_answers(_takes(route)).items()}
    for answer in route.wire["answers"]:
        if answer["body"]["kind"] == "problem":
            key = str(answer.get("send") or answer["status"])
            codes[key] = sorted({*codes.get(key, ()), *_standing_for(key)})
            if not codes[key]:
                # A problem in place of a success has the status 502, whose codes are listed there.
                del codes[key]
    # Whatever no entry fits.
    codes.setdefault("default", _standing_for("default"))
    return codes


def _standing_for(status: str) -> Codes:
    match status[0]:
        case "4":
            return [problems.BACKEND_REFUSED]
        case "5":
            return [problems.BACKEND_FAILED]
        case "d":
            return [problems.BACKEND_FAILED, problems.BACKEND_REFUSED]
        case _:
            return []


def _takes(route: CompiledRoute) -> Takes:
    body = route.wire["request"]["body"] is not None
    return Takes(body=body, input=body or bool(route.parameters), fields=route.wire.get("fields") is not None)


def _shared(key: str, codes: Codes, common: Common) -> str:
    """Name the response among the shared ones; operations that take different things have different codes of one status."""
    response = _problem(key, codes, common)
    number = 1
    while True:
        name = f"Problem{key.title()}" + (f"-{number}" if number > 1 else "")
        if common.responses.setdefault(name, response) == response:
            return name
        number += 1


def _problem(key: str, codes: Codes, common: Common) -> dict[str, Any]:
    names = ["X-Request-Id"]
    if key == _UNAUTHORIZED:
        names.append("WWW-Authenticate")
    if key == _TOO_MANY:
        names += ["RateLimit-Policy", "RateLimit"]
    if key in {_TOO_MANY, _UNAVAILABLE}:
        names.append("Retry-After")
    return {
        "description": problems.description(codes),
        "headers": _headers(names),
        "content": problems.content(codes, common.problem),
    }


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _join(response: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add another way to answer with the same status."""
    response["description"] = "\n".join(
        dict.fromkeys(text for text in (response["description"], more["description"]) if text)
    )
    response["headers"] = {**response.get("headers", {}), **more["headers"]}
    content = dict(response.get("content", {}))
    for media_type, media in more["content"].items():
        content[media_type] = _either(content[media_type], media) if media_type in content else media
    if content:
        response["content"] = content


def _either(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    if one == two or not one or not two:
        return one if one == two else {}
    schemas = one["schema"]["anyOf"] if one["schema"].keys() == {"anyOf"} else [one["schema"]]
    return {
        "schema": {"anyOf": sorted([*schemas, two["schema"]], key=lambda schema: json.dumps(schema, sort_keys=True))}
    }


def _header_case(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _order(status: str) -> tuple[int, str]:
    """Exact ones first, ranges, then the rest, as they are looked up."""
    return (2 if status == "default" else 1 if status.endswith("XX") else 0), status
