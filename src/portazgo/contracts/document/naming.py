"""Names of components, made of the partner's own words: those of the backend's schema tell of the inside."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from portazgo.contracts.compiling import CompiledContract, CompiledRoute
from portazgo.contracts.differences.forms import COMPONENT, JsonSchema

_WORDS = str.maketrans(dict.fromkeys("-_./*", " "))
_LONGEST = 80


def component_names(compiled: CompiledContract) -> dict[str, str]:
    """What each component is called in the document: after the route and the member where it is met first, wide before deep."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    waiting: deque[tuple[str, Any]] = deque()
    for route_name, route in compiled.routes.items():
        waiting.extend((_joined(route_name, place), schema) for place, schema in _places(route))
    while waiting:
        name, node = waiting.popleft()
        for step, component in _met(node):
            if component not in names:
                names[component] = _free(_joined(name, step), taken)
                waiting.append((names[component], compiled.components[component]))
    return names


def renamed(node: Any, names: Mapping[str, str]) -> Any:
    """The same schema or document, with the names of components that partners read."""
    if isinstance(node, Mapping):
        return {word: renamed(value, names) for word, value in node.items()}
    if isinstance(node, list | tuple):
        return [renamed(value, names) for value in node]
    if isinstance(node, str) and node.startswith(COMPONENT):
        name = node.removeprefix(COMPONENT)
        return COMPONENT + names.get(name, name)
    return node


def _places(route: CompiledRoute) -> Iterator[tuple[str, JsonSchema]]:
    for parameter in route.parameters:
        yield parameter.name, parameter.schema
    if route.request_schema is not None:
        yield "request", route.request_schema
    for status, schema in route.answer_schemas.items():
        yield ("" if status.startswith("2") else status), schema


def _met(node: Any, step: str = "") -> Iterator[tuple[str, str]]:
    """The components that a schema refers to, with the members on the way."""
    if isinstance(node, Mapping):
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith(COMPONENT):
            yield step, reference.removeprefix(COMPONENT)
        for word, value in node.items():
            if word == "properties":
                for name, member in value.items():
                    yield from _met(member, _joined(step, name))
            elif word not in {"$ref", "enum", "const", "default", "examples"}:
                yield from _met(value, step)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _met(value, step)


def _joined(*names: str) -> str:
    """`show-badge` and `owner.name` give `ShowBadgeOwnerName`; what no component's name may hold is left out."""
    words = [word for name in names for word in name.translate(_WORDS).split()]
    text = "".join(word[:1].upper() + word[1:] for word in words)
    return "".join(letter for letter in text if letter.isascii() and letter.isalnum())[:_LONGEST] or "Value"


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}{number}"
    taken.add(name)
    return name
