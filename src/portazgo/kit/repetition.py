"""What stands twice, found in one pass: a caller decides how many names there are."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)


def first_repeated(items: Iterable[Item]) -> Item | None:
    """Give the first item that stood before already; None: each stands once."""
    seen: set[Item] = set()
    for item in items:
        if item in seen:
            return item
        seen.add(item)
    return None
