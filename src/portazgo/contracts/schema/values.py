"""JSON values as Python reads them: which of them are one, without comparing each with each."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable
from typing import Any


def same(first: object, second: object) -> bool:
    """Tell whether two JSON values are one. True is not 1."""
    return first == second and isinstance(first, bool) == isinstance(second, bool)


def key_of(value: object) -> Hashable:
    """Give what a value is known by: the same for what `same` takes for one, of lists and objects for what is written alike."""
    if isinstance(value, list | dict):
        return json.dumps(value, sort_keys=True, default=str), True
    return value, isinstance(value, bool)


def is_json(value: object) -> bool:
    """Tell whether JSON can say the value: it has no NaN, no infinity, and does not hold itself (YAML)."""
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return False
    return True


def distinct(values: Iterable[Any]) -> list[Any]:
    """Give the values without repetition, in their order."""
    known: dict[Hashable, Any] = {}
    for value in values:
        known.setdefault(key_of(value), value)
    return list(known.values())
