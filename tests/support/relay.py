"""Between a node and the control plane's internal listener: passes everything on, and alters or withholds answers as told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from support.loopback import LoopbackServer, QuietHandler

Alter = Callable[[str, bytes], bytes]
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}

GONE = 410


class Relay(LoopbackServer):
    """A control plane that can lie. `alter` gets path and body of each 200; while `silent` is set, it answers nothing.

    While `forgetful` is set, its log no longer reaches back to where any node is.
    """

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url).netloc
        self.alter: Alter | None = None
        self.silent = threading.Event()
        self.forgetful = threading.Event()
        self.polls = 0
        relay = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:  # noqa: N802 - the name that http.server looks for
                relay._pass_on(self)

            do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        super().__init__(Handler)

    def _pass_on(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        self.polls += request.path.startswith("/internal/v1/changes")
        if self.silent.is_set():
            request.close_connection = True
            return
        connection = HTTPConnection(self._target, timeout=70)
        try:
            connection.request(request.command, request.path, body or None, dict(request.headers))
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException):
            request.close_connection = True
            return
        finally:
            connection.close()
        if self.silent.is_set():  # fell silent while a poll waited
            request.close_connection = True
            return
        if self.forgetful.is_set() and request.path.startswith("/internal/v1/changes"):
            answer.status, content = GONE, b""
        if self.alter is not None and answer.status == 200:
            content = self.alter(request.path, content)
        with suppress(OSError):  # the node has gone
            self._answer(request, answer, content)

    @staticmethod
    def _answer(request: BaseHTTPRequestHandler, answer: HTTPResponse, content: bytes) -> None:
        request.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                request.send_header(name, value)
        if answer.status != 204:
            request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)


def altered_lines(body: bytes, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> bytes:
    """Alter NDJSON line by line; None drops a line. First and last line go through like the others."""
    lines = [change(json.loads(line)) for line in body.splitlines()]
    kept = [line for line in lines if line is not None]
    return b"".join(json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n" for line in kept)
