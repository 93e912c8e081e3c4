"""The control plane as a node sees it (docs/wire.md, section 3), with a log that a benchmark writes one change at a time.

Who follows it is the real node: it polls, applies, keeps what it was told on its disk, and sends its receipt.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from portazgo.snapshot.compile import Revision, canonical, chain, changes_head, page_of_changes, with_hash
from portazgo.snapshot.wire import NO_HASH, Resource

POLL_SECONDS = 10.0
PIECE_BYTES = 1 << 20
STORED = b'{"stored": true}'


@dataclass(slots=True)
class Feed:
    """One snapshot, and what was changed since; receipts tell how far a node is."""

    snapshot: Path
    history: str = ""
    revision: int = 1
    asked_at: float = 0.0
    """When the snapshot was asked for, by the monotonic clock."""
    _page: bytes = b""
    _hash: str = NO_HASH
    _security: int = 0
    _confirmed: int = 0
    _refused: Any = None
    _news: threading.Condition = field(default_factory=threading.Condition)
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        with self.snapshot.open() as file:
            self.history = json.loads(file.readline())["history"]
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    @property
    def url(self) -> str:
        """Where it is."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_port}"

    def change(self, put: Sequence[Resource], revoked: str | None = None) -> float:
        """Write a revision, and in the security lane that a key is revoked. Returns the seconds until the receipt."""
        with self._news:
            line = canonical(Revision(self.revision + 1, put, ()).document())
            after, self.revision = self.revision, self.revision + 1
            self._hash = chain(self._hash, line)
            lines = [with_hash(line, self._hash)]
            if revoked is not None:
                self._security += 1
                lines.append(canonical({"security": self._entry(revoked)}))
            self._page = page_of_changes(changes_head(self.history, after, self.revision, self._hash), lines)
            self._news.notify_all()
        began = time.monotonic()
        self.await_receipt(POLL_SECONDS)
        return time.monotonic() - began

    def await_receipt(self, seconds: float) -> None:
        """Wait until the node has confirmed the newest revision. Raises RuntimeError when it did not, or refused it."""
        with self._news:
            self._news.wait_for(lambda: self._refused or self._confirmed >= self.revision, seconds)
            if self._confirmed < self.revision:
                raise RuntimeError(f"the node did not confirm revision {self.revision} in time: {self._refused}")

    def _entry(self, kid: str) -> dict[str, Any]:
        at = "2026-01-01T00:00:00Z"
        return {
            "sequence": self._security,
            "revision": self.revision,
            "operation": "revoke_key",
            "id": kid,
            "at": at,
        }

    def page_after(self, revision: int) -> bytes | None:
        """Give the change that follows; waits for it as a long poll does. None: there was none in time."""
        with self._news:
            self._news.wait_for(lambda: self.revision > revision, POLL_SECONDS)
            return self._page if self.revision == revision + 1 else None

    def take_receipt(self, receipt: dict[str, Any]) -> None:
        """Note how far the node is, and what it refused."""
        with self._news:
            self._confirmed, self._refused = receipt["revision"], receipt["refused"]
            self._news.notify_all()


def _handler(of: Feed) -> type[_Handler]:
    return type("Handler", (_Handler,), {"feed": of})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    feed: Feed

    def do_GET(self) -> None:
        target = urlsplit(self.path)
        if target.path == "/internal/v1/snapshot":
            self._send_snapshot()
            return
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        if query.get("history") != self.feed.history:
            # The question whether the token is known: any answer but a refusal will do.
            self._head(410, 0)
            return
        page = self.feed.page_after(int(query["after"]))
        with contextlib.suppress(ConnectionError):  # the node has ended meanwhile
            self._head(204 if page is None else 200, len(page or b""))
            self.wfile.write(page or b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/internal/v1/receipts":
            self.feed.take_receipt(json.loads(body))
        if self.path.startswith("/internal/v1/segments"):
            self._head(200, len(STORED))
            self.wfile.write(STORED)
        else:
            self._head(204, 0)

    def _send_snapshot(self) -> None:
        self.feed.asked_at = time.monotonic()
        self._head(200, self.feed.snapshot.stat().st_size)
        with self.feed.snapshot.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                self.wfile.write(piece)

    def _head(self, status: int, length: int) -> None:
        self.send_response(status)
        if status != 204:  # noqa: PLR2004 - HTTP's own number
            self.send_header("Content-Type", "application/x-ndjson")
            self.send_header("Content-Length", str(length))
        self.send_header("X-Portazgo-Time", str(time.time_ns() // 1000))
        self.send_header("X-Portazgo-Head", str(self.feed.revision))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass
