"""Ports on loopback: which are free, which answer."""

from __future__ import annotations

import socket

import urllib3

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Find a port on loopback that nothing listens on right now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def port_taken(host: str, port: int) -> bool:
    """Tell whether something already listens on this address (or it can't be bound at all)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of an earlier process in TIME_WAIT are no reason to refuse.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def answers(url: str, *, seconds: float = 1.0) -> bool:
    """Tell whether a GET on this address answers 2xx within the time."""
    try:
        answer = urllib3.request("GET", url, timeout=urllib3.Timeout(total=seconds), retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    return 200 <= answer.status < 300  # noqa: PLR2004 - HTTP's own borders
