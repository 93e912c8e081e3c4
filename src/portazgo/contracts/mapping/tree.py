"""Things at paths, arranged as the objects that the paths go through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from portazgo.contracts.language.paths import Path


class Branch(dict[str, Any]):
    """An object: things, and further branches, by name and in the order in which they came."""


def arrange(things: Iterable[tuple[Path, Any]]) -> Branch:
    """Arrange things by their paths. Of two that would stand in one place the first stays: such contracts are refused."""
    root = Branch()
    for path, thing in things:
        inner: Any = root
        for step in path[:-1]:
            inner = inner.setdefault(step, Branch())
            if not isinstance(inner, Branch):
                break
        if isinstance(inner, Branch):
            inner.setdefault(path[-1], thing)
    return root
