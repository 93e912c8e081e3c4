"""What names and short texts may look like, as patterns that the API's schemas publish too (docs/wire.md, section 1)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from portazgo.kit import ids

# A noun's name within its parent; anchored, as JSON Schema needs it.
SLUG_PATTERN = f"^{ids.SLUG_PATTERN}$"
SLUG_LENGTH = 63
# What a plan or a key grants and a route asks for.
SCOPE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$"
# What keys and routes are sorted by. Words of other documents, so that they may hold spaces and letters of any script, but
# no comma, and no white space at an end: neither would be seen where tags stand in a row.
TAG_PATTERN = r"^[^\x00-\x20\x7f,]([^\x00-\x1f\x7f,]{0,61}[^\x00-\x20\x7f,])?$"
TAG_LENGTH = 63
TAGS_AT_MOST = 20
# PostgreSQL stores no NUL, and a control character in a name only deceives whoever reads it.
PLAIN_TEXT_PATTERN = r"^[^\x00-\x1f\x7f]*$"
# The address of a document, and that of a page for people: of the latter nothing may end the header that it goes into.
WEB_PATTERN = r"^https?://"
LINK_PATTERN = r"^https?://[^\s<>\"]+$"
MONTH_PATTERN = r"^[0-9]{4}-(0[1-9]|1[0-2])$"
# SHA-256 of a certificate, as tools write it: hexadecimal digits, with or without colons between the bytes.
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{64}|([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}")
# Half a surrogate pair: JSON can spell it, UTF-8 can't. No part of a published pattern, since most readers of patterns
# can't spell it either.
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")

_WORD_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")


def holds_half_a_pair(text: str) -> bool:
    """Tell whether a text holds half of a surrogate pair, which is no character."""
    return _HALF_A_PAIR.search(text) is not None


def is_storable(text: str) -> bool:
    """Tell whether databases keep a text: none keeps half of a surrogate pair, and PostgreSQL no NUL."""
    return "\0" not in text and not holds_half_a_pair(text)


def is_plain_text(text: str) -> bool:
    """Tell whether a text can be stored and shown everywhere: no control character, no half of a surrogate pair."""
    return re.fullmatch(PLAIN_TEXT_PATTERN, text) is not None and not holds_half_a_pair(text)


def is_tag(text: str) -> bool:
    """Tell whether a text can be a tag of keys and routes."""
    return re.fullmatch(TAG_PATTERN, text) is not None and not holds_half_a_pair(text)


def check_tags(tags: Sequence[str]) -> list[str]:
    """Return the tags without repetition, in the order given. Raises ValueError for what is none, and for too many."""
    checked = list(dict.fromkeys(tags))
    for tag in checked:
        if not is_tag(tag):
            raise ValueError(
                f"{tag!r} is no tag: 1 to {TAG_LENGTH} characters without a comma, with white space only between others"
            )
    if len(checked) > TAGS_AT_MOST:
        raise ValueError(f"{len(checked)} tags are too many: {TAGS_AT_MOST} at most")
    return checked


def is_fingerprint(text: str) -> bool:
    """Tell whether a text is written as the SHA-256 of a certificate is."""
    return _FINGERPRINT.fullmatch(text) is not None


def slug(text: str) -> str:
    """Make a slug of any text: `listBadges`, `badges_list` and `List badges` become words with hyphens.

    Empty when the text has no letter or digit of ASCII.
    """
    words = _WORD_BORDER.sub("-", text).lower()
    return _NOT_IN_SLUG.sub("-", words).strip("-")[:SLUG_LENGTH].rstrip("-")
