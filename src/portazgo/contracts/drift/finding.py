"""One answer of a backend, compared with the imported schema: members that are new, missing or of another type.

A finding says a place and types, never a value. Names can be values too, where a schema does not know that an object is a
map (by customer, by e-mail address): what looks so is written `*`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from portazgo.contracts.differences.flat import FlatShape, shape_of_answer
from portazgo.contracts.differences.forms import type_of
from portazgo.contracts.language.paths import ANY, Path, format_path
from portazgo.contracts.schema.shapes import Schema, SchemaOperation, Shape

FINDINGS_AT_MOST = 50
NEW_NAMES_AT_MOST = 16
"""An object with more members that the schema does not know is a map, as far as anybody can tell."""
VALUES_AT_MOST = 20_000
"""So many values of one answer are looked at, in its order."""
DEPTH_AT_MOST = 64

_NAME = re.compile(r"[A-Za-z_$@][A-Za-z0-9_$-]{0,63}")
_LONG_NUMBER = re.compile(r"[0-9]{4}|[0-9a-fA-F]{8}")


class Kind(StrEnum):
    """How an answer differs from the schema."""

    NEW = "new"
    MISSING = "missing"
    """A member that the schema requires."""
    RETYPED = "retyped"
    UNKNOWN_STATUS = "unknown_status"
    """The schema has no JSON answer of this status."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One place in which answers differ from the schema. `path` is in the backend's names, arrays transparent."""

    kind: Kind
    path: str
    found: str = ""
    """The JSON type that came; empty where none did."""
    expected: str = ""
    """The types that the schema has; empty where it has none."""


def drift(schema: Schema, operation: SchemaOperation, status: str, document: Any) -> frozenset[Finding]:
    """Compare a JSON answer of this status, as it was parsed. At most FINDINGS_AT_MOST are told."""
    shape = shape_of_answer(operation, status)
    if shape is None:
        return frozenset({Finding(Kind.UNKNOWN_STATUS, format_path(()))})
    look = _Look(schema)
    look.value(shape, document, ())
    return frozenset(look.found)


@dataclass(slots=True)
class _Look:
    schema: Schema
    found: set[Finding] = field(default_factory=set)
    left: int = VALUES_AT_MOST
    _flat: dict[int, FlatShape] = field(default_factory=dict)
    """By the shape's id: an array's items are of one shape, and the schema outlives the look."""

    def value(self, shape: Shape, value: Any, path: Path) -> None:
        self.left -= 1
        if self.left < 0 or len(path) > DEPTH_AT_MOST or len(self.found) >= FINDINGS_AT_MOST:
            return
        known = self._known(shape)
        kind = type_of(value)
        if kind not in known.types and not (kind == "integer" and "number" in known.types):
            self.found.add(Finding(Kind.RETYPED, format_path(path), kind, known.said))
        elif kind == "array" and known.items is not None:
            for item in value:
                self.value(known.items, item, path)
        elif kind == "object":
            self._object(known, value, path)

    def _known(self, shape: Shape) -> FlatShape:
        if id(shape) not in self._flat:
            self._flat[id(shape)] = FlatShape(shape, self.schema)
        return self._flat[id(shape)]

    def _object(self, known: FlatShape, members: dict[str, Any], path: Path) -> None:
        for name, is_required in known.required.items():
            if is_required and name not in members:
                self._tell(Finding(Kind.MISSING, format_path((*path, name)), "", self._known(known.members[name]).said))
        for name, value in members.items():
            if name in known.members:
                self.value(known.members[name], value, (*path, name))
            elif known.others is not None:
                self.value(known.others, value, (*path, ANY))
        if known.others is None and known.members:
            for finding in _new(members, known, path):
                self._tell(finding)

    def _tell(self, finding: Finding) -> None:
        if len(self.found) < FINDINGS_AT_MOST:
            self.found.add(finding)


def _new(members: dict[str, Any], known: FlatShape, path: Path) -> Iterator[Finding]:
    new = [name for name in members if name not in known.members]
    is_map = len(new) > NEW_NAMES_AT_MOST
    for name in new:
        shown = name if not is_map and _is_a_name(name) else ANY
        yield Finding(Kind.NEW, format_path((*path, shown)), type_of(members[name]))


def _is_a_name(name: str) -> bool:
    """Whether somebody chose it when writing a program; else it may tell of a customer."""
    return bool(_NAME.fullmatch(name)) and not _LONG_NUMBER.search(name)
