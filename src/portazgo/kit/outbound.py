"""Fetching a document from an address that somebody else named (an OpenAPI URL): pinned, bounded, each redirect judged anew."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import urllib3

from portazgo.kit.private_address import PinnedAddress, pin

MOST_REDIRECTS = 3
CONNECT_SECONDS = 5.0
WHOLE_SECONDS = 20.0
_CHUNK_BYTES = 65_536
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class FetchFailed(Exception):
    """The document could not be had; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole document, and the URL that it came from after redirects."""

    url: str
    content_type: str
    body: bytes


def fetch(url: str, *, limit_bytes: int, allow_private: bool = False) -> Fetched:
    """GET a document of at most `limit_bytes`, within 20 s in all. Raises AddressRefused, FetchFailed."""
    deadline = time.monotonic() + WHOLE_SECONDS
    for _ in range(MOST_REDIRECTS + 1):
        answer = _get(url, pin(url, allow_private=allow_private), deadline)
        try:
            if answer.status in _REDIRECTS and answer.headers.get("Location"):
                url = urljoin(url, answer.headers["Location"])
                continue
            if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
                raise FetchFailed(f"{url} answered {answer.status}")
            return Fetched(url, answer.headers.get("Content-Type", ""), _read(answer, url, limit_bytes, deadline))
        finally:
            answer.close()
    raise FetchFailed(f"{url}: more than {MOST_REDIRECTS} redirects")


def _get(url: str, pinned: PinnedAddress, deadline: float) -> urllib3.BaseHTTPResponse:
    pool: urllib3.HTTPConnectionPool
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=max(0.1, deadline - time.monotonic()))
    if pinned.scheme == "https":
        # The connection goes to the judged address; the certificate must be that of the name.
        pool = urllib3.HTTPSConnectionPool(
            pinned.address, pinned.port, timeout=timeout, server_hostname=pinned.host, assert_hostname=pinned.host
        )
    else:
        pool = urllib3.HTTPConnectionPool(pinned.address, pinned.port, timeout=timeout)
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Host": parts.netloc, "Accept": "application/json, application/yaml, */*;q=0.5"}
    try:
        return pool.urlopen("GET", target, headers=headers, redirect=False, retries=False, preload_content=False)
    except urllib3.exceptions.HTTPError as problem:
        raise FetchFailed(f"{url}: {str(problem).rsplit(': ', 1)[-1]}") from None


def _read(answer: urllib3.BaseHTTPResponse, url: str, limit_bytes: int, deadline: float) -> bytes:
    body = bytearray()
    try:
        # Decoded bytes count: a small compressed answer may be a huge document.
        for chunk in answer.stream(_CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > limit_bytes:
                raise FetchFailed(f"{url}: the document is larger than {limit_bytes} bytes")
            if time.monotonic() > deadline:
                raise FetchFailed(f"{url}: not whole after {WHOLE_SECONDS:g} s")
    except urllib3.exceptions.HTTPError as problem:
        raise FetchFailed(f"{url}: {str(problem).rsplit(': ', 1)[-1]}") from None
    return bytes(body)
