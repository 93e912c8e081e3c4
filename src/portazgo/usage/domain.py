"""Rules of the ledger: what is missing from an epoch, and whether it balances. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, order=True)
class Run:
    """Records `first` to `last` of an epoch, both included; sequences begin at 1 and have no gaps on the node."""

    first: int
    last: int

    @property
    def count(self) -> int:
        """How many records."""
        return self.last - self.first + 1


def gaps(runs: Iterable[Run], last_sequence: int | None) -> list[Run]:
    """Name what is missing of an epoch; `last_sequence` is where the node says that it ended, None while it goes on."""
    missing = []
    due = 1
    for run in sorted(runs):
        if run.first > due:
            missing.append(Run(due, run.first - 1))
        due = max(due, run.last + 1)
    if last_sequence is not None and last_sequence >= due:
        missing.append(Run(due, last_sequence))
    return missing


@dataclass(frozen=True, slots=True)
class Balance:
    """An epoch's account: what the node has numbered, what was collected, what is summed up, what is missing."""

    node: UUID
    epoch: UUID
    end: str | None
    """`clean`, `killed`, `host_lost`; None while it goes on."""
    last_sequence: int
    collected: int
    rolled_up: int
    missing: tuple[Run, ...]

    @property
    def balanced(self) -> bool:
        """Whether every record that is known of is here, once, and in the sums."""
        return not self.missing and self.collected == self.last_sequence == self.rolled_up


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
