"""Compiled resources as the database has them, or had them last while it is away: whoever asks is answered in time.

A pool of connections to a server that is away waits for one for seconds, and backends that fetch key sets wait for less. So
another thread reads, all who ask meanwhile share what it finds, and nobody waits long who can be told what was read last.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta

from django.db import OperationalError, close_old_connections, connection

from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.snapshot.models import ResourceRow

KEPT_FOR = timedelta(days=1)
"""Nobody can take a signing key out of a database that is away; where only this process can't reach it, this is the bound."""
PATIENCE_SECONDS = 0.5

Rows = list[tuple[str, str]]
"""Identifiers and lines."""


@dataclass(frozen=True, slots=True)
class _Read:
    rows: Rows
    at: float


@dataclass(frozen=True, slots=True)
class _Reading:
    outcome: Future[Rows]
    since: float


class LastKnown:
    """Resources by their kind. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: dict[str, _Read] = {}
        self._readings: dict[str, _Reading] = {}

    def rows(self, kind: str) -> Rows:
        """Give all resources of a kind. Raises OperationalError where the database is away and nothing is known."""
        known = self._read.get(kind)
        if known is not None and SYSTEM_CLOCK.monotonic() - known.at > KEPT_FOR.total_seconds():
            known = None
        try:
            # A file is not away for seconds, and a further connection to it would have to be closed.
            return self._asked(kind) if connection.vendor == "sqlite" else self._awaited(kind, patient=known is None)
        except (OperationalError, TimeoutError):
            if known is None:
                raise
            return known.rows

    def _awaited(self, kind: str, *, patient: bool) -> Rows:
        """Wait for what is being read, or is now begun to be; patiently, or until it has taken long. Raises TimeoutError."""
        with self._lock:
            reading = self._readings.get(kind)
            if reading is None or reading.outcome.done():
                reading = self._readings[kind] = _Reading(Future(), SYSTEM_CLOCK.monotonic())
                threading.Thread(target=self._read_to, args=(kind, reading.outcome), daemon=True).start()
        left = max(0.0, reading.since + PATIENCE_SECONDS - SYSTEM_CLOCK.monotonic())
        return reading.outcome.result(None if patient else left)

    def _read_to(self, kind: str, outcome: Future[Rows]) -> None:
        # As Django does around a request: a connection that broke is replaced, a pooled one goes back.
        close_old_connections()
        try:
            rows = self._asked(kind)
        except Exception as problem:  # noqa: BLE001 - it is raised again where the outcome is awaited
            outcome.set_exception(problem)
        else:
            outcome.set_result(rows)
        finally:
            close_old_connections()

    def _asked(self, kind: str) -> Rows:
        at = SYSTEM_CLOCK.monotonic()
        rows = list(ResourceRow.objects.filter(kind=kind).values_list("identifier", "line"))
        self._read[kind] = _Read(rows, at)
        return rows
