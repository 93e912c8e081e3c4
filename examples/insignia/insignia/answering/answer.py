"""One whole HTTP answer, before any byte of it is sent."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
WsgiApplication = Callable[[Environ, StartResponse], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """Status line, headers and body as WSGI wants them."""

    status_line: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def status(self) -> int:
        """Return the status code."""
        return int(self.status_line.split(" ", 1)[0])

    def with_body(self, body: bytes, content_type: str | None = None) -> "Answer":
        """Return the same answer with another body and the headers that describe it."""
        replaced = {"content-length", "etag"} | ({"content-type"} if content_type else set())
        headers = [(name, value) for name, value in self.headers if name.lower() not in replaced]
        if content_type:
            headers.append(("Content-Type", content_type))
        return Answer(self.status_line, [*headers, ("Content-Length", str(len(body)))], body)


def collect(application: WsgiApplication, environ: Environ) -> Answer:
    """Call a WSGI application and return its whole answer."""
    head: list[Any] = []

    def start_response(status_line: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        head[:] = [status_line, headers]

    chunks = application(environ, start_response)
    try:
        body = b"".join(chunks)
    finally:
        getattr(chunks, "close", lambda: None)()
    return Answer(head[0], head[1], body)


def detail(status: int, message: str) -> Answer:
    """Return an answer in the form of DRF's errors."""
    body = b"" if status in BODILESS else json.dumps({"detail": message}).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    return Answer(_status_line(status), headers, body)


def _status_line(status: int) -> str:
    known = {known.value: known.phrase for known in HTTPStatus}
    return f"{status} {known.get(status, 'Unknown')}"
