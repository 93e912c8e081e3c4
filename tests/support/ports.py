"""Ports on loopback for the servers that tests start."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path

from portazgo.roles.ports import LOOPBACK

# Below those that the product picks for itself, and those of outgoing connections.
_RANGE = range(10_000, 20_000)
_TURN = Path(tempfile.gettempdir()) / f"portazgo-test-ports-{os.getuid()}"


def free_port() -> int:
    """Find a port that nothing listens on, and that no test of this machine gets again before the range was gone round.

    Ports at random met each other: several processes of tests choose at a time, and a server takes seconds to listen.
    """
    with _TURN.open("a+") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        turn.seek(0)
        last = int(turn.read() or _RANGE[-1])
        port = next(port for port in _after(last) if _is_free(port))
        turn.truncate(0)
        turn.write(str(port))
        return port


def _after(last: int) -> list[int]:
    at = _RANGE.index(last) + 1
    return [*_RANGE[at:], *_RANGE[:at]]


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
