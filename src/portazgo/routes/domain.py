"""What a route's paths, methods and headers may be. Pure rules, the same as the data plane's (core/src/route.rs)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

PATH_LENGTH = 1024
SEGMENTS_AT_MOST = 32
ANY_HOST = ""
MAX_BYTES = 1024**4
DEFAULT_MAX_REQUEST_BYTES = 10 * 1024**2

WAIT_MS = range(1, 600_001)
"""What a time-out of a route may be."""

# RFC 3986, section 3.3 (pchar); an encoded slash is refused by the gateway before routing, so no template may have one.
_LITERAL = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%(?!2[Ff])[0-9A-Fa-f]{2})+")
_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]{0,63})\}")
_HEADER = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
# The gateway answers these itself.
_RESERVED_PREFIX = "/.well-known/"
# Framing, hop-by-hop (RFC 9110, section 7.6.1), and what the gateway alone says to a backend.
_OURS = frozenset(
    [
        "authorization",
        "connection",
        "content-length",
        "forwarded",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "traceparent",
        "tracestate",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-api-key",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
        "x-request-id",
    ]
)


class Method(StrEnum):
    """HTTP methods that a route can have."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    OPTIONS = "OPTIONS"


class Upgrade(StrEnum):
    """Protocols that a connection may be upgraded to where a route allows it."""

    WEBSOCKET = "websocket"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a route is found; no two routes share one. `host` is empty for any host."""

    host: str
    method: str
    shape: str


def check_path(path: str) -> str:
    """Return the path template when the gateway can match it.

    Raises ValueError with a sentence that names the segment.
    """
    if not path.startswith("/"):
        raise ValueError(f"the path {path!r} does not begin with a slash")
    segments = path[1:].split("/")
    if len(path) > PATH_LENGTH or len(segments) > SEGMENTS_AT_MOST:
        raise ValueError(f"a path has at most {PATH_LENGTH} characters and {SEGMENTS_AT_MOST} segments")
    for position, segment in enumerate(segments):
        # Only the last segment may be empty: it is the trailing slash.
        if segment or position < len(segments) - 1:
            _check_segment(segment, path)
    names = parameters(path)
    if len(set(names)) < len(names):
        raise ValueError(f"a parameter stands twice in {path!r}")
    return path


def check_partner_path(path: str) -> str:
    """Return the template when partners can be given it: the gateway keeps `/.well-known/` for itself."""
    if path.startswith(_RESERVED_PREFIX):
        raise ValueError(f"the gateway answers paths below {_RESERVED_PREFIX} itself")
    return check_path(path)


def _check_segment(segment: str, path: str) -> None:
    if segment in {".", ".."}:
        raise ValueError(f"{path!r} has the segment {segment!r}, which clients take out before they send it")
    if not segment:
        raise ValueError(f"{path!r} has an empty segment")
    if not _PARAMETER.fullmatch(segment) and not _LITERAL.fullmatch(segment):
        raise ValueError(
            f"the segment {segment!r} of {path!r} is neither a literal nor one whole parameter such as {{id}}"
        )


def parameters(path: str) -> list[str]:
    """Return the names of a template's parameters, in order."""
    return [found[1] for segment in path.split("/") if (found := _PARAMETER.fullmatch(segment))]


def check_backend_path(backend_path: str, path: str) -> str:
    """Return the backend's template when every parameter of it has a value in the partner's path."""
    check_path(backend_path)
    unknown = [name for name in parameters(backend_path) if name not in parameters(path)]
    if unknown:
        raise ValueError(f"the backend's path uses {{{unknown[0]}}}, which the partner's path {path!r} does not have")
    return backend_path


def shape(path: str) -> str:
    """Return the template without its parameters' names: two routes of one shape can't be told apart."""
    return "/".join("{}" if _PARAMETER.fullmatch(segment) else segment for segment in path.split("/"))


def addresses(hosts: Sequence[str] | None, method: str, path: str) -> list[Address]:
    """Return every place where the route is found."""
    return [Address(host, method, shape(path)) for host in (hosts or [ANY_HOST])]


def check_hosts(hosts: Sequence[str]) -> list[str]:
    """Return the host names in lower case, without repetition. Raises ValueError for a port, a wildcard, or none."""
    checked = list(dict.fromkeys(host.lower() for host in hosts))
    for host in checked:
        if not _HOST.fullmatch(host):
            raise ValueError(f"{host!r} is no host name (no port, no wildcard)")
    if not checked:
        raise ValueError("an empty list would match no request: give null for any host")
    return checked


def check_headers(names: Sequence[str]) -> list[str]:
    """Return header names in lower case, without repetition. Raises ValueError for one that only the gateway sets."""
    checked = list(dict.fromkeys(name.lower() for name in names))
    for name in checked:
        if name in _OURS:
            raise ValueError(f"the header {name} is the gateway's own and can't be let through")
        if not _HEADER.fullmatch(name):
            raise ValueError(f"{name!r} is no header name (letters, digits and hyphens)")
    return checked


def is_own_header(name: str) -> bool:
    """Tell whether only the gateway sets this header."""
    return name.lower() in _OURS


def check_upgrades(upgrades: Sequence[str], method: str, backend_method: str) -> list[str]:
    """Return the upgrades without repetition. Raises ValueError where the method knows none (RFC 6455, section 4.1)."""
    if upgrades and (method, backend_method) != (Method.GET, Method.GET):
        raise ValueError("a connection is upgraded by a GET: method and backend_method must both be GET")
    return list(dict.fromkeys(upgrades))


def check_idempotency_key(wanted: bool, method: str) -> bool:  # noqa: FBT001 - the member's value
    """Return what was wanted. Raises ValueError where the key changes nothing: other methods are repeated without one."""
    if wanted and method not in {Method.POST, Method.PATCH}:
        raise ValueError(f"an idempotency key makes a POST or PATCH repeatable; {method} needs none")
    return wanted


def map_prefix(path: str, prefixes: Mapping[str, str]) -> str:
    """Replace the longest prefix that ends at a segment's border: with `{"/api": "/v1"}`, `/api/badges/` becomes `/v1/badges/`.

    A path without such a prefix stays as it is.
    """
    for prefix in sorted(prefixes, key=len, reverse=True):
        bare = prefix.rstrip("/")
        if path == bare or path.startswith(bare + "/"):
            return prefixes[prefix].rstrip("/") + path[len(bare) :] or "/"
    return path
