"""What a target is made of: `http://host:port`, `https://host:port`, or `unix:/path` of a socket on the own machine."""

from __future__ import annotations

USUAL_PORTS = {"http": 80, "https": 443}
UNIX = "unix:"


def is_socket(target: str) -> bool:
    """Tell whether a target is a Unix socket: a server on the node's own machine."""
    return target.startswith(UNIX)


def socket_path(target: str) -> str:
    """Give the path of a `unix:` target."""
    return target.removeprefix(UNIX)
