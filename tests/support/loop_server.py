"""A server of the tests' own on asyncio, on a free port of loopback, in a thread of its own."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from typing import Self


class LoopServer:
    """Start it with `with`. Whoever serves says how in `_connection`."""

    port: int = 0
    tls: ssl.SSLContext | None = None
    read_ahead = 1 << 16

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        if not ready.wait(10):
            raise RuntimeError(f"the {type(self).__name__} did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self.call_soon(self._stop.set)
        self._thread.join(10)

    def call_soon(self, what: Callable[[], object]) -> None:
        """Do something where the connections live."""
        self._loop.call_soon_threadsafe(what)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, ssl=self.tls, limit=self.read_ahead)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stop.wait()
        server.close()
        await self._end()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError

    async def _end(self) -> None:
        """See to what is still under way."""
