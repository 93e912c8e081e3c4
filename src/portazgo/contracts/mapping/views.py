"""What is done with a body, value by value: what operators and schema come to, before it is written as a program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portazgo.contracts.language.operators import Action, Value
from portazgo.contracts.language.paths import Path
from portazgo.contracts.mapping.spots import Computed
from portazgo.contracts.schema.shapes import Shape, Type


@dataclass(slots=True, eq=False)
class View:
    """What may stand in a place, and what becomes of it."""

    shape: Shape
    """What the backend has there: one shape, without variants."""
    null: bool = False
    free: bool = False
    scalars: frozenset[Type] = frozenset()
    action: Action | None = None
    items: View | None = None
    is_list: bool = False
    object: ObjectView | None = None
    alternatives: tuple[Alternative, ...] = ()
    """The same place, variant by variant, where the backend has several."""
    discriminator: str | None = None
    """The partner's name of the member that tells the variants apart, where it passes."""
    component: str | None = None
    """The name of the partner's component that it is, null apart."""


@dataclass(slots=True, eq=False)
class Alternative:
    """One of the variants of a place."""

    view: View
    value: Any = None
    """What the discriminator says then, in the partner's words. None: nothing."""


@dataclass(slots=True, eq=False)
class Leaf:
    """A member that passes: where the backend has it and where the partner, from the object that both are laid out in."""

    backend: Path
    partner: Path
    view: View
    required: bool
    """Whether it is always there where what it stands in is there."""
    certain: bool
    """Whether it is always there."""
    default: Any = None
    has_default: bool = False
    drop_null: bool = False
    may_go: bool = False
    """Whether an action may leave out a value that has come. No default stands in its place."""
    described: str | None = None
    """What the contract's author says of it."""
    at: str = ""

    @property
    def has_default_in_part(self) -> bool:
        """Tell whether a template's part may give the default: it would give it to what an action has left out, too."""
        return self.has_default and not self.may_go


@dataclass(slots=True, eq=False)
class Inner:
    """An object whose members are laid out with those around it."""

    required: bool
    null: bool


@dataclass(slots=True, eq=False)
class FillView:
    """A member of a request that nobody sends."""

    backend: Path
    value: Value
    type: Type


@dataclass(slots=True, eq=False)
class ObjectView:
    """An object: its members, wherever they come from, and what is added."""

    leaves: list[Leaf] = field(default_factory=list)
    inner: Mapping[Path, Inner] = field(default_factory=dict)
    """By the backend's path."""
    others: View | None = None
    consts: list[tuple[Path, Any]] = field(default_factory=list)
    computed: list[Computed] = field(default_factory=list)
    fills: list[FillView] = field(default_factory=list)

    @property
    def is_plain(self) -> bool:
        """Whether all stands in the object itself, for both: of a request, no object in it has to be made."""
        members = all(len(leaf.backend) == len(leaf.partner) == 1 for leaf in self.leaves)
        fills = all(len(fill.backend) == 1 for fill in self.fills)
        # One of which nothing passes is sent empty where the backend requires it.
        return members and fills and not any(inner.required for inner in self.inner.values())
