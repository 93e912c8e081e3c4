"""One answer of a backend, compared with the imported schema: members that are new, missing or of another type.

A finding says a place and types, never a value. Names can be values too, where a schema does not know that an object is a
map (by customer, by e-mail address): what looks so is written `*`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from portazgo.contracts.differences.forms import type_of
from portazgo.contracts.language.paths import ANY, Path, format_path, is_path, read_path

if TYPE_CHECKING:
    from portazgo.contracts.drift.expectation import Expectation, Row

FINDINGS_AT_MOST = 50
NEW_NAMES_AT_MOST = 16
"""An object with more members that the schema does not know is a map, as far as anybody can tell."""
VALUES_AT_MOST = 20_000
"""So many values of one answer are looked at, in its order."""
DEPTH_AT_MOST = 30
LONGEST_PATH = 500

_NAME = re.compile(r"[A-Za-z_$@][A-Za-z0-9_$-]{0,39}")
_LONG_NUMBER = re.compile(r"[0-9]{4}|[0-9a-fA-F]{8}")
_NUMBER = re.compile(r"[0-9]+")
_NUMBERS_AT_MOST = 2
"""What has more of them, between letters, is rather a token than a name."""


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


def findings(expectation: Expectation, status: int, document: Any, *, cut: bool = False) -> frozenset[Finding]:
    """Compare a JSON answer of this status, as it was parsed. At most FINDINGS_AT_MOST are told.

    `cut`: the document ends early. What was still open there is not said to lack anything.
    """
    row = expectation.of(status)
    if row is None:
        return frozenset({Finding(Kind.UNKNOWN_STATUS, format_path(()))})
    look = _Look(expectation)
    look.value(row, document, (), open_ended=cut)
    return frozenset(look.found)


def is_a_name(name: str) -> bool:
    """Whether somebody chose it when writing a program; else it may tell of a customer."""
    return (
        bool(_NAME.fullmatch(name)) and not _LONG_NUMBER.search(name) and len(_NUMBER.findall(name)) <= _NUMBERS_AT_MOST
    )


def still_stands(finding: Finding, status: int, expectation: Expectation) -> Finding | None:
    """Judge a finding by another document of the schema. None: what was found is as that one says."""
    row = expectation.of(status)
    if row is None or finding.kind is Kind.UNKNOWN_STATUS:
        return finding if (row is None) is (finding.kind is Kind.UNKNOWN_STATUS) else None
    path = read_path(finding.path)
    if finding.kind is Kind.RETYPED:
        at = _reached(expectation, row, path)
        return None if at is None or _takes(expectation, at, finding) else finding
    if not path:
        return finding
    around = _reached(expectation, row, path[:-1])
    if around is None:
        return None
    around = _within(expectation, around)
    number, required = around.members.get(path[-1], (None, False))
    if finding.kind is Kind.MISSING:
        return finding if required and number is not None else None
    # A member that has no name to be told by: the document would have to allow any.
    return finding if number is None and around.others is None and around.members else None


def _reached(expectation: Expectation, row: Row, path: Path) -> Row | None:
    """The row of a place; arrays are gone through. None: the document has no such place."""
    for step in path:
        row = _within(expectation, row)
        number = row.members[step][0] if step in row.members else row.others
        if number is None:
            return None
        row = expectation.rows[number]
    return row


def _takes(expectation: Expectation, row: Row, finding: Finding) -> bool:
    """Whether a value of the type that was found may stand there, or as an item there: a path does not tell the two apart.

    Where an array was expected in its place, it was no item of one that is none itself.
    """
    in_place_of_array = "array" in finding.expected.split(" or ")
    for depth in range(DEPTH_AT_MOST):
        if row.fits(finding.found) and (depth == 0 or not in_place_of_array or row.fits("array")):
            return True
        if row.items is None:
            break
        row = expectation.rows[row.items]
    return False


def _within(expectation: Expectation, row: Row) -> Row:
    for _ in range(DEPTH_AT_MOST):
        if row.items is None or row.members:
            break
        row = expectation.rows[row.items]
    return row


@dataclass(slots=True)
class _Look:
    expectation: Expectation
    found: set[Finding] = field(default_factory=set)
    left: int = VALUES_AT_MOST

    def value(self, row: Row, value: Any, path: Path, *, open_ended: bool) -> None:
        self.left -= 1
        if self.left < 0 or len(path) > DEPTH_AT_MOST or len(self.found) >= FINDINGS_AT_MOST:
            return
        kind = type_of(value)
        if not row.fits(kind):
            self._tell(Kind.RETYPED, path, kind, row.said)
        elif kind == "array" and row.items is not None:
            items = self.expectation.rows[row.items]
            for number, item in enumerate(value, 1):
                self.value(items, item, path, open_ended=open_ended and number == len(value))
        elif kind == "object":
            self._object(row, value, path, open_ended=open_ended)

    def _object(self, row: Row, members: Mapping[str, Any], path: Path, *, open_ended: bool) -> None:
        rows = self.expectation.rows
        for name, (number, is_required) in row.members.items():
            if is_required and name not in members and not open_ended:
                self._tell(Kind.MISSING, (*path, name), "", rows[number].said)
        last = next(reversed(list(members)), None)
        for name, value in members.items():
            if name in row.members:
                below, number = (*path, name), row.members[name][0]
            elif row.others is not None:
                below, number = (*path, ANY), row.others
            else:
                continue
            self.value(rows[number], value, below, open_ended=open_ended and name == last)
        if row.others is None and row.members:
            for shown, kind in _new(members, row):
                self._tell(Kind.NEW, (*path, shown), kind)

    def _tell(self, kind: Kind, path: Path, found: str, expected: str = "") -> None:
        text = format_path(path)
        if len(self.found) < FINDINGS_AT_MOST and len(text) <= LONGEST_PATH and text.isprintable() and is_path(text):
            self.found.add(Finding(kind, text, found, expected))


def _new(members: Mapping[str, Any], row: Row) -> Iterator[tuple[str, str]]:
    new = [name for name in members if name not in row.members]
    is_map = len(new) > NEW_NAMES_AT_MOST
    for name in new:
        yield name if not is_map and is_a_name(name) else ANY, type_of(members[name])
