"""How long a key may live, and when it counts as forgotten. Pure rules, like `domain`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from portazgo.kit.clock import rfc3339
from portazgo.kit.durations import format_duration

LONGEST_NOTICE = timedelta(days=14)


def latest_expiry(secret_made_at: datetime, max_age: timedelta | None) -> datetime | None:
    """Tell how late a key may end whose current secret was made then; None: whenever.

    A key's age is that of its secret, which is what can leak: a rotated key may live as long again.
    """
    return None if max_age is None else secret_made_at + max_age


def bounded_expiry(wanted: datetime | None, latest: datetime | None, max_age: timedelta | None) -> datetime | None:
    """Return the expiry within the operator's bound: the latest one where none is wanted. Raises ValueError."""
    if latest is None or max_age is None:
        return wanted
    if wanted is not None and wanted > latest:
        raise ValueError(
            f"a key lives {format_duration(max_age)} at most (PORTAZGO_KEY_MAX_AGE): this one until {rfc3339(latest)}"
        )
    return wanted or latest


@dataclass(frozen=True, slots=True)
class Dormancy:
    """A key that is not used for `after` is disabled, and announced before: `notice` is how long before, at least."""

    after: timedelta

    @property
    def notice(self) -> timedelta:
        """Two weeks, or half of what is short."""
        return min(LONGEST_NOTICE, self.after / 2)

    def is_to_be_announced(self, quiet_since: datetime, announced_at: datetime | None, now: datetime) -> bool:
        """Tell whether it is time to say so. A notice of an earlier silence says nothing of this one."""
        told = announced_at is not None and announced_at >= quiet_since
        return not told and now >= quiet_since + self.after - self.notice

    def ends_at(self, quiet_since: datetime, announced_at: datetime | None) -> datetime:
        """Tell when the key is disabled unless it is used. However late the notice came, there is time after it."""
        usual = quiet_since + self.after
        if announced_at is None or announced_at < quiet_since:
            return usual
        return max(usual, announced_at + self.notice)


def quiet_since(created_at: datetime, enabled_at: datetime | None, last_used_at: datetime | None) -> datetime:
    """Tell since when a key has not been used: being made and being enabled count like a use."""
    return max(moment for moment in (created_at, enabled_at, last_used_at) if moment is not None)
