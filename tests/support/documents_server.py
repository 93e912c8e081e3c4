"""A web server that hands out documents in unfriendly ways: redirects, drips, bombs. On loopback, on a free port."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MEGABYTE = 1024 * 1024


class DocumentsServer:
    """`url` is its address; `answers` say what each path gets; `seen` lists the paths that were asked for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.port = int(url.rpartition(":")[2])
        self.documents: dict[str, Any] = {}
        self.redirects: dict[str, str] = {}
        self.seen: list[str] = []


@contextmanager
def documents_server() -> Iterator[DocumentsServer]:
    """Serve while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    told = DocumentsServer(f"http://127.0.0.1:{server.server_address[1]}")
    server.told = told  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.told: DocumentsServer = self.server.told  # type: ignore[attr-defined]
        self.told.seen.append(self.path)
        with suppress(OSError):
            self._answer()

    def _answer(self) -> None:
        if self.path in self.told.redirects:
            self._send(302, b"", Location=self.told.redirects[self.path])
        elif self.path == "/bomb":
            self._send(200, gzip.compress(bytes(200 * MEGABYTE), 9), Content_Encoding="gzip")
        elif self.path == "/huge":
            self._send(200, b" " * (6 * MEGABYTE))
        elif self.path == "/drip":
            self.send_response(200)
            self.end_headers()
            self._drip(b"{")
        elif self.path == "/drip-head":
            self._drip(b"X")
        elif self.path in self.told.documents:
            document = self.told.documents[self.path]
            self._send(200, document if isinstance(document, bytes) else json.dumps(document).encode())
        else:
            self._send(404, b"")

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _drip(self, byte: bytes) -> None:
        # A byte now and then, so that no wait for the next one is ever long. It ends with the connection, or after 30 s.
        for _ in range(300):
            self.wfile.write(byte)
            self.wfile.flush()
            time.sleep(0.1)
