"""Two JSON documents, compared field by field: numbers as they are written, members in any order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from portazgo.routes.openapi.places import escape

DIFFERENCES_AT_MOST = 500


class _Number(str):
    """A number as it stands in the text: 1.10 is not 1.1, and a 19-digit id keeps its end."""

    __slots__ = ()


class _Absent:
    """There is nothing in this place."""


_ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Difference:
    """One place (RFC 6901) with what stood there before and after, as JSON; None: nothing."""

    pointer: str
    before: str | None
    after: str | None


def read(text: bytes) -> Any:
    """Parse JSON, numbers kept as they are written. Raises ValueError."""
    return json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_refuse)


def differences(before: bytes | None, after: bytes | None) -> list[Difference]:
    """List the places in which two documents differ, at most DIFFERENCES_AT_MOST. None: there is none.

    Raises ValueError where one is no JSON, or nested without end.
    """
    try:
        return _differences(before, after)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _differences(before: bytes | None, after: bytes | None) -> list[Difference]:
    trees = [_ABSENT if text is None else read(text) for text in (before, after)]
    found = []
    for difference in _differ(trees[0], trees[1], ""):
        found.append(difference)
        if len(found) == DIFFERENCES_AT_MOST:
            break
    return found


def written(value: Any) -> str:
    """Give a value that `read` gave as JSON, its numbers as they were written."""
    return _written(value) or ""


def _differ(before: Any, after: Any, pointer: str) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            yield from _differ(before.get(name, _ABSENT), after.get(name, _ABSENT), f"{pointer}/{escape(name)}")
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            one, two = (items[index] if index < len(items) else _ABSENT for items in (before, after))
            yield from _differ(one, two, f"{pointer}/{index}")
    elif type(before) is not type(after) or before != after:
        yield Difference(pointer, _written(before), _written(after))


def _written(value: Any) -> str | None:
    match value:
        case _Absent():
            return None
        case _Number():
            return str(value)
        case dict():
            return (
                "{"
                + ",".join(f"{json.dumps(name, ensure_ascii=False)}:{_written(inner)}" for name, inner in value.items())
                + "}"
            )
        case list():
            return "[" + ",".join(str(_written(inner)) for inner in value) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
