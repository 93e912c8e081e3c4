"""When something was seen, and in how many answers: what is told again is added up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from portazgo.contracts.models import RecordedBody, SchemaDrift

FIELDS = ("answers", "first_seen", "last_seen")
"""Of a row."""


@dataclass(frozen=True, slots=True)
class Sightings:
    """In how many answers, from when to when."""

    answers: int
    first_seen: datetime
    last_seen: datetime

    def until(self, now: datetime) -> Sightings:
        """Give them by our own clock, where a node's is ahead."""
        return Sightings(self.answers, min(self.first_seen, now), min(self.last_seen, now))

    def add_to(self, row: RecordedBody | SchemaDrift) -> None:
        """Add them to a row, which the caller saves."""
        row.answers += self.answers
        row.first_seen = min(row.first_seen, self.first_seen)
        row.last_seen = max(row.last_seen, self.last_seen)
