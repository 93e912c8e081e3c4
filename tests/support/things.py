"""A backend over plain HTTP whose answer a test sets, and the document that describes it."""

from __future__ import annotations

import gzip
import json
from http.server import BaseHTTPRequestHandler
from typing import Any

from support.loopback import LoopbackServer, QuietHandler

SECRET_VALUE, SECRET_NAME = "canary-of-an-answer-7313", "ann.canary@example.test"
THING: dict[str, Any] = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": "string"},
        "owner": {"type": "object", "properties": {"name": {"type": "string"}}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
GOOD = {"id": 1, "name": SECRET_VALUE, "owner": {"name": SECRET_VALUE}, "labels": {SECRET_NAME: SECRET_VALUE}}


def document(thing: dict[str, Any]) -> str:
    content = {"200": {"description": "ok", "content": {"application/json": {"schema": thing}}}}
    identifier = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    operation = {"operationId": "things_retrieve", "parameters": [identifier], "responses": content}
    paths = {"/things/{id}": {"get": operation}}
    return json.dumps({"openapi": "3.1.0", "info": {"title": "Things", "version": "1"}, "paths": paths})


class Things(LoopbackServer):
    """A backend whose answer a test sets."""

    def __init__(self) -> None:
        self.answer: Any = GOOD
        self.zipped = False
        self.received: list[bytes] = []
        """Bodies that were posted."""
        origin = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:  # noqa: N802 - the name that http.server looks for
                origin._answer(self)

            def do_POST(self) -> None:  # noqa: N802 - the name that http.server looks for
                origin.received.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()

        super().__init__(Handler)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = json.dumps(self.answer).encode()
        body = gzip.compress(body) if self.zipped else body
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        if self.zipped:
            request.send_header("Content-Encoding", "gzip")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
