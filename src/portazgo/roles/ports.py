"""Ports on loopback: which are free, which answer."""

from __future__ import annotations

import secrets
import socket
from contextlib import ExitStack, suppress

import urllib3

LOOPBACK = "127.0.0.1"
# Below the ports of outgoing connections of Linux, macOS and Windows, above those of well-known services.
_RARELY_TAKEN = range(20_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Find as many ports on loopback that nothing listens on right now; no two are the same.

    None of those that the system gives to outgoing connections: one of them may be taken before its server has begun.
    """
    with ExitStack() as held:
        found: list[int] = []
        while len(found) < count:
            probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            with suppress(OSError):
                probe.bind((LOOPBACK, secrets.choice(_RARELY_TAKEN)))
                found.append(probe.getsockname()[1])
        return found


def bind_trouble(host: str, port: int) -> OSError | None:
    """Tell why this address can't be listened on; None: it can."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of an earlier process in TIME_WAIT are no reason to refuse.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            return problem
    return None


def answers(url: str, *, seconds: float = 1.0) -> bool:
    """Tell whether a GET on this address answers 2xx within the time."""
    try:
        answer = urllib3.request("GET", url, timeout=urllib3.Timeout(total=seconds), retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    return 200 <= answer.status < 300  # noqa: PLR2004 - HTTP's own borders
