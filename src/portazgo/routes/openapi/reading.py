"""From text to a tree that can be walked without surprises: bounded, without foreign or endless references."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from portazgo.kit.repetition import first_repeated
from portazgo.routes.openapi.places import escape, line_of
from portazgo.routes.openapi.references import ReferenceProblem, check_references

JSON_BYTES = 5 * 1024**2
# YAML is read at about 0.3 MB a second: beyond this a person would wait, and everybody else too.
YAML_BYTES = 2 * 1024**2
DEPTH = 100
VERSIONS = ("3.0.", "3.1.")

Tree = dict[str, Any]


class DocumentRefused(Exception):
    """The document can't be used. `pointer` (RFC 6901) and `line` (from 1) say where, as far as that is known."""

    def __init__(self, why: str, *, pointer: str = "", line: int | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.pointer = pointer
        self.line = line

    def __str__(self) -> str:
        """Say why and where in one sentence."""
        places = [f"at {self.pointer}" if self.pointer else "", f"line {self.line}" if self.line else ""]
        where = ", ".join(place for place in places if place)
        return f"{self.why} ({where})" if where else self.why


def read_text(text: str) -> Tree:
    """Read JSON or YAML. Raises DocumentRefused with the place: what is wrong here is a matter of a line."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > JSON_BYTES:
        raise DocumentRefused(f"the document has {size} bytes; at most {JSON_BYTES} are read")
    tree = _parse_json(text) if text.lstrip().startswith("{") else _parse_yaml(text, size)
    try:
        return check_tree(tree)
    except DocumentRefused as refused:
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
        raise _too_deep("") from None
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
    if size > YAML_BYTES:
        raise DocumentRefused(f"the document has {size} bytes of YAML; at most {YAML_BYTES} are read. Give it as JSON")
    try:
        return YAML(typ="safe", pure=True).load(text)
    except RecursionError:
        raise _too_deep("") from None
    except DuplicateKeyError as problem:
        raise DocumentRefused("the document has a member twice in one object", line=_line(problem)) from None
    except MarkedYAMLError as problem:
        raise DocumentRefused(
            f"the document is neither JSON nor YAML: {problem.problem}", line=_line(problem)
        ) from None
    except (YAMLError, ValueError, TypeError, OverflowError) as problem:
        # Impossible dates and unhashable keys come out of the library as Python's own errors.
        raise DocumentRefused(
            f"the document is neither JSON nor YAML: {str(problem).splitlines()[0] if str(problem) else 'unreadable'}"
        ) from None


def _line(problem: MarkedYAMLError) -> int | None:
    return problem.problem_mark.line + 1 if problem.problem_mark else None


def _too_deep(pointer: str) -> DocumentRefused:
    return DocumentRefused(f"the document is nested more than {DEPTH} levels deep", pointer=pointer)


@dataclass(frozen=True, slots=True)
class _Place:
    node: Any
    pointer: str
    depth: int


def _check_depth(tree: Tree) -> None:
    # YAML aliases let many places share one node: each is seen once, else a few lines could take for ever.
    seen: set[int] = set()
    waiting = [_Place(tree, "", 0)]
    while waiting:
        place = waiting.pop()
        if id(place.node) in seen:
            continue
        seen.add(id(place.node))
        if place.depth > DEPTH:
            raise _too_deep(place.pointer)
        waiting.extend(_containers(place))


def _containers(place: _Place) -> Iterator[_Place]:
    members = place.node.items() if isinstance(place.node, dict) else enumerate(place.node)
    for name, value in members:
        if isinstance(value, dict | list):
            yield _Place(value, f"{place.pointer}/{escape(str(name))}", place.depth + 1)
