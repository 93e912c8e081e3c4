"""Proves, before anything is timed, that a contender does what its row says: an echoing origin tells what reached it."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from peers.contenders import Contender

PATH = "/v1/orders/12345?expand=items"
REFUSALS = frozenset({401, 403})
PATIENCE_SECONDS = 10
BEARER_BYTES = 200


class NoParity(Exception):
    """A contender does less, or other, than its row says."""


@dataclass(slots=True)
class Origin:
    """An origin that remembers the headers of the last request."""

    port: int
    seen: dict[str, str]


@contextmanager
def echoing_origin() -> Iterator[Origin]:
    """Serve on a free port."""
    seen: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.clear()
            seen.update((name.lower(), value) for name, value in self.headers.items())
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Origin(server.server_address[1], seen)
    finally:
        server.shutdown()
        server.server_close()


def prove(contender: Contender, port: int, key: str, origin: Origin) -> None:
    """Call with the right key, another and none. Raises NoParity."""
    secure = contender.load.tls
    if (status := _status(port, key, secure=secure)) != http.client.OK:
        raise NoParity(f"{contender.name}: {status} with a good key")
    arrived = dict(origin.seen)
    if not contender.checks_keys:
        _expect(contender, arrived.get("x-api-key") == key, "passes the key on")
        return
    _expect(contender, "x-api-key" not in arrived, "keeps the key from the backend")
    wants_bearer = contender.variant.credential
    bearer = len(arrived.get("authorization", "")) > BEARER_BYTES
    _expect(contender, bearer == wants_bearer, f"{'sends a' if wants_bearer else 'sends no'} bearer token")
    stranger = key[:-8] + "AAAAAAAA"
    for presented in (stranger, None):
        origin.seen.clear()
        _expect(contender, _status(port, presented, secure=secure) in REFUSALS, f"refuses {presented or 'no key'}")
        _expect(contender, not origin.seen, "keeps refused calls from the backend")


def _status(port: int, key: str | None, *, secure: bool) -> int:
    connection: http.client.HTTPConnection
    if secure:
        unverified = ssl.create_default_context()
        unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS, context=unverified)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", PATH, headers={} if key is None else {"X-Api-Key": key})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def _expect(contender: Contender, holds: bool, what: str) -> None:  # noqa: FBT001 - a condition
    if not holds:
        raise NoParity(f"it is not so that {contender.name} {what}")
