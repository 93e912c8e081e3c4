"""Writes a document as YAML that reads back the same, under 1.2 rules and, since doubtful text is quoted, under 1.1."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from portazgo.declarative.file.yaml import is_text

# Whatever else a text may look like to some reader, it is quoted.
_PLAIN = re.compile(r"[A-Za-z0-9_/][A-Za-z0-9_./@+{}-]*")
_IN_FLOW = re.compile(r"[A-Za-z0-9_/][A-Za-z0-9_./@+-]*")
# Certificates: lines that begin with something, each ended.
_BLOCK = re.compile(r"([!-~][ -~]*\n){2,}")
_WORDS_OF_1_1 = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_FLOW_WIDTH = 80


def write_yaml(document: Mapping[str, Any]) -> str:
    """Write a document, two spaces a level, a blank line before each section."""
    lines: list[str] = []
    for name, value in document.items():
        if isinstance(value, Mapping) and lines:
            lines.append("")
        lines += _member(name, value, "")
    return "\n".join(lines) + "\n"


def _member(name: str, value: Any, indent: str) -> Iterator[str]:
    head = f"{indent}{_scalar(name, _PLAIN)}:"
    if isinstance(value, Mapping) and value:
        yield head
        for inner, below in value.items():
            yield from _member(inner, below, f"{indent}  ")
    elif isinstance(value, list) and _flow(value) is None:
        yield head
        for item in value:
            yield from _item(item, f"{indent}  ")
    elif isinstance(value, str) and _BLOCK.fullmatch(value):
        yield f"{head} |"
        yield from (f"{indent}  {line}" for line in value.splitlines())
    else:
        yield f"{head} {_flow(value) if isinstance(value, list) else _scalar(value, _PLAIN)}"


def _item(item: Any, indent: str) -> Iterator[str]:
    if isinstance(item, Mapping) and item:
        lines = [line for name, value in item.items() for line in _member(name, value, f"{indent}  ")]
        yield f"{indent}- {lines[0].lstrip()}"
        yield from lines[1:]
    elif isinstance(item, list) and item:
        yield f"{indent}-"
        for inner in item:
            yield from _item(inner, f"{indent}  ")
    else:
        yield f"{indent}- {_scalar(item, _PLAIN)}"


def _flow(items: list[Any]) -> str | None:
    """Write a short list of scalars in a line; None when it is no such list."""
    if any(isinstance(item, Mapping | list) for item in items):
        return None
    text = f"[{', '.join(_scalar(item, _IN_FLOW) for item in items)}]"
    return text if len(text) <= _FLOW_WIDTH else None


def _scalar(value: Any, plain: re.Pattern[str]) -> str:
    if not isinstance(value, str):
        # Numbers, truth values, nothing, and what is empty look the same in JSON.
        return json.dumps(value)
    if plain.fullmatch(value) and is_text(value) and value.lower() not in _WORDS_OF_1_1:
        return value
    return f'"{"".join(_character(one) for one in value)}"'


def _character(one: str) -> str:
    if one in _ESCAPED:
        return _ESCAPED[one]
    if " " <= one <= "~" or one.isprintable():
        return one
    code = ord(one)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 - the widths of YAML's escapes
