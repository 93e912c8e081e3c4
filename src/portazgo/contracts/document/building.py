"""The partner's OpenAPI 3.1 document of a version."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portazgo.contracts.compiling import CompiledContract, RouteFacts
from portazgo.contracts.differences.forms import COMPONENT
from portazgo.contracts.document.components import reached
from portazgo.contracts.document.naming import component_names, renamed
from portazgo.contracts.document.operations import Common, operation
from portazgo.contracts.document.problems import problem_schema
from portazgo.contracts.document.texts import for_partners, without_patterns
from portazgo.routes.domain import parameters, shape

_HEADERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "X-Request-Id": ("string", "The call's id. Name it when you ask about the call.", {"format": "uuid"}),
    "RateLimit-Policy": ("string", "The limits that hold for the key, where there are any.", {}),
    "RateLimit": ("string", "For each limit, how many calls are left and when more will be.", {}),
    "Retry-After": ("integer", "After how many seconds to try again.", {"minimum": 0}),
    "WWW-Authenticate": ("string", "How to authenticate.", {}),
    "Deprecation": ("string", "Since when this version is deprecated (RFC 9745).", {}),
    "Sunset": ("string", "When this version will be gone (RFC 8594).", {}),
    "Link": ("string", "Where to read about it.", {}),
}
_ALWAYS = ("X-Request-Id", "RateLimit-Policy", "RateLimit")
_SECURITY_SCHEMES = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "Your API key."},
    "bearer": {"type": "http", "scheme": "bearer", "description": "Your API key, in place of X-Api-Key."},
}


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """What a document says of the version that it describes."""

    contract: str
    version: str
    """The day on which it was published."""
    deprecated_at: datetime | None = None
    sunset_at: datetime | None = None
    link: str | None = None


def partner_document(
    version: VersionFacts,
    routes: Mapping[str, RouteFacts],
    compiled: CompiledContract,
    *,
    servers: Sequence[str] = (),
) -> dict[str, Any]:
    """Describe a version to its partners.

    `servers` are URLs of the gateway; without any, the document is about the host that it was fetched from.
    Of two routes with one method and path, which then differ by host only, the first is described.
    """
    deprecated = version.deprecated_at is not None
    names = component_names(compiled)
    problem = _free_name("Problem", {*names, *names.values()})
    headers = _ALWAYS + (("Deprecation",) if deprecated else ())
    headers += (("Sunset",) if version.sunset_at else ()) + (("Link",) if version.link else ())
    common = Common(compiled, COMPONENT + problem, deprecated, headers)
    paths = renamed(_paths(routes, common), names)
    schemas = {problem: problem_schema(), **_schemas(compiled, names)}
    responses = {name: common.responses[name] for name in sorted(common.responses)}
    used = _used((paths, responses), schemas)
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": version.contract, "version": version.version, **_about(version)},
        "servers": [{"url": server} for server in servers] or [{"url": "/"}],
        "security": [{name: []} for name in _SECURITY_SCHEMES],
        "paths": paths,
        "components": {
            "schemas": {name: schemas[name] for name in sorted(used)},
            "responses": responses,
            "headers": {name: _header(*_HEADERS[name]) for name in _HEADERS if name in {*headers, *_named(responses)}},
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }
    return document


def render(document: object) -> str:
    """The document, or a piece of it, as nodes serve it: the same input gives the same bytes."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _about(version: VersionFacts) -> dict[str, str]:
    if version.deprecated_at is None:
        return {}
    sentences = [f"Deprecated since {version.deprecated_at.date().isoformat()}."]
    if version.sunset_at is not None:
        sentences.append(f"Gone from {version.sunset_at.date().isoformat()} on.")
    if version.link:
        sentences.append(f"What to do: {version.link}")
    return {"description": " ".join(sentences)}


def _paths(routes: Mapping[str, RouteFacts], common: Common) -> dict[str, Any]:
    """The operations by path. Paths of one shape are one, whatever their parameters are called (OpenAPI 3.1, 4.8.8)."""
    paths: dict[str, Any] = {}
    first_of: dict[str, str] = {}
    for name, compiled in common.compiled.routes.items():
        facts = routes[name]
        path = first_of.setdefault(shape(facts.path), facts.path)
        names = dict(zip(parameters(facts.path), parameters(path), strict=True))
        item = paths.setdefault(path, {})
        if facts.method.lower() not in item:
            item[facts.method.lower()] = operation(name, facts.method, compiled, names, common)
    return paths


def _schemas(compiled: CompiledContract, names: Mapping[str, str]) -> dict[str, Any]:
    """The components that the routes refer to, under the names that partners read."""
    sent = [
        schema
        for route in compiled.routes.values()
        for schema in (route.request_schema, *(parameter.schema for parameter in route.parameters))
    ]
    of_requests = _used(sent, compiled.components)
    schemas = {}
    for component, name in names.items():
        shown = for_partners(compiled.components[component])
        schemas[name] = renamed(shown if component in of_requests else without_patterns(shown), names)
    return schemas


def _header(kind: str, description: str, rules: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind, **rules}}


def _named(responses: Mapping[str, Any]) -> set[str]:
    return {name for response in responses.values() for name in response["headers"]} | {"X-Request-Id"}


def _free_name(wanted: str, taken: Collection[str]) -> str:
    name = wanted
    while name in taken:
        name = f"Gateway{name}"
    return name


def _used(holder: object, schemas: Mapping[str, Any]) -> set[str]:
    """The schemas that something leads to: others are of no concern to partners."""
    return reached(holder, {"schemas": schemas})["schemas"]
