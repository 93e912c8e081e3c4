"""Which of a document's components something leads to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_COMPONENTS = "#/components/"


def reached(holder: object, components: Mapping[str, Mapping[str, Any]]) -> dict[str, set[str]]:
    """Name the components, of these sections, that something refers to, and those that these refer to."""
    used: dict[str, set[str]] = {section: set() for section in components}
    waiting = [holder]
    while waiting:
        for section, name in set(_references(waiting.pop())):
            if section in used and name not in used[section]:
                used[section].add(name)
                waiting.append(components[section][name])
    return used


def _references(node: object) -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping):
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith(_COMPONENTS):
            section, _, name = reference.removeprefix(_COMPONENTS).partition("/")
            yield section, name
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _references(value)
