"""What versions are called and in which states they are. Pure rules."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum

VERSION_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(\.[1-9][0-9]{0,3})?$"
_SAME_DAY = re.compile(r"\.([0-9]+)$")


class State(StrEnum):
    """What a version is to those who call."""

    PUBLISHED = "published"
    DEPRECATED = "deprecated"
    """It is served as before; partners are told so, and until when."""
    RETIRED = "retired"
    """No node has it."""


def state_of(*, deprecated_at: datetime | None, retired_at: datetime | None) -> State:
    """Tell a version's state from its times."""
    if retired_at is not None:
        return State.RETIRED
    return State.PUBLISHED if deprecated_at is None else State.DEPRECATED


def next_name(day: date, taken: Iterable[str]) -> str:
    """Name a version after the day: `2026-11-26`, and when that is taken `2026-11-26.2`, `.3` and so on."""
    plain = day.isoformat()
    numbers = [int(found[1]) if (found := _SAME_DAY.search(name)) else 1 for name in taken if name.startswith(plain)]
    return plain if not numbers else f"{plain}.{max(numbers) + 1}"


def age_of(name: str) -> tuple[str, int]:
    """Give what sorts versions' names by time: `2026-11-26.10` comes after `2026-11-26.9`."""
    day, _, number = name.partition(".")
    return day, int(number or 1)
