"""What is asked of a target and what it answers, whichever protocol it speaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class NoReplyReason(StrEnum):
    """Why there is no answer."""

    UNKNOWN_HOST = "unknown_host"
    NEVER_CALLED = "never_called"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    BROKEN = "broken"
    NOT_HTTP = "not_http"
    NOT_HTTP2 = "not_http2"
    UNTRUSTED = "untrusted"
    NOT_PINNED = "not_pinned"
    NO_TLS = "no_tls"
    NO_SOCKET = "no_socket"
    NOT_ALLOWED = "not_allowed"


class NoReply(Exception):
    """The other side did not answer."""

    def __init__(self, reason: NoReplyReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: header names in small letters, repeated ones joined; of the body at most the beginning."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut: bool = False
    """There is more of the body."""


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """What is sent. Its headers and its body may hold secrets: it prints nothing of them."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None


def joined(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Give header fields by their names in small letters, repeated ones joined."""
    named: dict[str, str] = {}
    for name, value in fields:
        named[name.lower()] = f"{named[name.lower()]}, {value}" if name.lower() in named else value
    return named
