"""Which secrets of the database have been rotated away since the backup, as nodes tell it by their marks. Pure.

A database that was restored takes the old secret for the current one, without an end. Of a node that is ahead the same
secret retires, and has an end, or it is not there any more: then it ends here too. Nothing gets a later end, and no secret
comes back. Each node is judged alone, as with the security lane: of several ends the first holds.

Marks are compared under one pepper only. Where the pepper was changed since the backup nothing can be told: such keys are
named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from portazgo.care.recovery.planning import Database, Teller


class Marked(NamedTuple):
    """A secret as a node tells of it."""

    mark: str
    pepper: int
    ends_at_us: int | None


@dataclass(frozen=True, slots=True)
class Held:
    """A secret as the database has it."""

    number: int
    marked: Marked


@dataclass(frozen=True, slots=True)
class Lapse:
    """A secret that is to end, or to end sooner."""

    kid: str
    number: int
    ends_at_us: int
    told_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the database has of the secrets of keys that are told of otherwise than it has them."""

    held: Mapping[str, Sequence[Held]]
    peppers: frozenset[tuple[str, int]]
    """(node, version) of the peppers that a node and the database have in common."""
    now_us: int


NO_SECRETS = Secrets({}, frozenset(), 0)


def ahead(tellers: Sequence[Teller], database: Database, adopted: Iterable[str]) -> list[Teller]:
    """Give the nodes that know of rotations which the database may have lost."""
    after = set(adopted) - {database.history, *database.past}
    return [
        teller
        for teller in tellers
        if teller.history in after or (teller.history == database.history and teller.revision > database.revision)
    ]


def lapsed(tellers: Sequence[Teller], secrets: Secrets) -> tuple[list[Lapse], list[str]]:
    """Give what ends, of the nodes that are ahead, and the kids of which nothing can be told."""
    ends: dict[tuple[str, int], list[tuple[int, str]]] = {}
    untold: set[str] = set()
    for teller in tellers:
        for kid, held in secrets.held.items():
            told = read(teller.secrets.get(("key", kid), ""))
            for one in held if told else ():
                end = _end_of(one, told, teller, secrets)
                if end is None:
                    untold.add(kid)
                elif _is_sooner(end, one.marked.ends_at_us, secrets.now_us):
                    ends.setdefault((kid, one.number), []).append((end, teller.called))
    lapses = [
        Lapse(kid, number, min(told)[0], tuple(sorted({by for _, by in told})))
        for (kid, number), told in sorted(ends.items())
    ]
    return lapses, sorted(untold)


def read(marks: str) -> list[Marked]:
    """Read what `node.testimony.marks` wrote."""
    return [_read(one) for one in marks.split()]


def _read(text: str) -> Marked:
    mark, pepper, end = text.split("/")
    return Marked(mark, int(pepper), int(end) if end else None)


_NEVER = 2**62


def _end_of(one: Held, told: Sequence[Marked], teller: Teller, secrets: Secrets) -> int | None:
    """Give when a node says that this secret ends (never: a number beyond all times); None: it can't be told."""
    for same in told:
        if (same.mark, same.pepper) == (one.marked.mark, one.marked.pepper):
            return _NEVER if same.ends_at_us is None else same.ends_at_us
    if (teller.node, one.marked.pepper) not in secrets.peppers:
        return None
    if any(other.pepper != one.marked.pepper for other in told):
        return None
    return secrets.now_us


def _is_sooner(end: int, own: int | None, now_us: int) -> bool:
    return end < _NEVER and (own is None or (own > now_us and end < own))


def in_common(theirs: Iterable[Marked], ours: Iterable[Marked]) -> set[int]:
    """Give the peppers under which both have a secret in common."""
    marks = {(one.mark, one.pepper) for one in ours}
    return {one.pepper for one in theirs if (one.mark, one.pepper) in marks}
