"""Patterns of the backend's, searched by the data plane's own machine: one that never goes back, whoever wrote the pattern."""

from __future__ import annotations

import json
from functools import lru_cache

from portazgo._native import check_program, rewrite


@lru_cache(maxsize=1024)
def unsearchable(pattern: str) -> str | None:
    """Say why the data plane can't search a pattern; None: it can."""
    try:
        check_program("request", _program(pattern))
    except ValueError as refused:
        return str(refused).partition(": ")[2]
    return None


def is_found(pattern: str, text: str) -> bool | None:
    """Tell whether a text has the pattern. None: the data plane can't search it, or not within what a request may cost."""
    if unsearchable(pattern) is not None:
        return None
    try:
        rewrite(_program(pattern), 0, json.dumps(text).encode(), b"{}")
    except ValueError as refused:
        return False if _is_violation(str(refused)) else None
    return True


def _is_violation(refusal: str) -> bool:
    return bool(json.loads(refusal).get("errors"))


def _program(pattern: str) -> bytes:
    return json.dumps({"nodes": [{"string": {"pattern": pattern}}], "depth": 1}).encode()
