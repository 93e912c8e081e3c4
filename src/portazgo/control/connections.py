"""How many connections both ports hold, and for how long one that asks for nothing.

Nobody has shown a token yet who connects, sends nothing or a byte now and then: such a connection is closed when its request
is too long in coming, however often a byte of it arrives, and where there is no room for another, the oldest of them goes.
Those that are being answered, waiting polls among them, are left alone.
"""

from __future__ import annotations

import asyncio
import resource
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.protocols.http.h11_impl import RequestResponseCycle
    from uvicorn.server import ServerState

# A connection costs next to nothing, and one that sends nothing must not keep others out: room for many, not for long.
CONNECTIONS_AT_MOST = 1_000
CONNECTIONS_AT_LEAST = 100
# Of what the process may open: databases, the internal listener with its waiting polls, logs.
DESCRIPTORS_FOR_THE_REST = 512
NODE_CONNECTIONS_AT_MOST = 10_000
DESCRIPTORS_BESIDE_NODES = 128
HEAD_SECONDS = 10
"""From a connection's beginning, or the end of the answer before, to the end of a request's head."""
BODY_SECONDS = 120.0
"""From the first byte of a request to the admin port to the last of its body."""

LARGEST_HEAD_BYTES = 64 * 1024
LARGE_BODY_BYTES = 64 * 1024
"""What is larger lies in a file while it comes: a descriptor, and room on the disk, before anybody looks at a token."""
LARGE_BODIES_AT_MOST = 32
"""So many come at once; for another the one goes that has come for longest."""


def connections_at_most() -> int:
    """Say how many connections the admin port holds: many, and never so many that databases or nodes find no descriptor."""
    may_open = _may_open()
    if may_open is None:
        return CONNECTIONS_AT_MOST
    return max(CONNECTIONS_AT_LEAST, min(CONNECTIONS_AT_MOST, may_open - DESCRIPTORS_FOR_THE_REST))


def node_connections_at_most() -> int:
    """Say how many the internal listener holds, beside those of the admin port and the databases."""
    may_open = _may_open()
    if may_open is None:
        return NODE_CONNECTIONS_AT_MOST
    left = may_open - connections_at_most() - DESCRIPTORS_BESIDE_NODES
    return max(CONNECTIONS_AT_LEAST, min(NODE_CONNECTIONS_AT_MOST, left))


def _may_open() -> int | None:
    may_open, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if may_open == resource.RLIM_INFINITY else may_open


def bounded_protocol(at_most: int) -> type[asyncio.Protocol]:
    """Give what uvicorn makes a connection with, of which it holds so many."""
    return cast("type[asyncio.Protocol]", partial(BoundedProtocol, at_most, {}))


class BoundedProtocol(H11Protocol):
    """A connection of the internal listener. uvicorn itself waits for a head for ever, and counts none."""

    def __init__(
        self,
        at_most: int,
        silent: dict[BoundedProtocol, None],
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """`silent`: those that have no request under way, the oldest first; of all connections of a server."""
        super().__init__(config, server_state, app_state, _loop)
        self._at_most = at_most
        self._silent = silent
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin, and make room."""
        super().connection_made(transport)
        self._look()
        if len(self.connections) > self._at_most:
            next(iter(self._silent), self).give_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        super().connection_lost(exc)
        self._speaks()

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        """See whether a request is under way; if none is, the time for its head goes on, or begins."""
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn says that there always is one
        if cycle is not None and not cycle.response_complete:
            self._speaks()
        elif self._head_timer is None and not self.transport.is_closing():
            self._silent[self] = None
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.give_up)

    def _speaks(self) -> None:
        self._silent.pop(self, None)
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def give_up(self) -> None:
        """Close it, because nothing comes or another needs its place."""
        self._speaks()
        # Nothing is under way that somebody waits for, and closing TLS politely would wait for the other side.
        self.transport.abort()
