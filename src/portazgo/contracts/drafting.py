"""Writes a contract that lets pass all that a schema knows, for an author to take away from. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from portazgo.contracts.compiling import RouteFacts
    from portazgo.contracts.schema.shapes import Body, Schema, SchemaOperation, Shape

_PARAMETER = re.compile(r"\{[^{}]*\}")
_JSON = re.compile(r"application/([a-z0-9.!#$&^_-]+\+)?json$")
_LARGEST_PASSED = "10MB"


def draft(schema: Schema, routes: Mapping[str, RouteFacts]) -> dict[str, Any]:
    """Write `mappings` and `routes` for the routes whose operation the schema has; the others are left out."""
    found = {name: operation_of(schema, facts) for name, facts in routes.items()}
    return {
        "mappings": {},
        "routes": {name: _route(schema, operation) for name, operation in found.items() if operation is not None},
    }


def operation_of(schema: Schema, facts: RouteFacts) -> SchemaOperation | None:
    """Find the operation that a route leads to; names of parameters don't count."""
    wanted = (facts.backend_method, _PARAMETER.sub("{}", facts.backend_path))
    return next(
        (one for one in schema.operations if (one.method, _PARAMETER.sub("{}", one.path)) == wanted),
        None,
    )


def _route(schema: Schema, operation: SchemaOperation) -> dict[str, Any]:
    query: dict[str, Any] = {one.name: {} for one in operation.parameters if one.place == "query"}
    request = None if operation.request is None else _body(schema, operation.request, sent=True)
    answers = {
        status: _body(schema, body, sent=False) for status, body in operation.answers.items() if status.startswith("2")
    }
    return {
        "operation": operation.title,
        **({"query": query} if query else {}),
        **({"request": request} if request is not None else {}),
        "answers": answers,
    }


def _body(schema: Schema, body: Body, *, sent: bool) -> Any:
    json = [shape for kind, shape in body.contents.items() if _JSON.match(kind)]
    if json and json[0] is not None:
        fields = _Fields(schema, sent=sent)
        selected = list(dict.fromkeys(fields.of(json[0])))
        # A backend's URL says where the backend is: partners get the gateway's, or null where it has none.
        rewritten = [] if sent or not fields.urls else [{"rewrite_url": list(fields.urls)}]
        return [{"select": selected}, *rewritten]
    if body.contents:
        return {"pass": {"types": list(body.contents), "max_bytes": _LARGEST_PASSED}}
    return None if sent else {"empty": True}


class _Fields:
    """Names every field of a body that the schema knows, as `select` writes it."""

    def __init__(self, schema: Schema, *, sent: bool) -> None:
        self._schema = schema
        self._sent = sent
        self.urls: dict[str, None] = {}
        """Those that are URLs, in their order."""

    def of(self, shape: Shape, path: tuple[str, ...] = (), within: tuple[str, ...] = ()) -> Iterator[str]:
        """Give the paths below a shape; an object that holds itself is named whole."""
        if shape.ref is not None:
            if shape.ref in within:
                yield _written(path)
                return
            within = (*within, shape.ref)
            shape = self._schema.resolve(shape)
        parts = [variant.shape for variant in shape.variants] or [shape]
        for part in parts:
            if part is not shape:
                yield from self.of(part, path, within)
            else:
                yield from self._within(shape, path, within)

    def _within(self, shape: Shape, path: tuple[str, ...], within: tuple[str, ...]) -> Iterator[str]:
        if "array" in shape.types and shape.items is not None:
            yield from self.of(shape.items, path, within)
        if "object" in shape.types:
            for name, member in shape.properties.items():
                if not (member.read_only if self._sent else member.write_only):
                    yield from self.of(member.shape, (*path, name), within)
            if shape.others is not None and not shape.others.free:
                yield from self.of(shape.others, (*path, "*"), within)
        elif path and not shape.free and "array" not in shape.types:
            if shape.format == "uri":
                self.urls[_written(path)] = None
            yield _written(path)


def _written(path: tuple[str, ...]) -> str:
    """Write a path as `select` has it: dotted, or as a pointer where a name has what a dotted path means otherwise."""
    if any(re.search(r"[./~]", name) for name in path):
        return "/" + "/".join(name.replace("~", "~0").replace("/", "~1") for name in path)
    return ".".join(path)
