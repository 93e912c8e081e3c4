"""A small HTTP client for JSON and streams between our own parts: time-outs always, redirects and retries never."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3

from portazgo.kit.secret import Secret

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
CHUNK_BYTES = 65_536


class Unreachable(Exception):
    """Nothing answered whole: connection refused, broken, or too late."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{url} can't be reached: {why}")
        self.url = url
        self.why = why


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Read the body as JSON. Raises ValueError."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose body is still to come."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


class JsonClient:
    """Speaks to one base address with one bearer token; keeps connections. Safe to use from several threads."""

    def __init__(self, base_url: str, token: Secret | None = None, *, connections: int = 4) -> None:
        self.base_url = base_url.rstrip("/")
        self._token = token
        self._pool = urllib3.PoolManager(maxsize=connections, retries=False)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        read_seconds: float = READ_SECONDS,
    ) -> Answer:
        """Call and read the whole answer. A body of bytes goes as it is, anything else as JSON. Raises Unreachable."""
        with self.stream(method, path, query=query, body=body, headers=headers, read_seconds=read_seconds) as answer:
            return Answer(answer.status, answer.headers, b"".join(answer.chunks))

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        read_seconds: float = READ_SECONDS,
    ) -> Iterator[Stream]:
        """Call and hand the answer over while it arrives; `read_seconds` bounds each wait. Raises Unreachable."""
        payload, kind = _payload(body)
        try:
            answer = self._pool.request(
                method,
                self._url(path, query),
                body=payload,
                headers=self._headers(kind, headers or {}),
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, read_seconds), read=read_seconds),
                redirect=False,
                preload_content=False,
            )
        except urllib3.exceptions.HTTPError as problem:
            raise Unreachable(self.base_url, _reason(problem)) from None
        try:
            yield Stream(answer.status, answer.headers, self._chunks(answer))
        except BaseException:
            # What was not read to its end must not go back to the pool.
            answer.close()
            raise
        finally:
            answer.release_conn()

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _url(self, path: str, query: Mapping[str, object] | None) -> str:
        wanted = {name: value for name, value in (query or {}).items() if value is not None}
        return f"{self.base_url}{path}" + (f"?{urlencode(wanted, doseq=True)}" if wanted else "")

    def _headers(self, kind: str | None, further: Mapping[str, str]) -> dict[str, str]:
        headers = {"Accept": "application/json, application/x-ndjson", **further}
        if kind is not None:
            headers.setdefault("Content-Type", kind)
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return headers

    def _chunks(self, answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        try:
            yield from answer.stream(CHUNK_BYTES)
        except urllib3.exceptions.HTTPError as problem:
            raise Unreachable(self.base_url, _reason(problem)) from None


def _payload(body: object) -> tuple[bytes | None, str | None]:
    if body is None:
        return None, None
    if isinstance(body, bytes):
        return body, "application/octet-stream"
    return json.dumps(body).encode(), "application/json"


def _reason(problem: urllib3.exceptions.HTTPError) -> str:
    inner = getattr(problem, "reason", None) or problem
    return str(inner).rsplit(": ", 1)[-1]
