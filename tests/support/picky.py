"""Small backends that refuse, dawdle and misbehave in given ways, each on a port of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def backend(answer: Answer) -> Iterator[str]:
    """Serve every GET by `answer`; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def send(request: BaseHTTPRequestHandler, status: int, document: object, **headers: str) -> None:
    """Answer with JSON."""
    body = json.dumps(document).encode()
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def shared_secret_only(request: BaseHTTPRequestHandler) -> None:
    """Check the token as a backend does that was set up with a shared secret."""
    token = request.headers["Authorization"].removeprefix("Bearer ")
    try:
        jwt.decode(token, "a secret of thirty-two bytes, shared", algorithms=["HS256"], audience="insignia")
    except jwt.InvalidTokenError as problem:
        send(request, 401, {"detail": str(problem)}, WWW_Authenticate='Bearer error="invalid_token"')


def echoes(request: BaseHTTPRequestHandler) -> None:
    """Refuse, and repeat what was sent where everybody can read it."""
    sent = request.headers["Authorization"]
    send(request, 401, {"detail": f"bad token: {sent}\x1b[31m"}, WWW_Authenticate=f'Bearer error_description="{sent}"')


def redirects(request: BaseHTTPRequestHandler) -> None:
    """Send the caller elsewhere, where the token would be caught."""
    request.send_response(302)
    request.send_header("Location", "http://127.0.0.1:1/accounts/login/?next=/")
    request.send_header("Content-Length", "0")
    request.end_headers()


def floods(request: BaseHTTPRequestHandler) -> None:
    """Answer without an end."""
    request.send_response(200)
    request.end_headers()
    try:
        while True:
            request.wfile.write(b"x" * 65_536)
    except OSError:
        request.close_connection = True


def drips(request: BaseHTTPRequestHandler) -> None:
    """Send a head that never ends, a line at a time."""
    ended = threading.Event()
    try:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not ended.wait(0.5):
            request.wfile.write(b"X-More: 1\r\n")
    except OSError:
        request.close_connection = True


def no_http(request: BaseHTTPRequestHandler) -> None:
    """Speak something else."""
    request.wfile.write(b"-ERR unknown command\r\n")
    request.close_connection = True
