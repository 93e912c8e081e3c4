"""What is wrong with a text that lacks the form of a published pattern: a pattern itself tells few people anything."""

from __future__ import annotations

from collections.abc import Mapping

from portazgo.kit.names import (
    LINK_PATTERN,
    MONTH_PATTERN,
    PLAIN_TEXT_PATTERN,
    SCOPE_PATTERN,
    SLUG_PATTERN,
    TAG_LENGTH,
    TAG_PATTERN,
    WEB_PATTERN,
)

# Each is the end of a sentence that begins with the text, or with "this".
FORMS: Mapping[str, str] = {
    SLUG_PATTERN: "is no name: 1 to 63 small letters, digits and hyphens",
    SCOPE_PATTERN: "is no scope: letters, digits and . _ : / -",
    TAG_PATTERN: f"is no tag: 1 to {TAG_LENGTH} characters without a comma, with white space only between others",
    PLAIN_TEXT_PATTERN: "has a character that can't be shown, such as a line break",
    WEB_PATTERN: "is no URL: it begins with http:// or https://",
    LINK_PATTERN: "is no URL: it begins with http:// or https://, and has no blanks",
    MONTH_PATTERN: "is no month, such as 2026-11",
}


def lacks(pattern: str, known: Mapping[str, str] = FORMS) -> str:
    """Say of a text, which the sentence begins with, that it lacks the form of a pattern."""
    return known.get(pattern) or f"does not have the form {pattern}"
