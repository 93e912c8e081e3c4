"""How many requests of partners are answered at once, so that a thread is left to operators whatever partners ask for.

A page of calls or a sum may take seconds. The admin port has few threads, and whoever revokes a key must not wait behind them.
"""

from __future__ import annotations

import threading
from collections import Counter

from portazgo.kit.errors import Unavailable

OF_A_PARTNER = 4
OF_PARTNERS = 6
"""Fewer than `server.API_THREADS`."""


class Turns:
    """Whose requests are being answered. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    def take(self, partner: str) -> None:
        """Begin to answer one. Raises Unavailable at once where there are enough."""
        with self._lock:
            if self._taken[partner] >= OF_A_PARTNER or self._taken.total() >= OF_PARTNERS:
                raise Unavailable(
                    "other requests of partners are being answered",
                    code="partners_busy",
                    remedy="try again in a second",
                )
            self._taken[partner] += 1

    def give_back(self, partner: str) -> None:
        """Have answered it."""
        with self._lock:
            self._taken[partner] -= 1
            if not self._taken[partner]:
                del self._taken[partner]


turns = Turns()
