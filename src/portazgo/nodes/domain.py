"""Has every node taken it in? Pure rules of propagation (design: receipts and contact leases)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

CLOCKS_APART = timedelta(seconds=5)
"""How far the clocks of two control planes may be apart: one dates a change, the other the receipt for it."""


class Standing(StrEnum):
    """What is known of a node about a change."""

    CONFIRMED = "confirmed"
    """Every data thread of it has loaded the change."""
    FENCED = "fenced"
    """Its contact lease ended before it heard of the change: by contract it refuses all calls."""
    UNPROVEN = "unproven"
    """It is silent, and may still serve what was before."""


@dataclass(frozen=True, slots=True)
class Target:
    """The change in question.

    `security` is its entry's sequence when it went through the security lane; `made_at` None: the log no longer says when.
    """

    history: str
    revision: int
    security: int | None
    made_at: datetime | None


@dataclass(frozen=True, slots=True)
class Applied:
    """One receipt, as far as it matters here."""

    history: str
    revision: int
    security: int
    received_at: datetime

    def covers(self, target: Target) -> bool:
        """Tell whether the change is part of what was applied. What came before the change was made can't speak of it."""
        if self.history != target.history or self._is_older_than(target):
            return False
        in_lane = target.security is not None and self.security >= target.security
        return in_lane or self.revision >= target.revision

    def _is_older_than(self, target: Target) -> bool:
        return target.made_at is not None and self.received_at < target.made_at - CLOCKS_APART


@dataclass(frozen=True, slots=True)
class Witness:
    """A node with its receipts, oldest first.

    `max_staleness` is the lease that it says it has itself; None: it serves without contact, or has not said.
    """

    id: str
    label: str
    contact_at: datetime
    max_staleness: timedelta | None
    receipts: Sequence[Applied]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of one node; `at`: since when confirmed or fenced, or when it will be fenced, or never by itself."""

    node: str
    label: str
    standing: Standing
    at: datetime | None


def judge(target: Target, node: Witness, now: datetime) -> Verdict:
    """Decide about one node; the silence of one that may serve without contact never becomes a fence.

    The lease runs from the *sending* of a node's last successful poll, which is never after `contact_at`; so that
    `contact_at` + lease is on the safe side.
    """
    confirmed = next((one for one in node.receipts if one.covers(target)), None)
    if confirmed is not None:
        return Verdict(node.id, node.label, Standing.CONFIRMED, confirmed.received_at)
    if node.max_staleness is None:
        return Verdict(node.id, node.label, Standing.UNPROVEN, None)
    ends_at = node.contact_at + node.max_staleness
    return Verdict(node.id, node.label, Standing.FENCED if now > ends_at else Standing.UNPROVEN, ends_at)


def proven(verdicts: Iterable[Verdict]) -> bool:
    """Tell whether no node is left that may still serve what was before; true of a deployment without nodes."""
    return all(verdict.standing is not Standing.UNPROVEN for verdict in verdicts)
