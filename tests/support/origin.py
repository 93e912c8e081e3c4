"""A backend of the tests' own that does what a test needs at byte level: big, slow, waiting; trusts whoever calls."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from support.loopback import LoopbackServer, QuietHandler

if TYPE_CHECKING:
    from support.deployment import Deployment

BIG_BYTES = 200 * 1024 * 1024
PIECE = bytes(range(256)) * 256
READING_PAUSE_SECONDS = 0.5
ROUTES = (
    ("big", "GET"),
    ("big-in-chunks", "GET"),
    ("held", "GET"),
    ("echo", "GET"),
    ("echo-head", "HEAD"),
    ("upload", "POST"),
    ("upload-slowly", "POST"),
)


class Origin(LoopbackServer):
    """Serves while the `with` lasts.

    `release` lets the held answers go; `sent` counts the body bytes of big answers, `taken` those of uploads.
    """

    def __init__(self) -> None:
        self.release = threading.Event()
        self.held = threading.Semaphore(0)
        self.sent = self.taken = 0
        origin = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:  # noqa: N802 - the name that http.server looks for
                with suppress(OSError):  # the gateway hung up: that is what some tests are about
                    origin._answer(self)

            do_POST = do_HEAD = do_GET  # noqa: N815 - the names that http.server looks for

        super().__init__(Handler)

    def __exit__(self, *_: object) -> None:
        """End."""
        self.release.set()
        super().__exit__()

    def publish(self, deployment: Deployment) -> str:
        """Make its routes, `/v1/raw/<name>`. Returns the id of their API."""
        environment = {"targets": [self.url], "credential": {"kind": "none"}}
        backend = deployment.admin.post("/backends", {"name": "raw", "environments": {"live": environment}})
        api: str = deployment.admin.post("/apis", {"name": "raw"})["id"]
        for name, method in ROUTES:
            route = {"name": name, "backend": backend["id"], "method": method, "path": f"/v1/raw/{name}"}
            further = {"backend_path": f"/{name}", "passthrough": True, "max_request_bytes": BIG_BYTES}
            deployment.admin.post(f"/apis/{api}/routes", {**route, **further, "environments": ["live"]})
        return api

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        match request.path.partition("?")[0]:
            case "/big":
                self._big(request, chunked=False)
            case "/big-in-chunks":
                self._big(request, chunked=True)
            case "/held":
                self.held.release()
                self.release.wait(30)
                _json(request, {"held": True})
            case "/upload":
                _json(request, self._digest(request, 0))
            case "/upload-slowly":
                _json(request, self._digest(request, READING_PAUSE_SECONDS))
            case _:
                _json(request, {"echo": True})

    def _big(self, request: BaseHTTPRequestHandler, *, chunked: bool) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "application/octet-stream")
        request.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(BIG_BYTES))))
        request.end_headers()
        self.sent = 0
        while self.sent < BIG_BYTES:
            request.wfile.write(b"%x\r\n%s\r\n" % (len(PIECE), PIECE) if chunked else PIECE)
            self.sent += len(PIECE)
        if chunked:
            request.wfile.write(b"0\r\n\r\n")

    def _digest(self, request: BaseHTTPRequestHandler, pause_seconds: float) -> dict[str, Any]:
        time.sleep(pause_seconds)
        digest, size = hashlib.sha256(), 0
        for piece in _pieces(request):
            digest.update(piece)
            size += len(piece)
            self.taken += len(piece)
        return {"sha256": digest.hexdigest(), "bytes": size}


def _pieces(request: BaseHTTPRequestHandler) -> Any:
    if "Content-Length" in request.headers:
        left = int(request.headers["Content-Length"])
        while left and (piece := request.rfile.read(min(left, 65536))):
            left -= len(piece)
            yield piece
        return
    while size := int(request.rfile.readline().split(b";")[0], 16):
        yield request.rfile.read(size)
        request.rfile.readline()
    request.rfile.readline()


def _json(request: BaseHTTPRequestHandler, document: dict[str, Any]) -> None:
    body = json.dumps(document).encode()
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)
