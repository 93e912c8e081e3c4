"""How often keys of a plan are to be rotated, and what becomes of a secret that is not (ADR 37). Pure rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Self

from portazgo.kit.durations import format_duration, parse_duration

DAY = timedelta(days=1)
EVERY = (DAY, 3_650 * DAY)
GRACE = (timedelta(0), 30 * DAY)
END_AFTER = (DAY, 365 * DAY)
"""At least a day: whoever is cut off is told a day before."""


@dataclass(frozen=True, slots=True)
class RotationPolicy:
    """A secret is due `every` after it was made.

    `grace` is how long the old secret works where a rotation says nothing (None: the operator's default). `end_after` is
    how long a secret that is due goes on working, counted from when its owner was told (None: for ever).
    """

    every_seconds: int
    grace_seconds: int | None = None
    end_after_seconds: int | None = None

    @property
    def every(self) -> timedelta:
        """How old a secret is when it is due."""
        return timedelta(seconds=self.every_seconds)

    @property
    def grace(self) -> timedelta | None:
        """How long an old secret works."""
        return None if self.grace_seconds is None else timedelta(seconds=self.grace_seconds)

    @property
    def end_after(self) -> timedelta | None:
        """How long a secret that is due works."""
        return None if self.end_after_seconds is None else timedelta(seconds=self.end_after_seconds)

    @classmethod
    def read(cls, every: str, grace: str | None = None, end_after: str | None = None) -> Self:
        """Read `90d`, `14d`, … Raises ValueError with a sentence."""
        return cls(
            _seconds("every", every, EVERY),
            None if grace is None else _seconds("grace", grace, GRACE),
            None if end_after is None else _seconds("end_after", end_after, END_AFTER),
        )

    @classmethod
    def stored(cls, document: Mapping[str, Any] | None) -> Self | None:
        """Read what a row has; None of None."""
        return None if document is None else cls(**document)

    def document(self) -> dict[str, Any]:
        """Give what a row has of it."""
        return asdict(self)

    def words(self) -> dict[str, str]:
        """Write it as a person would, `{"every": "90d", …}`; what is None is left out."""
        lengths = {"every": self.every, "grace": self.grace, "end_after": self.end_after}
        return {name: format_duration(length) for name, length in lengths.items() if length is not None}


def _seconds(name: str, text: str, bounds: tuple[timedelta, timedelta]) -> int:
    length = parse_duration(text)
    if not bounds[0] <= length <= bounds[1]:
        least, most = (format_duration(bound) for bound in bounds)
        raise ValueError(f"{name} is {least} to {most}")
    return int(length.total_seconds())
