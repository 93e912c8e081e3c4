"""How much of leak reports is taken at once, and what was answered to a report that comes again. Of one process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import timedelta

PER_MINUTE = 2_000
"""Matches: more than GitHub finds, less than what would keep the database from revoking."""
REMEMBERED = 32
REMEMBERED_FOR = timedelta(hours=1)


class Allowance:
    """A bucket of matches that fills again over a minute."""

    def __init__(self, most: int = PER_MINUTE) -> None:
        self._most = most
        self._left = float(most)
        self._at: float | None = None
        self._lock = threading.Lock()

    def take(self, count: int, now: float) -> bool:
        """Take so many if they are there; `now` by a monotonic clock, in seconds."""
        with self._lock:
            passed = 0.0 if self._at is None else max(0.0, now - self._at)
            self._left, self._at = min(self._most, self._left + passed * self._most / 60), now
            if count > self._left:
                return False
            self._left -= count
            return True


class Answers:
    """The last answers by the digest of the signed body: a replay gets the same one, and does nothing."""

    def __init__(self) -> None:
        self._answers: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: bytes, now: float) -> bytes | None:
        """Give what was answered to this body within the hour."""
        with self._lock:
            at, answer = self._answers.get(digest, (0.0, None))
            return answer if answer is not None and now - at < REMEMBERED_FOR.total_seconds() else None

    def keep(self, digest: bytes, answer: bytes, now: float) -> None:
        """Remember an answer; the oldest goes."""
        with self._lock:
            self._answers[digest] = (now, answer)
            self._answers.move_to_end(digest)
            while len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
