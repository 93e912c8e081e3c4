"""Tells listeners in this process that the log went on. Across processes PostgreSQL's NOTIFY does it, and a poll."""

from __future__ import annotations

import threading
from collections.abc import Callable

CHANNEL = "portazgo_changes"

Listener = Callable[[], None]

_listeners: list[Listener] = []
_lock = threading.Lock()


def listen(listener: Listener) -> Callable[[], None]:
    """Have `listener` called after each commit, in the committing thread: it must not block. Returns what ends it."""
    with _lock:
        _listeners.append(listener)

    def end() -> None:
        with _lock:
            # Ending twice is fine: whoever stops the process and whoever closes the listener both do it.
            if listener in _listeners:
                _listeners.remove(listener)

    return end


def wake() -> None:
    """Call every listener."""
    with _lock:
        listeners = list(_listeners)
    for listener in listeners:
        listener()
