"""Where something stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from portazgo.declarative.problems import Problem
from portazgo.kit.printable import printable


class Place(NamedTuple):
    """A place in a file; line and column count from 1."""

    file: Path
    line: int
    column: int

    def __str__(self) -> str:
        """Write it as editors and compilers do."""
        return f"{self.file}:{self.line}:{self.column}"


Places = dict[str, Place]
"""By JSON pointer: a member's name, a list's item."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem, and where it stands."""

    place: Place
    message: str

    def __str__(self) -> str:
        """Write it as editors and compilers do."""
        return printable(f"{self.place}: {self.message}")

    def document(self) -> dict[str, Any]:
        """Write it for programs."""
        place = self.place
        return {"file": str(place.file), "line": place.line, "column": place.column, "message": self.message}


def place_of(pointer: str, places: Places) -> Place:
    """Find the place of a pointer, or of its nearest parent that stands somewhere; places hold the root's at least."""
    while pointer not in places:
        pointer = pointer.rpartition("/")[0]
    return places[pointer]


def find(problems: list[Problem], places: Places) -> list[Finding]:
    """Say where problems stand, in the order of the text."""
    found = [Finding(place_of(problem.pointer, places), problem.message) for problem in problems]
    return sorted(dict.fromkeys(found), key=lambda one: one.place)
