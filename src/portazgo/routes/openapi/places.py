"""JSON pointers (RFC 6901), and the lines to which they lead."""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

# Finding a line means to parse once more; beyond this size the pointer has to do.
_SEARCHED_CHARACTERS = 1024**2


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


def line_of(text: str, pointer: str) -> int | None:
    """Return the line (from 1) where the value of the pointer begins, or that of its nearest known parent; None: unknown.

    JSON is read as YAML here, of which it is a part.
    """
    if not pointer or len(text) > _SEARCHED_CHARACTERS:
        return None
    try:
        node = YAML(typ="safe", pure=True).compose(io.StringIO(text))
    except (YAMLError, RecursionError, ValueError):
        return None
    if not isinstance(node, Node):
        return None
    line = node.start_mark.line
    for step in steps(pointer):
        found = _child(node, step)
        if found is None:
            break
        line, node = found
    return int(line) + 1


def _child(node: Node, step: str) -> tuple[int, Node] | None:
    if isinstance(node, MappingNode):
        for name, value in node.value:
            if name.value == step:
                return name.start_mark.line, value
    elif isinstance(node, SequenceNode) and step.isdigit() and int(step) < len(node.value):
        value = node.value[int(step)]
        return value.start_mark.line, value
    return None
