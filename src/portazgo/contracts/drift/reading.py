"""Reads the JSON of an answer that may end early: of one that broke its contract no more is read than was there."""

from __future__ import annotations

import json
import re
from typing import Any

_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[{}\[\],]', re.DOTALL)
_CLOSING = {"{": "}", "[": "]"}
_NO_STRING_LENGTH = 1
DEEPEST = 100
"""Nothing that a contract lets pass is so deep."""


class NotJson(ValueError):
    """Nothing can be read of it."""


def read_answer(body: bytes) -> tuple[Any, bool]:
    """Parse. Returns the document, and whether it was cut: then what is unfinished is left out. Raises NotJson."""
    try:
        return _parsed(body.decode()), False
    except (ValueError, RecursionError):
        pass
    try:
        return _parsed(_closed(body.decode(errors="ignore"))), True
    except (ValueError, RecursionError):
        raise NotJson from None


def _parsed(text: str) -> Any:
    # Of a number only its type counts, and Python reads none of thousands of digits.
    return json.loads(text, parse_int=lambda _: 0)


def _closed(text: str) -> str:
    """End the text after the last value that is whole, and close what is open there."""
    open_there: list[str] = []
    end, closing = 0, ""
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark.startswith('"'):
            if len(mark) == _NO_STRING_LENGTH or not mark.endswith('"'):
                break
            continue
        at = token.end()
        if mark in _CLOSING:
            open_there.append(_CLOSING[mark])
            if len(open_there) > DEEPEST:
                raise NotJson
        elif mark == ",":
            at = token.start()
        elif not open_there or open_there.pop() != mark:
            break
        end, closing = at, "".join(reversed(open_there))
    return text[:end] + closing
