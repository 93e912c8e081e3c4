"""One application for each kind of Python server: answer everything with 200, and log what was received.

`python applications.py tornado PORT` runs Tornado; the others are started by their own commands. Each line of the file
ORIGIN_LOG is JSON: request id, method, bytes of the body.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

DOCUMENT = b"seen"


def log(request_id: str, method: str, body_bytes: int) -> None:
    """One write of one line: whole also where several threads log."""
    line = json.dumps({"id": request_id, "method": method, "body_bytes": body_bytes}) + "\n"
    file = os.open(os.environ["ORIGIN_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(file, line.encode())
    os.close(file)


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """For gunicorn and waitress."""
    body = environ["wsgi.input"].read()
    log(environ.get("HTTP_X_REQUEST_ID", ""), environ["REQUEST_METHOD"], len(body))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(DOCUMENT)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [DOCUMENT]


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """For uvicorn."""
    if scope["type"] != "http":
        return
    body_bytes, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body_bytes += len(message.get("body", b""))
        more = message.get("more_body", False)
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
    log(headers.get("x-request-id", ""), scope["method"], body_bytes)
    fields = [(b"content-type", b"text/plain"), (b"content-length", str(len(DOCUMENT)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else DOCUMENT})


def tornado(port: int) -> None:
    """Serve with Tornado until told to end."""
    import asyncio

    import tornado.web

    class Everything(tornado.web.RequestHandler):
        def prepare(self) -> None:
            request = self.request
            log(request.headers.get("X-Request-Id", ""), request.method or "", len(request.body))
            self.finish(DOCUMENT)

    async def serve() -> None:
        tornado.web.Application([(".*", Everything)]).listen(port, "127.0.0.1")
        await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    tornado(int(sys.argv[2]))
