"""What a value of JSON or YAML is, in a word for the person who wrote it."""

from __future__ import annotations


def kind_of(value: object) -> str:
    """Name the kind, such as `text`, `a number` or `a list`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "a mapping"
