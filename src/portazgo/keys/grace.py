"""When the old secret of a rotated key ends: within which bounds, and what may still be done about it. Pure rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from portazgo.kit.clock import rfc3339
from portazgo.kit.durations import format_duration
from portazgo.kit.errors import Conflict

LONGEST_GRACE = timedelta(days=30)
ENDED_KEPT = timedelta(days=1)
"""An ended secret stays known for so long, refused: the record of a late call then says whose old secret it was."""


@dataclass(frozen=True, slots=True)
class GraceBounds:
    """What the operator allows, and what holds where nobody chooses."""

    least: timedelta
    most: timedelta
    usual: timedelta

    def check(self, grace: timedelta) -> timedelta:
        """Return a grace that is allowed. Raises Conflict (`grace_out_of_bounds`)."""
        if not self.least <= grace <= self.most:
            raise self._out_of_bounds(f"a grace of {format_duration(grace)} is not allowed here")
        return grace

    def usual_for(self, wanted: timedelta | None) -> timedelta:
        """Give the grace of a rotation that says nothing: what its plan wants, or the nearest that is allowed."""
        return self.usual if wanted is None else min(max(wanted, self.least), self.most)

    def check_end(self, ends_at: datetime, rotated_at: datetime) -> datetime:
        """Return an end that lies within the most after the rotation. Raises Conflict (`grace_out_of_bounds`).

        The whole grace is bounded, however often it is extended: whoever bounds it expects the old secret dead by then.
        """
        latest = rotated_at + self.most
        if ends_at > latest:
            raise self._out_of_bounds(f"the old secret can live until {rfc3339(latest)} at the latest")
        return ends_at

    def latest_end(self, schedule_ends_at: datetime | None) -> datetime | None:
        """Tell until when a rotation can let a secret live to which its schedule gave an end; None: it gave none.

        However often it is rotated and cancelled, that end is put off by the longest grace once.
        """
        return None if schedule_ends_at is None else schedule_ends_at + self.most

    def _out_of_bounds(self, sentence: str) -> Conflict:
        least, most = format_duration(self.least), format_duration(self.most)
        return Conflict(
            f"{sentence}: the operator's bounds are {least} to {most}, counted from the rotation",
            code="grace_out_of_bounds",
            remedy="choose a grace within them; PORTAZGO_ROTATION_LEAST_GRACE and PORTAZGO_ROTATION_MOST_GRACE set them",
            least=least,
            most=most,
        )


def end_of_grace(now: datetime, grace: timedelta, *ends: datetime | None) -> datetime:
    """Tell when a secret ends that retires now.

    `ends` are the key's own end and the secret's: a grace past them would promise what the gateway won't keep.
    """
    return min([now + grace, *(end for end in ends if end is not None)])


def is_over(ends_at: datetime | None, now: datetime) -> bool:
    """Tell whether a secret has ended; the gateway asks the same of `ends_at_us` (None: it has no end)."""
    return ends_at is not None and now >= ends_at
