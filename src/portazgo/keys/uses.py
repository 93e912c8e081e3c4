"""Who still uses a retiring secret: the port through which this noun asks the ledger, which lies above it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller with a retiring secret, as far as callers can be told apart: by address and user agent."""

    address: str | None
    user_agent: str | None
    route: str | None
    """What it called last, as `api/route`; the route's id where the route is gone."""
    requests: int
    refused: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Uses:
    """What the collected records tell of a retiring secret. Callers: who called last comes first."""

    requests: int
    """Calls that the secret was accepted for."""
    refused: int
    """Calls that were refused because it, or its key, was dead by then."""
    last_used_at: datetime | None
    """None: it was never accepted since the rotation."""
    callers: tuple[Caller, ...]


Reader = Callable[[str, datetime], Uses]
"""Gives the uses of a kid's retiring secret since a moment."""

_readers: list[Reader] = []


def register_reader(reader: Reader) -> None:
    """Say who reads uses. Called once, at start."""
    _readers[:] = [reader]


def uses_since(kid: str, rotated_at: datetime) -> Uses:
    """Read the uses of a kid's retiring secret since it began to retire."""
    (reader,) = _readers
    return reader(kid, rotated_at)
