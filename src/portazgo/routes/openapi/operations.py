"""The operations of a checked document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from portazgo.routes.domain import Method
from portazgo.routes.openapi.places import escape
from portazgo.routes.openapi.reading import Tree
from portazgo.routes.openapi.references import ReferenceProblem, resolve
from portazgo.routes.openapi.refused import DocumentRefused

_OPERATION_NAMES = frozenset(method.lower() for method in Method)
# What OpenAPI itself says to ignore among header parameters (3.1.1, section 4.8.12.2), and what every call may carry.
_COMMON_HEADERS = frozenset({"accept", "content-type", "authorization"})
_VARIABLE = re.compile(r"(\{[^{}]*\})")
_LONGEST_URL = 1_000


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as the backend describes it. `path` includes the base path of the document's first server."""

    method: str
    path: str
    operation_id: str | None
    tags: tuple[str, ...]
    headers: tuple[str, ...]
    pointer: str


def operations(tree: Tree) -> Iterator[Operation]:
    """Find the operations, in the document's order. Raises DocumentRefused where a path item or an operation is none."""
    base = _base_path(tree)
    for path, item in tree.get("paths", {}).items():
        pointer = f"/paths/{escape(str(path))}"
        if isinstance(path, str) and path.startswith("x-"):
            continue
        if not isinstance(path, str) or not path.startswith("/"):
            raise DocumentRefused(f"the path {path!r} does not begin with a slash", pointer=pointer)
        yield from _of_path(tree, item, _Where(base, path, pointer))


@dataclass(frozen=True, slots=True)
class _Where:
    base: str
    path: str
    pointer: str


def _of_path(tree: Tree, item: object, where: _Where) -> Iterator[Operation]:
    resolved = _resolved(tree, item, where.pointer)
    shared = _parameters(tree, resolved, where.pointer)
    for name, operation in resolved.items():
        if name not in _OPERATION_NAMES:
            continue
        pointer = f"{where.pointer}/{name}"
        if not isinstance(operation, dict):
            raise DocumentRefused("the operation is not an object", pointer=pointer)
        # The operation's own parameters replace those of the path with the same name and place.
        parameters = {**shared, **_parameters(tree, operation, pointer)}
        yield Operation(
            method=name.upper(),
            path=_base_path(operation, resolved, default=where.base) + where.path,
            operation_id=_operation_id(operation, pointer),
            tags=_tags(operation, pointer),
            headers=tuple(
                sorted(name for place, name in parameters if place == "header" and name not in _COMMON_HEADERS)
            ),
            pointer=pointer,
        )


def _resolved(tree: Tree, node: object, pointer: str) -> dict[str, Any]:
    try:
        resolved = resolve(tree, node, pointer)
    except ReferenceProblem as problem:
        raise DocumentRefused(problem.why, pointer=problem.pointer) from None
    if not isinstance(resolved, dict):
        raise DocumentRefused("an object is expected here", pointer=pointer)
    return resolved


def _parameters(tree: Tree, holder: dict[str, Any], pointer: str) -> dict[tuple[str, str], None]:
    declared = holder.get("parameters", [])
    if not isinstance(declared, list):
        raise DocumentRefused("parameters is not a list", pointer=f"{pointer}/parameters")
    found: dict[tuple[str, str], None] = {}
    for index, entry in enumerate(declared):
        parameter = _resolved(tree, entry, f"{pointer}/parameters/{index}")
        found[str(parameter.get("in")), str(parameter.get("name")).lower()] = None
    return found


def _operation_id(operation: dict[str, Any], pointer: str) -> str | None:
    operation_id = operation.get("operationId")
    if operation_id is not None and not isinstance(operation_id, str):
        raise DocumentRefused("operationId is not text", pointer=f"{pointer}/operationId")
    return operation_id


def _tags(operation: dict[str, Any], pointer: str) -> tuple[str, ...]:
    tags = operation.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise DocumentRefused("tags is not a list of texts", pointer=f"{pointer}/tags")
    return tuple(tags)


def _base_path(*holders: dict[str, Any], default: str = "") -> str:
    """Return the path of the first server that one of the holders names, the nearest first."""
    for holder in holders:
        servers = holder.get("servers")
        if isinstance(servers, list) and servers and isinstance(servers[0], dict):
            return _server_path(servers[0])
    return default


def _server_path(server: dict[str, Any]) -> str:
    url = _filled(server)
    try:
        path = urlsplit(url).path
    except ValueError:
        raise DocumentRefused(f"the server's url {url[:200]!r} is no URL", pointer="/servers/0/url") from None
    path = path.rstrip("/")
    return path if path.startswith("/") or not path else f"/{path}"


def _filled(server: dict[str, Any]) -> str:
    """Put the variables' defaults into a server's URL, each once: one that names others would multiply them.

    Raises DocumentRefused where it gets too long, before it is made.
    """
    variables = server.get("variables")
    defaults = {
        name: str(variable.get("default", ""))
        for name, variable in (variables if isinstance(variables, dict) else {}).items()
        if isinstance(variable, dict)
    }
    pieces, size = [], 0
    for piece in _VARIABLE.split(str(server.get("url", "/"))):
        written = defaults.get(piece[1:-1], piece) if _VARIABLE.fullmatch(piece) else piece
        size += len(written)
        if size > _LONGEST_URL:
            raise DocumentRefused(f"the server's url has more than {_LONGEST_URL} characters", pointer="/servers/0/url")
        pieces.append(written)
    return "".join(pieces)
