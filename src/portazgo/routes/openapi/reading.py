"""From text to a tree that can be walked without surprises: bounded, without foreign or endless references."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from portazgo.kit.names import is_storable
from portazgo.kit.repetition import first_repeated
from portazgo.routes.openapi.places import escape
from portazgo.routes.openapi.references import ReferenceProblem, check_references
from portazgo.routes.openapi.refused import DEPTH, DocumentRefused, too_deep

JSON_BYTES = 5 * 1024**2
VERSIONS = ("3.0.", "3.1.")

Tree = dict[str, Any]


def read_text(text: str) -> Tree:
    """Read JSON or YAML. Raises DocumentRefused with the place: what is wrong here is a matter of a line."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > JSON_BYTES:
        raise DocumentRefused(f"the document has {size} bytes; at most {JSON_BYTES} are read")
    tree = _parse_json(text) if text.lstrip().startswith("{") else _parse_yaml(text, size)
    try:
        return check_tree(tree)
    except DocumentRefused as refused:
        from portazgo.routes.openapi.yaml import line_of  # noqa: PLC0415 - see there

        raise DocumentRefused(refused.why, pointer=refused.pointer, line=line_of(text, refused.pointer)) from None


def check_tree(tree: object) -> Tree:
    """Return the parsed document when it is OpenAPI 3.0 or 3.1 whose references can be followed. Raises DocumentRefused."""
    if not isinstance(tree, dict):
        raise DocumentRefused("the document is not an object")
    version = tree.get("openapi")
    if not isinstance(version, str) or not version.startswith(VERSIONS):
        said = f"it says {version!r}" if "openapi" in tree else "it says none"
        raise DocumentRefused(
            f"the document must be OpenAPI 3.0 or 3.1: {said}", pointer="/openapi" if "openapi" in tree else ""
        )
    if not isinstance(tree.get("paths", {}), dict):
        raise DocumentRefused("paths is not an object", pointer="/paths")
    _check_depth(tree)
    _check_texts(tree)
    try:
        check_references(tree)
    except ReferenceProblem as problem:
        raise DocumentRefused(problem.why, pointer=problem.pointer) from None
    return tree


def _parse_json(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_without_repetition)
    except json.JSONDecodeError as problem:
        raise DocumentRefused(f"the document is not JSON: {problem.msg}", line=problem.lineno) from None
    except RecursionError:
        raise too_deep("") from None
    except _Repeated as repeated:
        raise DocumentRefused(f"the document has the member {repeated} twice in one object") from None
    except ValueError:  # an integer of thousands of digits
        raise DocumentRefused("the document holds a number that is too long to read") from None


class _Repeated(ValueError):
    """A member stands twice in one JSON object: which one counts would be a guess."""


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _Repeated(repr(first_repeated(name for name, _ in pairs)))
    return members


def _parse_yaml(text: str, size: int) -> object:
    from portazgo.routes.openapi.yaml import parse_yaml  # noqa: PLC0415 - see there

    return parse_yaml(text, size)


@dataclass(frozen=True, slots=True)
class _Place:
    node: Any
    pointer: str
    depth: int


def _check_depth(tree: Tree) -> None:
    for place in _each_once(tree):
        if place.depth > DEPTH:
            raise too_deep(place.pointer)


def _check_texts(tree: Tree) -> None:
    """Refuse what JSON can write and databases don't keep: it would end what comes later in the middle."""
    for place in _each_once(tree):
        members = place.node.items() if isinstance(place.node, dict) else enumerate(place.node)
        for name, value in members:
            if any(isinstance(text, str) and not is_storable(text) for text in (name, value)):
                raise DocumentRefused(
                    "a text holds NUL, or half of a surrogate pair: no database keeps it", pointer=place.pointer
                )


def _each_once(tree: Tree) -> Iterator[_Place]:
    """Give the containers of a tree, each before what it holds.

    YAML aliases let many places share one node: each is seen once, else a few lines could take for ever.
    """
    seen: set[int] = set()
    waiting = [_Place(tree, "", 0)]
    while waiting:
        place = waiting.pop()
        if id(place.node) in seen:
            continue
        seen.add(id(place.node))
        yield place
        waiting.extend(_containers(place))


def _containers(place: _Place) -> Iterator[_Place]:
    members = place.node.items() if isinstance(place.node, dict) else enumerate(place.node)
    for name, value in members:
        if isinstance(value, dict | list):
            yield _Place(value, f"{place.pointer}/{escape(str(name))}", place.depth + 1)
