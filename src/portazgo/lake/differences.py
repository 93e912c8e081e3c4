"""Members of a record that the lake holds as differences, and how they come back from it, exactly.

A record has clocks: the microseconds from the call's begin until each phase was reached. A phase lasts until the next one
that was reached, the last one until the end. The lake holds how long each took; only of `forward_connect`, the wait for the
backend, what of the duration is left without it (`own_us`), which is smaller. `arrow.py` goes the other way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PHASES = (
    "framing",
    "route",
    "authenticate",
    "authorize",
    "limit",
    "transform_request",
    "credential",
    "forward_connect",
    "forward_first_byte",
    "respond",
)
"""In the order in which they are reached."""
WAIT = "forward_connect"
COLUMNS_OF_PHASES = {phase: "own_us" if phase == WAIT else f"phase_{phase}_us" for phase in PHASES}
DIFFERENCES = frozenset({"duration_us", "own_bytes_out", *COLUMNS_OF_PHASES.values()})
"""The columns that hold no member as it is."""


def members_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give the members that a row holds as differences. `row`: by the names of columns, times in microseconds."""
    return {
        "finished_at_us": row["started_at"] + row["duration_us"],
        "backend_bytes_in": row["bytes_out"] - row["own_bytes_out"],
        "phases": _clocks(row),
    }


def _clocks(row: Mapping[str, Any]) -> dict[str, int]:
    """Tell when each phase was reached that was."""
    reached: dict[str, int] = {}
    ended = duration = int(row["duration_us"])
    for phase in reversed(PHASES):
        held = row[COLUMNS_OF_PHASES[phase]]
        if held is not None:
            ended -= duration - held if phase == WAIT else held
            reached[f"{phase}_us"] = ended
    return dict(reversed(reached.items()))
