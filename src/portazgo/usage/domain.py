"""Rules of the ledger: what is missing from an epoch, and whether it balances. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

HOST_LOST = "host_lost"
SILENT_AFTER = timedelta(seconds=60)
"""A node polls several times within it: one that was not heard of for so long is silent."""


@dataclass(frozen=True, slots=True, order=True)
class Run:
    """Records `first` to `last` of an epoch, both included; sequences begin at 1 and have no gaps on the node."""

    first: int
    last: int

    @property
    def count(self) -> int:
        """How many records."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Piece:
    """A run that was collected, and when its first and last call ended; µs since 1970."""

    run: Run
    started_at_us: int
    ended_at_us: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A run that is missing, and between which times its calls were; None: that end is open."""

    run: Run
    since_us: int | None
    until_us: int | None


def gaps(pieces: Iterable[Piece], last_sequence: int, *, ended_at_us: int | None = None) -> Iterator[Gap]:
    """Name what is missing up to `last_sequence`; the pieces come by their sequence. `ended_at_us`: of the epoch."""
    due, since_us = 1, None
    for piece in pieces:
        if piece.run.first > due:
            yield Gap(Run(due, piece.run.first - 1), since_us, piece.started_at_us)
        due, since_us = max(due, piece.run.last + 1), piece.ended_at_us
    if last_sequence >= due:
        yield Gap(Run(due, last_sequence), since_us, ended_at_us)


def still_missing(found: Iterable[Gap], elsewhere: Sequence[Run]) -> Iterator[Gap]:
    """Leave out of gaps what is known to lie elsewhere; those runs come by their sequence."""
    for gap in found:
        due = gap.run.first
        for run in elsewhere:
            if run.first > gap.run.last:
                break
            if run.first > due:
                yield Gap(Run(due, run.first - 1), gap.since_us, gap.until_us)
            due = max(due, run.last + 1)
        if due <= gap.run.last:
            yield Gap(Run(due, gap.run.last), gap.since_us, gap.until_us)


class Verdict(StrEnum):
    """What is to be said of an epoch's records."""

    WHOLE = "whole"
    """All that the node numbered is here, once, and in the sums."""
    OPEN = "open"
    """The node lives; what is not here yet waits on its disk, and is shipped."""
    SPILLED = "spilled"
    """It ended, and what is not in the ledger yet lies in the object store: the worker brings it in."""
    ACCEPTED = "accepted"
    """Records are missing, or may be, and a person has accepted that."""
    SILENT = "silent"
    """It never ended, and its node was not heard of for a while: what is not here waits on its disk, or is lost."""
    AT_RISK = "at_risk"
    """The host was lost: what was not on its disk yet is gone, and nobody can tell how much that was."""
    MISSING = "missing"
    """Records that had a number are not here, and don't wait anywhere that is known of."""
    UNEVEN = "uneven"
    """The sums don't count what was collected, or the journal not what was accepted: a fault of Portazgo."""

    @property
    def balances(self) -> bool:
        """Whether nothing is missing, as far as anybody can tell."""
        return self in {Verdict.WHOLE, Verdict.OPEN, Verdict.SPILLED, Verdict.ACCEPTED}


class Living(StrEnum):
    """What is known of the process of an epoch that has not ended."""

    POLLS = "polls"
    """It is its node's latest, and was heard of lately."""
    FOLLOWED = "followed"
    """Another process of its node began lately, and will report its end."""
    SILENT = "silent"
    """Neither it nor a successor tells anything."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How an epoch ended; `accepted` None: nobody can tell."""

    end: str
    last_sequence: int
    accepted: int | None
    seconds_at_risk: float
    ended_at: datetime
    declared: bool


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What a person has accepted of an epoch."""

    missing: int
    seconds_at_risk: float
    unexplained: int
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Balance:
    """An epoch's account: accepted = journaled = collected = rolled up = in the lake, and what is in between.

    `told_journaled`, `told_accepted`: by the node's polls, None where it says nothing. `latest_sequence`: the highest that
    was collected.
    """

    node: UUID
    label: str
    epoch: UUID
    living: Living
    """Where it has not ended."""
    first_seen_at: datetime | None
    """When its process polled first; None: not known."""
    ended: Ended | None
    told_accepted: int | None
    told_journaled: int | None
    latest_sequence: int
    collected: int
    rolled_up: int
    in_lake: int
    """Written to a file of the lake, or kept long enough before; what came lately waits for its slice of time to end."""
    dropped: int
    """Of these: kept long enough, and dropped before they were in a file of the lake."""
    acceptance: Acceptance | None
    spilled: tuple[Run, ...] = ()
    """Runs that are in the object store in place of the ledger, by their sequence; looked for where something is missing."""
    missing: tuple[Gap, ...] = ()
    """The missing runs by name, the first of them where they are many."""

    @property
    def accepted(self) -> int | None:
        """Records that the node owed by its own count; of one that lives, as it last told."""
        return self.ended.accepted if self.ended is not None else self.told_accepted

    @property
    def journaled(self) -> int:
        """How many records the node has numbered, by all that is known: a lost host may have told more than it left."""
        said = self.ended.last_sequence if self.ended is not None else 0
        return max(said, self.told_journaled or 0, self.latest_sequence)

    @property
    def under_way(self) -> int:
        """Records that wait on the disk of a node that lives."""
        waits = self.ended is None and self.living is not Living.SILENT
        return self.journaled - self.latest_sequence if waits else 0

    @property
    def spilled_records(self) -> int:
        """Records that are safe in the object store, and not in the ledger yet."""
        return sum(run.count for run in self.spilled)

    @property
    def missing_records(self) -> int:
        """Numbered, not collected, not under way and not in the object store."""
        # What came in while the store was looked at may be counted in both.
        return max(0, self.journaled - self.under_way - self.collected - self.spilled_records)

    @property
    def seconds_at_risk(self) -> float:
        """For how long records may be missing that had no number anybody knows of."""
        return self.ended.seconds_at_risk if self.ended is not None else 0.0

    @property
    def verdict(self) -> Verdict:
        """What is to be said of it."""
        found = self._verdict()
        if found.balances or found is Verdict.SILENT or self.acceptance is None:
            return found
        covered = self.missing_records <= self.acceptance.missing
        covered &= self.seconds_at_risk <= self.acceptance.seconds_at_risk
        covered &= self.unexplained <= self.acceptance.unexplained
        return Verdict.ACCEPTED if covered else found

    @property
    def unexplained(self) -> int:
        """Records by which the sums differ from what was collected, and the journal from what was accepted."""
        return abs(self.collected - self.rolled_up) + self._not_journaled()

    def _verdict(self) -> Verdict:
        if self.unexplained:
            return Verdict.UNEVEN
        if self.ended is None and self.living is Living.SILENT:
            return Verdict.SILENT
        if self.missing_records:
            return Verdict.MISSING
        if self.ended is not None and self.ended.end == HOST_LOST:
            return Verdict.AT_RISK
        if self.ended is None:
            return Verdict.OPEN
        return Verdict.SPILLED if self.spilled else Verdict.WHOLE

    def _not_journaled(self) -> int:
        """Tell by how much an epoch that ended by itself has not numbered what it accepted.

        A call that was just taking its slot when the process was killed left a record and may not be counted.
        """
        if self.ended is None or self.ended.accepted is None:
            return 0
        more = self.ended.accepted - self.ended.last_sequence
        return abs(more) if self.ended.end == "clean" else max(0, more)


@dataclass(frozen=True, slots=True)
class Totals:
    """Calls that the collected records stand for, and what the sums of every grain say that they are."""

    collected: int
    summed_up: tuple[int, ...]
    """Fresh and folded together, by months and by days; empty where the oldest are dropped."""

    @property
    def balanced(self) -> bool:
        """Whether every sum says the same as the records."""
        return all(one == self.collected for one in self.summed_up)
