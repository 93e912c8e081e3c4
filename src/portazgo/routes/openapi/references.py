"""`$ref`: only within the document, never in a circle that arrives nowhere.

A schema that contains itself further down (a tree of categories) is sound OpenAPI and stays allowed; a reference whose
target is, through references alone, itself is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from portazgo.routes.openapi.places import NoSuchPlace, escape, follow

# What these members hold is data, in which "$ref" is a word like any other.
_DATA = frozenset({"example", "examples", "default", "enum", "const"})
# Nobody writes references to references to references; each of a large document's would be followed to its end.
_CHAIN = 16


class ReferenceProblem(Exception):
    """A reference that can't be followed, and where it stands."""

    def __init__(self, why: str, pointer: str) -> None:
        super().__init__(why)
        self.why = why
        self.pointer = pointer


def check_references(tree: dict[str, Any]) -> None:
    """Check every reference of the document. Raises ReferenceProblem for the first that leads away, nowhere or in a circle."""
    anchors: set[str] = set()
    references: list[tuple[str, str]] = []
    for node, pointer in _objects(tree):
        if isinstance(node.get("$anchor"), str):
            anchors.add(node["$anchor"])
        if isinstance(node.get("$ref"), str):
            references.append((pointer, node["$ref"]))
    arriving: set[str] = set()
    for pointer, reference in references:
        # "#name" is an anchor of OpenAPI 3.1's schemas; routes never follow one.
        if reference in arriving or (reference[:1] == "#" and reference[1:] in anchors):
            continue
        _arrive(tree, reference, pointer)
        arriving.add(reference)


def resolve(tree: dict[str, Any], node: Any, pointer: str) -> Any:
    """Return the node itself, or what its reference finally leads to. Raises ReferenceProblem."""
    if isinstance(node, dict) and isinstance(node.get("$ref"), str):
        return _arrive(tree, node["$ref"], pointer)
    return node


def _arrive(tree: dict[str, Any], reference: str, pointer: str) -> Any:
    seen: list[str] = []
    while True:
        if reference in seen:
            raise ReferenceProblem(
                f"the reference goes in a circle: {' → '.join([*seen[:5], reference])}", f"{pointer}/$ref"
            )
        if len(seen) > _CHAIN:
            raise ReferenceProblem(f"the reference leads through more than {_CHAIN} others", f"{pointer}/$ref")
        seen.append(reference)
        node = _target(tree, reference, pointer)
        if not (isinstance(node, dict) and isinstance(node.get("$ref"), str)):
            return node
        reference = node["$ref"]


def _target(tree: dict[str, Any], reference: str, pointer: str) -> Any:
    if not reference.startswith("#"):
        raise ReferenceProblem(
            f"the reference {reference[:200]!r} leads out of the document, and only one document is read",
            f"{pointer}/$ref",
        )
    nowhere = ReferenceProblem(f"the reference {reference[:200]!r} leads nowhere", f"{pointer}/$ref")
    if reference != "#" and not reference.startswith("#/"):
        raise nowhere
    try:
        return follow(tree, unquote(reference[1:]))
    except NoSuchPlace:
        raise nowhere from None


def _objects(tree: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    # Shared nodes (YAML aliases) are visited once.
    seen: set[int] = set()
    waiting: list[tuple[Any, str]] = [(tree, "")]
    while waiting:
        node, pointer = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, dict):
            yield node, pointer
        waiting.extend(_below(node, pointer))


def _below(node: Any, pointer: str) -> Iterator[tuple[Any, str]]:
    if isinstance(node, dict):
        # A schema's property may be called "default": its value is a schema then, not data.
        names_are_ours = not pointer.endswith("/properties")
        members = ((name, value) for name, value in node.items() if not (names_are_ours and name in _DATA))
    else:
        members = ((index, value) for index, value in enumerate(node))
    for name, value in members:
        if isinstance(value, dict | list):
            yield value, f"{pointer}/{escape(str(name))}"
