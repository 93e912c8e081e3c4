"""What a schema has for the answers of one operation, flat and as it is sent to nodes: rows that name each other by number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


@dataclass(frozen=True, slots=True)
class Row:
    """What a value may be, whichever of its variants it is."""

    types: frozenset[str]
    members: Mapping[str, tuple[int, bool]] = field(default_factory=dict)
    """By name: the row, and whether each object has it."""
    items: int | None = None
    """None: anything."""
    others: int | None = None
    """What members that are not listed may be; None: the schema says nothing of them."""
    words: frozenset[str] = frozenset()
    """The values that the schema lists (`enum`), as JSON."""

    @property
    def said(self) -> str:
        """The types for a person."""
        kinds = [kind for kind in TYPES if kind in self.types]
        return "anything" if len(kinds) == len(TYPES) else " or ".join(kinds) or "nothing"

    def fits(self, kind: str) -> bool:
        """Whether a value of this JSON type may stand here."""
        return kind in self.types or (kind == "integer" and "number" in self.types)


@dataclass(frozen=True, slots=True)
class Expectation:
    """An operation's JSON answers. `answers` is by "200", "4XX" or "default"; None: no JSON is told of."""

    rows: tuple[Row, ...]
    answers: Mapping[str, int | None]

    def of(self, status: int) -> Row | None:
        """Find what an answer of this status should be: the exact one, its range, or the default. None: nothing is told."""
        for key in (str(status), f"{status // 100}XX", "default"):
            if key in self.answers:
                number = self.answers[key]
                return None if number is None else self.rows[number]
        return None

    def written(self) -> dict[str, Any]:
        """Give the form that crosses the wire (docs/wire.md, section 3)."""
        return {"answers": dict(self.answers), "rows": [_written(row) for row in self.rows]}


def read_expectation(told: Mapping[str, Any]) -> Expectation:
    """Read what `written` gave. Raises ValueError, TypeError or KeyError for anything else."""
    try:
        expectation = Expectation(tuple(_read(row) for row in told["rows"]), dict(told["answers"]))
    except AttributeError:
        raise TypeError("a row is no object") from None
    known = range(len(expectation.rows))
    named = [number for row in expectation.rows for number in (row.items, row.others)]
    named += [number for row in expectation.rows for number, _ in row.members.values()]
    numbers = [number for number in (*named, *expectation.answers.values()) if number is not None]
    if any(type(number) is not int or number not in known for number in numbers):
        raise ValueError("a row is named that is not there")
    return expectation


def _written(row: Row) -> dict[str, Any]:
    told: dict[str, Any] = {"types": [kind for kind in TYPES if kind in row.types]}
    if row.members:
        told["members"] = {name: list(of) for name, of in row.members.items()}
    if row.words:
        told["words"] = sorted(row.words)
    return told | {name: number for name in ("items", "others") if (number := getattr(row, name)) is not None}


def _read(told: Mapping[str, Any]) -> Row:
    members = {name: (int(number), bool(required)) for name, (number, required) in told.get("members", {}).items()}
    words = frozenset(told.get("words", ()))
    return Row(frozenset(told["types"]), members, told.get("items"), told.get("others"), words)
