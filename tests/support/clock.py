"""A clock of the tests' own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.wall = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
        self.seconds = 1_000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    def move(self, step: timedelta) -> None:
        self.wall += step
        self.seconds += step.total_seconds()
