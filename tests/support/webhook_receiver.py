"""A receiver of webhooks on loopback that keeps what it got, and answers as it is told: refusals, delays, a hung call."""

from __future__ import annotations

import json
import ssl
import threading
import time
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from support.certificates import Identity
from support.loopback import QuietHandler

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Message:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document

    @property
    def identifier(self) -> str:
        return self.headers["webhook-id"]


class WebhookReceiver:
    """`answers` are the statuses to come, then `status`; `headers` go with each. `hang` holds every call until it is set.

    With `tls_folder` it speaks TLS, by a certificate for 127.0.0.1 that its `authority` file there vouches for.
    """

    def __init__(self, tls_folder: Path | None = None) -> None:
        self.messages: list[Message] = []
        self.answers: list[int] = []
        self.status = 204
        self.headers: dict[str, str] = {}
        self.hang: threading.Event | None = None
        self.began = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        scheme = "http"
        if tls_folder is not None:
            authority = Identity.authority()
            self.authority = tls_folder / "authority.pem"
            self.authority.write_text(authority.pem)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*authority.server("127.0.0.1").write(tls_folder, "receiver"))
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.port = self._server.server_address[1]
        self.url = f"{scheme}://127.0.0.1:{self.port}/hook"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.hang is not None:
            self.hang.set()
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, count: int) -> list[Message]:
        """Wait until so many messages are there."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.messages) < count:
            assert time.monotonic() < deadline, f"{len(self.messages)} of {count} messages came"
            time.sleep(0.02)
        return self.messages

    @property
    def types(self) -> list[str]:
        return [message.event["type"] for message in self.messages]


def _handler(receiver: WebhookReceiver) -> type[QuietHandler]:
    class Handler(QuietHandler):
        def do_POST(self) -> None:  # noqa: N802 - what http.server calls
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.messages.append(Message(self.path, headers, body))
            receiver.began.set()
            if receiver.hang is not None:
                receiver.hang.wait(PATIENCE_SECONDS)
            self.send_response(receiver.answers.pop(0) if receiver.answers else receiver.status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler
