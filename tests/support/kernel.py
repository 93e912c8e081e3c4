"""What the kernel holds of bytes on their way, whoever reads them."""

from __future__ import annotations

import socket
from pathlib import Path

READER_BYTES = 1 << 16


def unread_bytes() -> int:
    """How many bytes may be on their way to a `slow_reader`: tcp(7) gives the limits, of which machines have their own.

    The backend's and the node's sending side, the node's receiving side, and the reader's, which is twice what it asks for.
    """
    sending, receiving = (
        int(Path(f"/proc/sys/net/ipv4/{limits}").read_text().split()[2]) for limits in ("tcp_wmem", "tcp_rmem")
    )
    return 2 * sending + receiving + 2 * READER_BYTES


def slow_reader(port: int, seconds: float) -> socket.socket:
    """Connect as a client for which the kernel keeps little; it waits so long for anything."""
    connection = socket.socket()
    connection.settimeout(seconds)
    # Before it is connected: later it changes nothing that the other side was told.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READER_BYTES)
    connection.connect(("127.0.0.1", port))
    return connection
