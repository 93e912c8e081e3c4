"""A client of the admin API."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from portazgo.kit.http import Answer, JsonClient
from portazgo.kit.secret import Secret

Document = dict[str, Any]
BASE = "/api/v1"
FIRST_REFUSAL = 400
DOWNLOAD_SECONDS = 900.0
"""Of silence: a file may be made whole before its first byte comes."""


class Answered(Exception):
    """The control plane refused. `problem` is its RFC 9457 document, `status` the HTTP status."""

    def __init__(self, status: int, problem: Document) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or f"HTTP {status}"))
        self.status = status
        self.problem = problem


class AdminClient:
    """Speaks to `/api/v1/…` with an admin token. Raises Answered, and `kit.http.Unreachable` when nothing answers."""

    def __init__(self, url: str, token: Secret) -> None:
        self.url = url
        self._http = JsonClient(url, token)

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Document:
        """Read one document."""
        return _document(self._http.request("GET", BASE + path, query=query))

    def download(
        self,
        path: str,
        query: Mapping[str, object] | None = None,
        *,
        begins: Callable[[Mapping[str, str]], None] | None = None,
    ) -> Iterator[bytes]:
        """Read a file, some bytes at a time; how long it is doesn't matter. `begins` is given the answer's headers."""
        with self._http.stream("GET", BASE + path, query=query, read_seconds=DOWNLOAD_SECONDS) as answer:
            if answer.status >= FIRST_REFUSAL:
                _document(Answer(answer.status, answer.headers, b"".join(answer.chunks)))
            if begins is not None:
                begins(answer.headers)
            yield from answer.chunks

    def text(self, path: str) -> str:
        """Read what is no JSON."""
        answer = self._http.request("GET", BASE + path)
        if answer.status >= FIRST_REFUSAL:
            _document(answer)
        return answer.body.decode()

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Document:
        """Write; carries an Idempotency-Key of its own."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        return _document(self._http.request("POST", BASE + path, body=dict(body or {}), headers=headers))

    def patch(self, path: str, body: Mapping[str, Any]) -> Document:
        """Change one thing."""
        return _document(self._http.request("PATCH", BASE + path, body=dict(body)))

    def put(self, path: str, body: Mapping[str, Any]) -> Document:
        """Replace one thing."""
        return _document(self._http.request("PUT", BASE + path, body=dict(body)))

    def delete(self, path: str) -> Document:
        """Remove one thing."""
        return _document(self._http.request("DELETE", BASE + path))

    @contextmanager
    def stream(
        self, path: str, query: Mapping[str, object], headers: Mapping[str, str], *, silence_seconds: float
    ) -> Iterator[Iterator[bytes]]:
        """Read an answer while it arrives; `silence_seconds` bounds each wait."""
        with self._http.stream("GET", path, query=query, headers=headers, read_seconds=silence_seconds) as answer:
            if answer.status >= FIRST_REFUSAL:
                _document(Answer(answer.status, answer.headers, b"".join(answer.chunks)))
            yield answer.chunks

    def pages(
        self,
        path: str,
        query: Mapping[str, object] | None = None,
        *,
        most: int | None = None,
        begins: Callable[[Document], None] | None = None,
    ) -> Iterator[Document]:
        """Follow the cursors of a list, item by item, at most `most` of them. `begins` is given the first page."""
        wanted = dict(query or {})
        left = most
        while left is None or left > 0:
            page = self.get(path, wanted)
            if begins is not None:
                begins(page)
                begins = None
            items = page["items"] if left is None else page["items"][:left]
            yield from items
            left = None if left is None else left - len(items)
            if not page.get("next_cursor"):
                return
            wanted["cursor"] = page["next_cursor"]


def _document(answer: Answer) -> Document:
    try:
        document = answer.json() if answer.body else {}
    except ValueError:
        document = None
    if not isinstance(document, dict):
        document = {"title": "the answer is not a JSON object: is this the control plane's address?"}
        raise Answered(answer.status, document)
    if answer.status >= FIRST_REFUSAL:
        raise Answered(answer.status, document)
    return document
