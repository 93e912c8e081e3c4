"""Calling an address that somebody else named, an OpenAPI URL or a webhook endpoint: pinned, bounded, redirects judged anew."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from portazgo.kit.address_kinds import Network, lies_in
from portazgo.kit.private_address import AddressRefused, PinnedAddress, Resolve, pin

if TYPE_CHECKING:
    from types import TracebackType

MOST_REDIRECTS = 3
CONNECT_SECONDS = 5.0
WHOLE_SECONDS = 20.0
_CHUNK_BYTES = 65_536
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_WANTED = {"Accept": "application/json, application/yaml, */*;q=0.5"}


class FetchFailed(Exception):
    """The document could not be had; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole document, and the URL that it came from after redirects."""

    url: str
    content_type: str
    body: bytes


def fetch(
    url: str,
    *,
    limit_bytes: int,
    allow_private: bool = False,
    seconds: float = WHOLE_SECONDS,
    resolve: Resolve | None = None,
) -> Fetched:
    """GET a document of at most `limit_bytes`, within 20 s in all. Raises AddressRefused, FetchFailed.

    `allow_private` is for what the operator named: a public address that redirects into a private network is refused.
    """
    with _Deadline(seconds) as deadline:
        for _ in range(MOST_REDIRECTS + 1):
            pinned = pin(url, allow_private=allow_private, resolve=resolve)
            allow_private = stays_inside(pinned, allow_private=allow_private)
            answer = _call("GET", url, pinned, deadline, _WANTED)
            try:
                if answer.status in _REDIRECTS and answer.headers.get("Location"):
                    url = _next(url, answer.headers["Location"])
                    continue
                if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
                    raise FetchFailed(f"{url} answered {answer.status}")
                return Fetched(url, answer.headers.get("Content-Type", ""), _read(answer, url, limit_bytes, deadline))
            finally:
                answer.close()
    raise FetchFailed(f"{url}: more than {MOST_REDIRECTS} redirects")


@dataclass(frozen=True, slots=True)
class Posted:
    """What was answered, without its body: nobody here reads it."""

    status: int
    headers: Mapping[str, str]


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    networks: Sequence[Network] = (),
    seconds: float = WHOLE_SECONDS,
    resolve: Resolve | None = None,
) -> Posted:
    """POST once, follow no redirect, read no more than the answer's head. Raises AddressRefused, FetchFailed.

    `networks` are the private ones that may be called; only into them plain http:// is spoken.
    """
    with _Deadline(seconds) as deadline:
        pinned = pin(url, networks=networks, resolve=resolve)
        if pinned.scheme == "http" and not lies_in(ipaddress.ip_address(pinned.address), networks):
            raise AddressRefused(f"{pinned.host} would be called without TLS")
        answer = _call("POST", url, pinned, deadline, headers, body)
        try:
            if deadline.over:
                raise _failed(url, None, deadline)
            return Posted(answer.status, answer.headers)
        finally:
            answer.close()


def stays_inside(pinned: PinnedAddress, *, allow_private: bool) -> bool:
    """Tell whether a redirect from here may lead into private networks: from a public address never, whoever named it."""
    return allow_private and pinned.is_private


class _Deadline:
    """Shuts the connection down when the time is over: a server that sends a byte now and then outlives every time-out."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.over = False
        self._lock = threading.Lock()
        self._watched: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for one in self._watched:
                one.close()
            self._watched.clear()

    def watch(self, connected: socket.socket) -> None:
        """Watch over a connection; a handle of our own, since TLS takes the other one away."""
        with self._lock:
            self._watched.append(connected.dup())
        if self.over:
            self._end()

    def _end(self) -> None:
        self.over = True
        with self._lock:
            for one in self._watched:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


def _next(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise FetchFailed(f"{url} redirects to {location[:200]!r}, which is no URL") from None


def _call(
    method: str,
    url: str,
    pinned: PinnedAddress,
    deadline: _Deadline,
    headers: Mapping[str, str],
    body: bytes | None = None,
) -> urllib3.BaseHTTPResponse:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        return _pool(pinned, deadline).urlopen(
            method,
            target,
            body=body,
            headers={**headers, "Host": pinned.authority},
            redirect=False,
            retries=False,
            preload_content=False,
        )
    except (urllib3.exceptions.HTTPError, ValueError) as problem:
        raise _failed(url, problem, deadline) from None


def _pool(pinned: PinnedAddress, deadline: _Deadline) -> urllib3.HTTPConnectionPool:
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=deadline.seconds)
    pool: urllib3.HTTPConnectionPool
    kind: type[HTTPConnection]
    if pinned.scheme == "https":
        # The connection goes to the judged address; the certificate must be that of the name.
        pool = urllib3.HTTPSConnectionPool(
            pinned.address, pinned.port, timeout=timeout, server_hostname=pinned.host, assert_hostname=pinned.host
        )
        kind = HTTPSConnection
    else:
        pool = urllib3.HTTPConnectionPool(pinned.address, pinned.port, timeout=timeout)
        kind = HTTPConnection

    class Watched(kind):  # type: ignore[misc, valid-type]
        def _new_conn(self) -> Any:
            connected = super()._new_conn()
            deadline.watch(connected)
            return connected

    pool.ConnectionCls = Watched
    return pool


def _read(answer: urllib3.BaseHTTPResponse, url: str, limit_bytes: int, deadline: _Deadline) -> bytes:
    body = bytearray()
    try:
        # Decoded bytes count: a small compressed answer may be a huge document.
        for chunk in answer.stream(_CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > limit_bytes:
                raise FetchFailed(f"{url}: the document is larger than {limit_bytes} bytes")
    except urllib3.exceptions.HTTPError as problem:
        raise _failed(url, problem, deadline) from None
    if deadline.over:
        # Where the end of the connection is the end of the document, our own cut looks like it.
        raise _failed(url, None, deadline)
    return bytes(body)


def _failed(url: str, problem: Exception | None, deadline: _Deadline) -> FetchFailed:
    if deadline.over:
        return FetchFailed(f"{url}: not whole after {deadline.seconds:g} s")
    return FetchFailed(f"{url}: {str(problem).rsplit(': ', 1)[-1]}")
