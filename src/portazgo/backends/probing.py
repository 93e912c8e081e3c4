"""One GET to a backend, as `portazgo backend test` makes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portazgo.logins.calling import NoReply, Reply, Request, call

__all__ = ["NoReply", "Reply", "get"]

WHOLE_SECONDS = 10.0
LARGEST_BODY_BYTES = 16_384


def get(
    target: str,
    path: str,
    headers: Mapping[str, str],
    *,
    tls: Mapping[str, Any] | None = None,
    http2: str = "off",
    whole_seconds: float = WHOLE_SECONDS,
) -> Reply:
    """Call a target once; `https://` is verified by the backend's rules, `http2` is its setting. Raises NoReply."""
    request = Request("GET", path, headers)
    return call(target, request, tls=tls, whole_seconds=whole_seconds, largest_body=LARGEST_BODY_BYTES, http2=http2)
