"""Headers that no contract lets through: the gateway's own, and those that would lead round it."""

from __future__ import annotations

from portazgo.routes.domain import is_own_header

# What the gateway writes itself of what it sends, and what makes some backends take another method or path.
_NEVER_SENT = frozenset(
    {
        "accept",
        "accept-encoding",
        "content-encoding",
        "content-md5",
        "content-type",
        "cookie",
        "expect",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "range",
        "via",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-url",
        "x-rewrite-url",
    }
)
# What describes the backend's own bytes, connections and sessions, or sends clients elsewhere.
_NEVER_SHOWN = frozenset(
    {
        "accept-ranges",
        "alt-svc",
        "clear-site-data",
        "content-digest",
        "content-encoding",
        "content-md5",
        "content-range",
        "content-type",
        "digest",
        "etag",
        "nel",
        "public-key-pins",
        "refresh",
        "report-to",
        "repr-digest",
        "server",
        "set-cookie",
        "set-cookie2",
        "strict-transport-security",
        "via",
        "www-authenticate",
        "x-accel-redirect",
        "x-sendfile",
    }
)
OF_URLS = frozenset({"content-location", "link", "location"})
"""Headers that hold URLs, whatever a contract says."""


def is_never_sent(name: str) -> bool:
    """Tell whether partners can't send a header. Some backends read `_` as `-`."""
    plain = name.lower().replace("_", "-")
    return is_own_header(plain) or plain in _NEVER_SENT


def is_never_shown(name: str) -> bool:
    """Tell whether partners can't be shown a header."""
    plain = name.lower().replace("_", "-")
    return is_own_header(plain) or plain in _NEVER_SHOWN
