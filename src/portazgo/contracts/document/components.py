"""Which of a document's components something leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

_COMPONENTS = "#/components/"

Names = dict[str, set[str]]
"""Of components, by their section."""


def reached(holder: object, components: Mapping[str, Mapping[str, Any]]) -> Names:
    """Name the components, of these sections, that something refers to, and those that these refer to."""
    return reaching(components)(holder)


def reaching(components: Mapping[str, Mapping[str, Any]]) -> Callable[[object], Names]:
    """Give `reached` of these components for many holders: each component is read once."""

    @cache
    def of_component(section: str, name: str) -> set[tuple[str, str]]:
        return set(_references(components[section][name]))

    def of(holder: object) -> Names:
        used: Names = {section: set() for section in components}
        waiting = [set(_references(holder))]
        while waiting:
            for section, name in waiting.pop():
                # A constant may look like a reference, and leads nowhere.
                if name in components.get(section, ()) and name not in used[section]:
                    used[section].add(name)
                    waiting.append(of_component(section, name))
        return used

    return of


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
