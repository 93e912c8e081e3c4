"""Lines of a diff, and who is affected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from portazgo.declarative.domain import Ref, Terms, canonical
from portazgo.declarative.rules.access import Access

Effect = Literal["exposes", "breaks", "rest"]
Action = Literal["create", "change", "delete"]
EFFECTS: tuple[Effect, ...] = ("exposes", "breaks", "rest")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is made, changed or deleted. `before` None: it is made; `after` None: it is deleted."""

    ref: Ref
    before: Terms | None
    after: Terms | None

    @property
    def action(self) -> Action:
        """Name what is done."""
        if self.before is None:
            return "create"
        return "delete" if self.after is None else "change"

    def changed(self, name: str) -> bool:
        """Tell whether a member differs between before and after."""
        before, after = self.before or {}, self.after or {}
        return canonical(before.get(name)) != canonical(after.get(name))


@dataclass(frozen=True, slots=True)
class Line:
    """What a step does to whom. `affects` names applications, `partner/application`, that notice it."""

    effect: Effect
    action: Action
    ref: Ref
    sentence: str
    affects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Worlds:
    """What there is before and after all steps."""

    before: Access
    after: Access
    tagged: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By tag of routes, the applications with a key that is restricted to it."""


Rule = Callable[[Step, Worlds], Iterator[Line]]


def line(step: Step, effect: Effect, sentence: str, affects: Sequence[str] = ()) -> Line:
    """Make a line of a step; what belongs to the rest affects nobody."""
    return Line(effect, step.action, step.ref, sentence, () if effect == "rest" else tuple(affects))


ALL = "all of them"


def gained(before: Sequence[str] | None, after: Sequence[str] | None) -> list[str]:
    """Name what `after` has and `before` lacks; None stands for all there could be."""
    if before is None:
        return []
    return [ALL] if after is None else [one for one in after if one not in before]


def lost(before: Sequence[str] | None, after: Sequence[str] | None) -> list[str]:
    """Name what `before` has and `after` lacks."""
    return gained(after, before)


def enumerated(words: Sequence[str]) -> str:
    """Write a list of words, a long one cut short."""
    shown = ", ".join(words[:_WORDS])
    return shown if len(words) <= _WORDS else f"{shown} and {len(words) - _WORDS} more"


_WORDS = 8


def counted(count: int, word: str) -> str:
    """Write a number of things."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def shown(value: Any) -> str:
    """Write a value for a person."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list):
        return canonical(value)
    return str(value)


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Give the members that differ: name, before, after; None where there is none."""
    names = sorted({*before, *after})
    pairs = [(name, before.get(name), after.get(name)) for name in names]
    return [pair for pair in pairs if canonical(pair[1]) != canonical(pair[2])]


def bytes_text(value: int | None) -> str:
    """Write a size; None: without a bound."""
    if value is None:
        return "any"
    for unit, size in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if value and value % size == 0:
            return f"{value // size} {unit}"
    return f"{value} bytes"
