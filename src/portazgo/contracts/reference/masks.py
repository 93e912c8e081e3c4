"""`?fields=` by hand: what of an answer somebody asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portazgo.contracts.language.paths import Path

Mask = Mapping[str, Any]
"""Members by name, each with a mask of its own; None: all of it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of one value, in the partner's names. Arrays are transparent."""

    mask: Mask | None = None
    """None: all of it."""
    at: Path = ()
    """Below which members the mask begins; what lies beside them is wanted."""

    def member(self, name: str) -> Wanted | None:
        """Return what is wanted of a member; None: nothing."""
        if self.mask is None:
            return ALL
        if self.at:
            return Wanted(self.mask, self.at[1:]) if self.at[0] == name else ALL
        return Wanted(self.mask[name]) if name in self.mask else None

    def below(self, path: Path) -> Wanted | None:
        """Return what is wanted of what stands at a path; None: nothing."""
        wanted: Wanted | None = self
        for name in path:
            wanted = wanted.member(name) if wanted is not None else None
        return wanted

    def of(self, value: Any) -> Any:
        """Return what is wanted of a document."""
        if isinstance(value, list):
            return [self.of(item) for item in value]
        if not isinstance(value, dict):
            return value
        wanted = {name: self.member(name) for name in value}
        return {name: inner.of(value[name]) for name, inner in wanted.items() if inner is not None}


ALL = Wanted()


def read_mask(text: str) -> Mask:
    """Read `id,owner(name)`, which is right."""
    mask: dict[str, Any] = {}
    around: list[dict[str, Any]] = []
    name = ""
    for letter in text:
        if letter not in ",()":
            name += letter
            continue
        if name:
            mask[name] = None
        if letter == "(":
            inner: dict[str, Any] = {}
            mask[name] = inner
            around.append(mask)
            mask = inner
        elif letter == ")":
            mask = around.pop()
        name = ""
    if name:
        mask[name] = None
    return mask
