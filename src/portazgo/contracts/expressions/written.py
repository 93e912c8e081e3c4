"""Expressions as they stand in programs (docs/programs.md, COMPUTE)."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Written:
    """A computed member of a program."""

    name: str
    expr: list[Any]
    inputs: tuple[str, ...]
    """The backend's names of what it reads, by their numbers in the expression."""


def computed_in(program: Mapping[str, Any]) -> list[Written]:
    """Return the computed members of a program, in its order."""
    found: list[Written] = []
    for node in program.get("nodes", ()):
        laid = node.get("object", {})
        names = {member["slot"]: member["in"] for member in laid.get("members", ()) if "slot" in member}
        waiting = deque(laid.get("hold", {}).get("members", ()))
        while waiting:
            part = waiting.popleft()
            waiting.extend(part.get("members", ()))
            if "compute" in part:
                inputs = tuple(names[slot] for slot in part["compute"]["inputs"])
                found.append(Written(part["out"], part["compute"]["expr"], inputs))
    return found


def literals(expr: list[Any]) -> Iterator[Any]:
    """Give the values that stand in an expression itself, none of which is true, false or null."""
    waiting = [expr]
    while waiting:
        name, *parts = waiting.pop()
        if name == "text":
            yield parts[0]
        elif name in ("int", "double"):
            yield json.loads(parts[0])
        else:
            waiting += [part for part in parts if isinstance(part, list)]
