"""Cuts a range of time into slots of the levels, as few as there are, some of them to be subtracted. Pure.

Folded sums are whole numbers and every level holds all of them, so that a sum over [a, c) is that over [a, b) and [b, c), and
that over [b, c) is that over [a, c) less that over [a, b). A month in Bogotá is thus the month in UTC, less five hours at its
beginning, and five at its end: eleven slots in place of days and hundreds of quarters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from portazgo.usage.rollups import LEVELS, MONTH, Level

FIRST_MINUTE = 0
LAST_MINUTE = 4_218_112_800
"""The year 9990: nothing is recorded after it, and the months around it can still be named."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The slots of a level from `since` to `until`, to be added or (`sign` -1) subtracted."""

    level: Level
    since: int
    until: int
    sign: int = 1


class TooFine(Exception):
    """The range can't be made of what is still kept.

    `since`, `until`: the nearest range around it that can be, None when nothing is kept of it; `level` its slots;
    `kept_from` the first minute since which what was asked for could be answered.
    """

    def __init__(self, level: Level, kept_from: int, since: int | None, until: int | None) -> None:
        super().__init__()
        self.level, self.kept_from, self.since, self.until = level, kept_from, since, until


@dataclass(frozen=True, slots=True)
class _Cut:
    pieces: tuple[Piece, ...]
    cost: tuple[int, int]
    """Slots, pieces."""


_EMPTY = _Cut((), (0, 0))


@dataclass(slots=True)
class Cutter:
    """Cuts ranges by what the levels still hold: `whole_from` says since which minute each is whole.

    `levels`: those that tell what is asked for, the finest first.
    """

    whole_from: Mapping[Level, int]
    levels: Sequence[Level] = LEVELS
    _known: dict[tuple[int, int, int], _Cut | None] = field(default_factory=dict)

    def cut(self, since: int, until: int) -> tuple[Piece, ...]:
        """Cut the minutes from `since` to `until`, which is not included. Raises TooFine."""
        found = self._best(since, until, len(self.levels) - 1)
        if found is None:
            raise self._too_fine(since, until)
        return found.pieces

    def _best(self, since: int, until: int, levels: int) -> _Cut | None:
        """Cut by the first `levels` + 1 of the levels; None: what would be needed is gone."""
        if since == until:
            return _EMPTY
        if (since, until, levels) not in self._known:
            self._known[since, until, levels] = self._found(since, until, levels)
        return self._known[since, until, levels]

    def _found(self, since: int, until: int, levels: int) -> _Cut | None:
        level = self.levels[levels]
        begins, ends = {level.floor(since), level.ceil(since)}, {level.floor(until), level.ceil(until)}
        if begins == {since} and ends == {until}:
            # Nothing is nearer than what fits; finer slots would only be more.
            whole = self._slots(level, since, until)
            if whole is not None and (level is self.levels[0] or level.count(since, until) == 1):
                return whole
        cuts = [self._best(since, until, levels - 1)] if levels else []
        cuts += [
            _joined(self._edge(since, begin, levels), self._slots(level, begin, end), self._edge(end, until, levels))
            for begin in begins
            for end in ends
            if begin < end
        ]
        return min((one for one in cuts if one is not None), key=lambda one: one.cost, default=None)

    def _slots(self, level: Level, since: int, until: int) -> _Cut | None:
        if since < self.whole_from[level]:
            return None
        return _Cut((Piece(level, since, until),), (level.count(since, until), 1))

    def _edge(self, here: int, there: int, levels: int) -> _Cut | None:
        """Cut what lies between, by finer levels; to be subtracted where `there` lies before `here`."""
        if here == there:
            return _EMPTY
        if not levels:
            return None
        found = self._best(min(here, there), max(here, there), levels - 1)
        if found is None or here < there:
            return found
        return replace(found, pieces=tuple(replace(piece, sign=-piece.sign) for piece in found.pieces))

    def _too_fine(self, since: int, until: int) -> TooFine:
        needed = next(
            level for level in reversed(self.levels) if level.floor(since) == since and level.floor(until) == until
        )
        for level in self.levels[self.levels.index(needed) :]:
            begin, end = level.floor(since), level.ceil(until)
            if self._best(begin, end, len(self.levels) - 1) is not None:
                return TooFine(level, self.whole_from[needed], begin, end)
        return TooFine(MONTH, self.whole_from[MONTH], None, None)


def _joined(*cuts: _Cut | None) -> _Cut | None:
    pieces: tuple[Piece, ...] = ()
    slots = 0
    for one in cuts:
        if one is None:
            return None
        pieces += one.pieces
        slots += one.cost[0]
    return _Cut(pieces, (slots, len(pieces)))
