"""Descriptions and examples of the backend's schema: which of them partners may read.

They were written for people inside, and nobody can tell by program what they give away: so there are none unless the document
is asked for with them. Even then a description passes only where it names nothing that the contract hides, and an example when
it is one scalar value that fits the partner's schema. Of an object's example nobody can say what is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from portazgo.contracts.compiling import CompiledContract, RouteFacts
from portazgo.contracts.differences.forms import AnySchema, JsonSchema, allowed_values, forms, type_of
from portazgo.contracts.mapping.json_schema import TOLD
from portazgo.contracts.schema.shapes import Schema, Shape

_WORD = re.compile(r"[A-Za-z0-9_$][A-Za-z0-9_$-]*")
_TEXTS = ("title", "description")
_SHORTEST_PATH = 2


@dataclass(frozen=True, slots=True)
class Hidden:
    """What no text for partners may hold: names of members and parameters (in lower case), addresses, paths."""

    names: frozenset[str] = frozenset()
    addresses: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    prose: bool = False
    """Whether any text of the backend's is shown at all."""

    def passes(self, text: str) -> bool:
        """Whether partners may read the text. A URL is never shown: whose it is can't be seen from here."""
        if not self.prose or "://" in text or any(secret in text for secret in (*self.addresses, *self.paths)):
            return False
        return not any(part in self.names for word in _WORD.findall(text.lower()) for part in _readings(word))

    def text(self, text: str | None) -> str | None:
        """The text, or None where it may not be shown."""
        return text if text and self.passes(text) else None


def hidden_from_partners(
    schema: Schema, compiled: CompiledContract, routes: Mapping[str, RouteFacts], *, prose: bool = False
) -> Hidden:
    """All that the backend's schema names and the contract does not. With `prose` other texts of the backend's are shown."""
    told = {name.lower() for name in _partner_names(compiled)}
    names = {name.lower() for name in _backend_names(schema)} - told
    targets = [urlsplit(target) for route in routes.values() for target in route.targets]
    # A host without a dot may be an ordinary word.
    addresses = {one.netloc for one in targets} | {one.hostname for one in targets if "." in (one.hostname or "")}
    partners_paths = {route.path for route in routes.values()}
    paths = {operation.path for operation in schema.operations} | {route.backend_path for route in routes.values()}
    begins = {path.split("{", 1)[0] for path in paths - partners_paths}
    return Hidden(
        names=frozenset(names),
        addresses=tuple(sorted(address for address in addresses if address)),
        # Of the path "/{id}" nothing is left that would mean anything.
        paths=tuple(sorted(path for path in begins if len(path) > _SHORTEST_PATH and path not in partners_paths)),
        prose=prose,
    )


def without_patterns(node: Any) -> Any:
    """A schema of answers without the patterns of texts: nodes don't check them there, and they tell how the inside is made."""
    if isinstance(node, Mapping):
        # A member may be called `pattern`: its schema is no text.
        return {
            word: without_patterns(value)
            for word, value in node.items()
            if not (word == "pattern" and isinstance(value, str))
        }
    if isinstance(node, list | tuple):
        return [without_patterns(value) for value in node]
    return node


def for_partners(schema: JsonSchema, hidden: Hidden, components: Mapping[str, JsonSchema]) -> dict[str, Any]:
    """The schema with those texts and examples only that partners may read."""
    shown: dict[str, Any] = {"description": schema[TOLD]} if TOLD in schema else {}
    for word, value in schema.items():
        if word in _TEXTS:
            if hidden.text(value):
                shown.setdefault(word, value)
        elif word in {"example", "examples"}:
            continue
        elif word in {"properties", "patternProperties", "$defs"}:
            shown[word] = {name: _inner(member, hidden, components) for name, member in value.items()}
        elif word in {"oneOf", "anyOf", "allOf", "prefixItems"}:
            shown[word] = [_inner(member, hidden, components) for member in value]
        elif word in {"items", "additionalProperties", "not", "contains", "propertyNames"}:
            shown[word] = _inner(value, hidden, components)
        elif not word.startswith("x-"):
            shown[word] = value
    if examples := [value for value in _examples(schema) if _shows(value, schema, hidden, components)]:
        shown["examples"] = examples
    return shown


def _inner(schema: AnySchema, hidden: Hidden, components: Mapping[str, JsonSchema]) -> dict[str, Any] | bool:
    return schema if isinstance(schema, bool) else for_partners(schema, hidden, components)


def _examples(schema: JsonSchema) -> list[Any]:
    several = schema.get("examples", [])
    return [*several, *([schema["example"]] if "example" in schema else [])] if isinstance(several, list) else []


def _shows(value: object, schema: JsonSchema, hidden: Hidden, components: Mapping[str, JsonSchema]) -> bool:
    kind = type_of(value)
    if not hidden.prose or kind in {"array", "object"} or (isinstance(value, str) and not hidden.passes(value)):
        return False
    for form in forms({name: rule for name, rule in schema.items() if name != "example"}, components).get(kind, ()):
        values = allowed_values(form.schema)
        if values is None or value in values:
            return True
    return False


def _readings(word: str) -> tuple[str, str]:
    """A name may end a quoted sentence: `the field secret-`."""
    return word, word.strip("-$")


def _partner_names(compiled: CompiledContract) -> Iterator[str]:
    for component in compiled.components.values():
        yield from _named_in(component)
    for route in compiled.routes.values():
        schemas = [*route.answer_schemas.values(), *(parameter.schema for parameter in route.parameters)]
        for schema in [*schemas, *([route.request_schema] if route.request_schema is not None else [])]:
            yield from _named_in(schema)
        for parameter in route.parameters:
            yield parameter.name
        for answer in route.wire["answers"]:
            yield from (header["out"] for header in answer.get("headers", ()))


def _named_in(schema: object) -> Iterator[str]:
    if isinstance(schema, Mapping):
        properties = schema.get("properties")
        if isinstance(properties, Mapping):
            yield from properties
        for value in schema.values():
            yield from _named_in(value)
    elif isinstance(schema, list | tuple):
        for value in schema:
            yield from _named_in(value)


def _backend_names(schema: Schema) -> Iterator[str]:
    for shape in schema.components.values():
        yield from _members_of(shape)
    for operation in schema.operations:
        for parameter in operation.parameters:
            yield parameter.name
            yield from _members_of(parameter.shape)
        for body in [*operation.answers.values(), *([operation.request] if operation.request else [])]:
            for content in body.contents.values():
                if content is not None:
                    yield from _members_of(content)


def _members_of(shape: Shape) -> Iterable[str]:
    # Shapes name each other by their components' names, so that none contains itself.
    yield from shape.properties
    inner = [*(member.shape for member in shape.properties.values()), *(variant.shape for variant in shape.variants)]
    for part in [*inner, *(part for part in (shape.items, shape.others) if part is not None)]:
        yield from _members_of(part)
