"""JSON as it was written: numbers keep their spelling, and a member that comes twice is an error."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from portazgo.contracts.schema.shapes import Type

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)(\.0+)?")
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class Violation(Exception):
    """The document can't be mapped. `why` is one of the words of docs/programs.md."""

    def __init__(self, why: str, place: str = "") -> None:
        super().__init__(f"{why} at {place}")
        self.why = why


@dataclass(frozen=True, slots=True)
class Number:
    """A number, by its spelling."""

    lexeme: str


def parse(text: str | bytes) -> Any:
    """Read a document. Raises Violation."""
    try:
        return json.loads(
            text, parse_int=Number, parse_float=Number, parse_constant=_no_constant, object_pairs_hook=_members
        )
    except (ValueError, RecursionError) as problem:
        raise Violation("json", str(problem)) from None


def write(value: Any) -> str:
    """Write a document again, numbers as they were spelled."""
    if isinstance(value, Number):
        return value.lexeme
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{write(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(write(item) for item in value) + "]"
    return json.dumps(value)


def own(value: Any) -> Any:
    """Return a constant as a document: numbers by their spelling."""
    return parse(json.dumps(value))


def type_of(value: Any) -> Type:
    """Name the type of a value. A number without fraction and exponent is an integer, and one with a fraction of zeros."""
    if value is None:
        return "null"
    if isinstance(value, Number):
        return "integer" if _INTEGER.fullmatch(value.lexeme) else "number"
    names: dict[type, Type] = {bool: "boolean", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise Violation("duplicate")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(name)
