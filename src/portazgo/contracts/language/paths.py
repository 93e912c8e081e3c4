"""Paths: where in a body something stands, in the backend's names. Arrays are transparent."""

from __future__ import annotations

from collections.abc import Sequence

from portazgo.routes.openapi.places import escape, steps

Path = tuple[str, ...]
"""Names from the root. `*` stands for a map's values, a last `**` for all of a free-form value."""

ANY = "*"
FREELY = "**"
ROOT = "."
STEPS_AT_MOST = 32


class PathInvalid(ValueError):
    """A text is no path."""


def parse_path(text: str) -> Path:
    """Read `owner.name`, `/owner/first.name` or `.` (the whole). Raises PathInvalid with a sentence."""
    path = read_path(text)
    if path == ():
        return path
    if not text or any(not step for step in path):
        raise PathInvalid(f"{text!r} is no path: names with dots between them, such as owner.name")
    if len(path) > STEPS_AT_MOST:
        raise PathInvalid(f"a path has at most {STEPS_AT_MOST} names")
    if FREELY in path[:-1]:
        raise PathInvalid(f"{text!r} goes on behind **, which stands for all that there may be")
    return path


def is_path(text: str) -> bool:
    """Tell whether an author could write it."""
    try:
        parse_path(text)
    except PathInvalid:
        return False
    return True


def read_path(text: str) -> Path:
    """Read what `format_path` wrote. Names of documents may be empty, or `**`, and lie deeper than authors' paths reach."""
    if text == ROOT:
        return ()
    return tuple(steps(text)) if text.startswith("/") else tuple(text.split("."))


def format_path(path: Sequence[str]) -> str:
    """Write a path as authors do."""
    if not path:
        return ROOT
    if any("." in step or step.startswith("/") for step in path):
        return "".join(f"/{escape(step)}" for step in path)
    return ".".join(path)
