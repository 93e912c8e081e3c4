"""Writes a contract that lets pass all that a schema knows, for an author to take away from. Pure."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from portazgo.contracts.language.paths import format_path
from portazgo.contracts.mapping.bodies import json_content
from portazgo.routes.domain import shape as template_shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from portazgo.contracts.compiling import RouteFacts
    from portazgo.contracts.schema.shapes import Body, Schema, SchemaOperation, Shape

_LARGEST_PASSED = "10MB"
_FIELDS_AT_MOST = 2000
_LOOKS_AT_MOST = 20_000
"""At shapes, for the fields of one body: ways through the schema that lead to none are gone, too."""
_DEEPEST = (64, 12, 8, 6, 4, 3, 2, 1)
"""How deep objects in objects are named: less where the schema's lead to each other by too many ways."""


def draft(schema: Schema, routes: Mapping[str, RouteFacts]) -> dict[str, Any]:
    """Write `mappings` and `routes` for the routes whose operation the schema has; the others are left out."""
    found = {name: operation_of(schema, facts) for name, facts in routes.items()}
    return {
        "mappings": {},
        "routes": {name: _route(schema, operation) for name, operation in found.items() if operation is not None},
    }


def operation_of(schema: Schema, facts: RouteFacts) -> SchemaOperation | None:
    """Find the operation that a route leads to; names of parameters don't count."""
    wanted = (facts.backend_method, template_shape(facts.backend_path))
    return next((one for one in schema.operations if (one.method, template_shape(one.path)) == wanted), None)


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
    content = json_content(body)
    if content is not None and not content.shape.free:
        fields, selected = _selected(schema, content.shape, sent=sent)
        # A backend's URL says where the backend is: partners get the gateway's, or null where it has none.
        rewritten = [] if sent or not fields.urls else [{"rewrite_url": list(fields.urls)}]
        return [{"select": selected}, *rewritten]
    if body.contents:
        return {"pass": {"types": list(body.contents), "max_bytes": _LARGEST_PASSED}}
    return None if sent else {"empty": True}


def _selected(schema: Schema, shape: Shape, *, sent: bool) -> tuple[_Fields, list[str]]:
    """Name the fields of a body; as deep as there are not too many of them."""
    fields, found = _Fields(schema, sent=sent, deepest=0), [""]
    for deepest in _DEEPEST:
        fields = _Fields(schema, sent=sent, deepest=deepest)
        found = list(islice(fields.of(shape), _FIELDS_AT_MOST + 1))
        if len(found) <= _FIELDS_AT_MOST and fields.left > 0:
            break
    return fields, list(dict.fromkeys(found))


class _Fields:
    """Names every field of a body that the schema knows, as `select` writes it."""

    def __init__(self, schema: Schema, *, sent: bool, deepest: int) -> None:
        self._schema = schema
        self._sent = sent
        self._deepest = deepest
        self.left = _LOOKS_AT_MOST
        """0: there would be more, and nobody looked."""
        self.urls: dict[str, None] = {}
        """Those that are URLs, in their order."""

    def of(self, shape: Shape, path: tuple[str, ...] = (), within: tuple[str, ...] = ()) -> Iterator[str]:
        """Give the paths below a shape; an object that holds itself is named whole."""
        if len(path) > self._deepest or self.left == 0:
            return
        self.left -= 1
        if shape.ref is not None:
            if shape.ref in within:
                yield format_path(path)
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
                self.urls[format_path(path)] = None
            yield format_path(path)
