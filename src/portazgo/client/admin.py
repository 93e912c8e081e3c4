"""A client of the admin API."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import urllib3

Document = dict[str, Any]

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0


class Unreachable(Exception):
    """Nothing answered at the control plane's address."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"the control plane at {url} can't be reached: {why}")
        self.url = url


class Answered(Exception):
    """The control plane refused. `problem` is its RFC 9457 document, `status` the HTTP status."""

    def __init__(self, status: int, problem: Document) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or f"HTTP {status}"))
        self.status = status
        self.problem = problem


class AdminClient:
    """Speaks to `/api/v1/…` with an admin token. The token appears in no message of this class."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS), retries=False
        )

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Document:
        """Read one document. Raises Answered, Unreachable."""
        return self._call("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Document:
        """Write; carries an Idempotency-Key of its own, so that a repeat by the transport can't write twice."""
        return self._call("POST", path, body=body or {})

    def patch(self, path: str, body: Mapping[str, Any]) -> Document:
        """Change one thing."""
        return self._call("PATCH", path, body=body)

    def put(self, path: str, body: Mapping[str, Any]) -> Document:
        """Replace one thing."""
        return self._call("PUT", path, body=body)

    def delete(self, path: str) -> Document:
        """Remove one thing."""
        return self._call("DELETE", path)

    def pages(self, path: str, query: Mapping[str, object] | None = None, *, most: int | None = None) -> Iterator[Any]:
        """Follow the cursors of a list, item by item, at most `most` of them."""
        wanted = dict(query or {})
        left = most
        while True:
            page = self.get(path, wanted)
            for item in page["items"]:
                if left is not None:
                    if left == 0:
                        return
                    left -= 1
                yield item
            cursor = page.get("next_cursor")
            if not cursor:
                return
            wanted["cursor"] = cursor

    def _call(
        self, method: str, path: str, *, query: Mapping[str, object] | None = None, body: Mapping[str, Any] | None = None
    ) -> Document:
        target = f"{self.url}/api/v1{path}"
        if query:
            target += "?" + urlencode({name: value for name, value in query.items() if value is not None}, doseq=True)
        headers = dict(self._headers)
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        if method != "GET":
            headers["Idempotency-Key"] = uuid.uuid4().hex
        try:
            answer = self._pool.request(method, target, body=payload, headers=headers)
        except urllib3.exceptions.HTTPError as problem:
            raise Unreachable(self.url, _reason(problem)) from None
        return _document(answer.status, answer.data)


def _reason(problem: urllib3.exceptions.HTTPError) -> str:
    inner = getattr(problem, "reason", None) or problem
    return str(inner).rsplit(": ", 1)[-1]


def _document(status: int, data: bytes) -> Document:
    try:
        document = json.loads(data) if data else {}
    except ValueError:
        document = {"title": "the answer is not JSON: is this the control plane's address?"}
    if status >= 400:  # noqa: PLR2004 - HTTP's own border
        raise Answered(status, document)
    if not isinstance(document, dict):
        raise Answered(status, {"title": "the answer is not a JSON object: is this the control plane's address?"})
    return document
