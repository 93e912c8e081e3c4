"""JSON pointers (RFC 6901)."""

from __future__ import annotations

from typing import Any


class NoSuchPlace(LookupError):
    """A pointer leads nowhere."""


def escape(name: str) -> str:
    """Write a member's name as one step of a pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def steps(pointer: str) -> list[str]:
    """Return the names along a pointer."""
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def follow(tree: Any, pointer: str) -> Any:
    """Return what the pointer leads to. Raises NoSuchPlace."""
    node = tree
    for step in steps(pointer):
        if isinstance(node, dict) and step in node:
            node = node[step]
        elif isinstance(node, list) and step.isascii() and step.isdigit() and int(step[:9]) < len(node):
            node = node[int(step)]
        else:
            raise NoSuchPlace(pointer)
    return node
