"""A supervised part: one child process, when it counts as ready, and how long it may take to end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Probe = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Part:
    """One process of a group.

    `stop_order` says when it is told to end: lower first, so that a gateway can still ship its records to the
    control plane that ends after it. `stop_seconds` is what it gets between SIGTERM and SIGKILL.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Probe | None = None
    stop_order: int = 0
    stop_seconds: float = 5.0
    log: Path | None = None
    """Where its output goes; None: the group's own output."""


def portazgo_command(*words: str) -> tuple[str, ...]:
    """Spell the command line that starts another Portazgo process with this interpreter."""
    return (sys.executable, "-m", "portazgo", *words)
