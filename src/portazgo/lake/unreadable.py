"""What could not be read is left out, so that it holds up nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from portazgo.kit.clock import Clock

AGAIN_AFTER = timedelta(hours=1)
"""Then it is tried, and told of, again: somebody may have brought it back from a copy."""

Named = TypeVar("Named")


class Unreadable(Generic[Named]):
    """Remembers segments by their manifests, or files by their names, since this worker began."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[Named, datetime] = {}

    def add(self, one: Named) -> None:
        """Leave it out from now on, for a while."""
        self._until[one] = self._clock.now() + AGAIN_AFTER

    def left_out(self) -> list[Named]:
        """Give what is left out at this moment."""
        now = self._clock.now()
        self._until = {one: until for one, until in self._until.items() if until > now}
        return list(self._until)
