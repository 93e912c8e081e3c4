"""What is done with a leaked key. Pure rules."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote

from portazgo.kit.secret import Secret

RETIRED_AFTER = timedelta(hours=1)
LONGEST_TEXT = 2_000
# What PostgreSQL can't store, and what would deceive whoever reads it.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_KEY_IN_URL = re.compile(r"[a-z][a-z0-9]{1,11}_(?:live|test)_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}")

_REDACTED = "[redacted]"


class Response(StrEnum):
    """What is done: nothing but telling; the secret that leaked ends in an hour; it ends now."""

    NOTIFY = "notify"
    RETIRE = "retire_in_1h"
    REVOKE = "revoke"


class Label(StrEnum):
    """What GitHub is told of a match."""

    TRUE_POSITIVE = "true_positive"
    FALSE_POSITIVE = "false_positive"


@dataclass(frozen=True, slots=True)
class Report:
    """Where a key was found, by whom. `url` may be unknown."""

    source: str
    url: str | None = None
    place: str | None = None
    """As GitHub says it: commit, gist_content, npm …"""

    def without(self, found: Secret) -> Report:
        """Take out what was found, plain or as URLs have it: one that was imported has any form."""
        return replace(self, url=_redacted(self.url, found), place=_redacted(self.place, found))


def token_hash(token: str) -> str:
    """Name a token to who knows it: SHA-256, hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def tidy(text: str | None) -> str | None:
    """Return a reporter's text as it can be stored and shown; a key that stands in it, as in a URL, is taken out."""
    if not text:
        return None
    return _UNPRINTABLE.sub("?", _KEY_IN_URL.sub(_REDACTED, text))[:LONGEST_TEXT]


def _redacted(text: str | None, found: Secret) -> str | None:
    plain = found.reveal()
    if not text or not plain:
        return text
    return text.replace(plain, _REDACTED).replace(quote(plain, safe="", errors="replace"), _REDACTED)


def ends(now: datetime, already: datetime | None) -> datetime:
    """Tell when a secret that retires now ends: in an hour, and never later than it would have ended anyway."""
    return min(now + RETIRED_AFTER, already) if already else now + RETIRED_AFTER


def is_done(response: Response, secret_ends_at: datetime | None, now: datetime) -> bool:
    """Tell whether a secret that was reported before already has what is to be done now."""
    match response:
        case Response.NOTIFY:
            return True
        case Response.RETIRE:
            return secret_ends_at is not None and secret_ends_at <= now + RETIRED_AFTER
        case Response.REVOKE:
            return secret_ends_at is not None and secret_ends_at <= now
