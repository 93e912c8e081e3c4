"""What a file is about: things of nine kinds, named, with terms in plain JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID

FORMAT = 1

DEFAULT_ALGORITHM = "ES256"
"""Of an issuer that a file makes and says nothing else of."""
Kind = Literal["issuer", "backend", "api", "schema", "route", "contract", "plan", "partner", "application"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""In the order in which they are made: later ones name earlier ones."""

SECTIONS: dict[str, Kind] = {
    "issuers": "issuer",
    "backends": "backend",
    "apis": "api",
    "schemas": "schema",
    "contracts": "contract",
    "plans": "plan",
    "partners": "partner",
}
NESTED: dict[Kind, tuple[Kind, str]] = {"route": ("api", "routes"), "application": ("partner", "applications")}

Terms = Mapping[str, Any]
"""What is said of a thing; names stand for other things, lists whose order means nothing are sorted."""


class Ref(NamedTuple):
    """Names a thing; one that lives in another carries that one's name first: `badges/badges-list`."""

    kind: Kind
    name: str

    @property
    def parent(self) -> str:
        """The name of the API of a route, of the partner of an application."""
        return self.name.partition("/")[0]

    @property
    def parent_ref(self) -> Ref | None:
        """What it lives in; None: nothing."""
        return Ref(NESTED[self.kind][0], self.parent) if self.kind in NESTED else None

    @property
    def pointer(self) -> str:
        """Where a file speaks of it (RFC 6901)."""
        if self.kind in NESTED:
            parent, section = NESTED[self.kind]
            outer, _, inner = self.name.partition("/")
            return f"{Ref(parent, outer).pointer}/{section}/{escape(inner)}"
        return f"/{self.kind}s/{escape(self.name)}"

    def __str__(self) -> str:
        """Say kind and name."""
        return f"{'API' if self.kind == 'api' else self.kind} {self.name}"


World = Mapping[Ref, Terms]


@dataclass(frozen=True, slots=True)
class Thing:
    """What there is under a name. `owner`: the `name` of the file that owns it, None when no file does."""

    terms: Terms
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What there is, as far as files speak of it, and how many keys hold an application in place."""

    things: Mapping[Ref, Thing]
    keys: Mapping[Ref, int]
    ids: Mapping[Ref, UUID] = field(default_factory=dict)
    """Behind the names; the planner needs none."""
    versions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By a contract's name, its versions that are served, the newest last."""
    tagged: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By tag, the applications with a key that opens only routes of that tag, or others that it names."""

    @property
    def world(self) -> dict[Ref, Terms]:
        """The terms alone."""
        return {ref: thing.terms for ref, thing in self.things.items()}


def escape(name: str) -> str:
    """Write a member's name as one step of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def canonical(value: object) -> str:
    """Write JSON in one form, by which two values are compared.

    It tells `true` from `1`, which Python's `==` does not, and takes `1.0` for `1`: databases give one for the other.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and _EXACT <= abs(value) < _LARGEST_FLOAT:
        return float(value)
    return value


# Beyond it a float and the integer that a database makes of it differ in digits that mean nothing.
_EXACT = 2**53
_LARGEST_FLOAT = 10**308
