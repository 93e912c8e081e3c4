"""What a list of operators says of each place of a body: a tree of spots, by the backend's names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from portazgo.contracts.expressions.checking import Checked
from portazgo.contracts.language.operators import Action, Result, Style, Value
from portazgo.contracts.language.paths import Path
from portazgo.contracts.schema.shapes import FREE, Shape

_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")
_SNAKE = re.compile(r"(?<=[A-Za-z0-9])_+([a-z0-9])")


@dataclass(frozen=True, slots=True)
class Computed:
    """A member that is computed from others of the object."""

    path: Path
    """In the partner's names, from the object."""
    checked: Checked
    result: Result
    at: str


@dataclass(slots=True, eq=False)
class Spot:
    """One place, and what operators say of it. An array's spot is that of its items too."""

    step: str = ""
    parent: Spot | None = None
    shape: Shape = FREE
    children: dict[str, Spot] = field(default_factory=dict)
    whole: bool = False
    """All that the schema knows here passes."""
    free: bool = False
    """What is free-form here passes as it is."""
    name: str | None = None
    target: tuple[Spot, Path] | None = None
    """Where it moved: below the partner's place of a spot above."""
    wrap: Path = ()
    unwrap: bool = False
    dissolved: bool = False
    """Its members are laid out together with those of the object that it stands in."""
    action: Action | None = None
    default: Any = None
    has_default: bool = False
    drop_null: bool = False
    described: str | None = None
    filled: bool = False
    consts: list[tuple[Path, Any]] = field(default_factory=list)
    computed: list[Computed] = field(default_factory=list)
    fills: list[tuple[Path, Value, Shape]] = field(default_factory=list)
    at: dict[str, str] = field(default_factory=dict)
    """Where in the contract each operator stands that said something of this place."""
    signature: tuple[Any, ...] = ()

    @property
    def path(self) -> Path:
        """Return the spot's path from the root."""
        return (*self.parent.path, self.step) if self.parent is not None else ()

    @property
    def bare(self) -> bool:
        """Whether nothing is said of what stands there but that it passes; its name and its place are another matter."""
        said = self.children or self.free or self.consts or self.computed or self.fills or self.action or self.dissolved
        return self.whole and not said

    @property
    def reaches(self) -> bool:
        """Whether something at or below it passes."""
        return self.whole or self.free or any(child.reaches for child in self.children.values())

    def pointer(self, otherwise: str) -> str:
        """Return where in the contract something is said of the spot, the last that was; else of what it stands in."""
        if self.at:
            return list(self.at.values())[-1]
        return self.parent.pointer(otherwise) if self.parent is not None else otherwise

    def leaving(self, depth: int) -> Spot | None:
        """Return a spot below from which something goes to what stands above the depth."""
        for child in self.children.values():
            if child.target is not None and len(child.target[0].path) < depth:
                return child
            found = child.leaving(depth)
            if found is not None:
                return found
        return None

    def filled_around(self) -> Spot | None:
        """Return what is filled and holds it."""
        spot = self.parent
        while spot is not None and not spot.filled:
            spot = spot.parent
        return spot

    def filled_below(self) -> Spot | None:
        """Return something in it that is filled."""
        found = (child if child.filled else child.filled_below() for child in self.children.values())
        return next((spot for spot in found if spot is not None), None)

    def spread(self) -> None:
        """Hand down what passes as a whole."""
        for child in self.children.values():
            child.whole = (child.whole or self.whole) and not child.filled
            child.spread()

    def sign(self) -> tuple[Any, ...]:
        """Note, here and below, what makes a spot the same as another: all but where that is written."""
        self.signature = (
            self.whole,
            self.free,
            self.name,
            self.target and (len(self.path) - len(self.target[0].path), self.target[1]),
            self.wrap,
            self.unwrap,
            self.dissolved,
            signed(self.action),
            repr(self.default) if self.has_default else None,
            self.drop_null,
            self.described,
            self.filled,
            repr(self.consts),
            repr(sorted((one.path, repr((one.checked, one.result))) for one in self.computed)),
            repr([(path, value) for path, value, _ in self.fills]),
            tuple((name, child.sign()) for name, child in sorted(self.children.items())),
        )
        return self.signature


def signed(action: Action | None) -> str | None:
    """Write an action without its place."""
    if action is None:
        return None
    return (
        f"{type(action).__name__}{[getattr(action, name) for name in action.__slots__ if name not in {'at', 'path'}]!r}"
    )


BARE = Spot(whole=True)
"""What passes because something around it does."""
BARE.sign()


@dataclass(slots=True)
class Plan:
    """What the operators say of one body."""

    at: str
    root: Spot
    style: Style = "none"
    drop_null: bool = False
    unknown: str = "refuse"

    def partner_name(self, step: str, spot: Spot) -> str:
        """Name a member for the partner."""
        return spot.name if spot.name is not None else cased(step, self.style)


def cased(name: str, style: Style) -> str:
    """Write a name as the style wants it: `created_at` or `createdAt`."""
    if style == "camel":
        return _SNAKE.sub(lambda found: found[1].upper(), name)
    if style == "snake":
        return _HUMP.sub(lambda found: "_" + found[1].lower(), name)
    return name


def child_of(spot: Spot, step: str) -> Spot | None:
    """Return the spot of a member that passes, or None where it doesn't."""
    child = spot.children.get(step)
    if child is None:
        return BARE if spot.whole else None
    return child if child.reaches and not child.filled else None
