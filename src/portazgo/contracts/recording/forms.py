"""Documents as they are read and written without their values, and what stands in place of a value: one of the same form."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

LARGEST_BYTES = 16 * 1024
"""What is larger without its values is not recorded."""
VALUES_AT_MOST = 2_000
ITEMS_AT_MOST = 20
"""So many of an array are kept."""
DEPTH_AT_MOST = 30
LONGEST_SCALAR = 8_192
"""What a program reads no further than (docs/programs.md)."""
LONGEST_TEXT = 64
LONGEST_FORM = 1_024
_EXACT_DIGITS = 15
_MOST_DIGITS = 25
_MOST_FRACTION = 9

_NUMBER = re.compile(r"(-?)([0-9]+)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})([Tt ])(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(\.[0-9]{1,9})?(Z|z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
)
_FORMS = (
    (
        re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
        "00000000-0000-4000-8000-000000000000",
    ),
    (re.compile(r"https?://[^/?#\s]+.*", re.DOTALL), "https://example.com/"),
    # No part of it takes a dot that the next could take: a thousand dots would be tried a million times.
    (re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+"), "somebody@example.com"),
)


class NotRecorded(ValueError):
    """The answer is not of a kind that is recorded: too large, or not JSON as a program would read it."""


class Number(str):
    """A number as it stands in the text."""

    __slots__ = ()


def read_document(body: bytes) -> Any:
    """Parse JSON, numbers as they stand in the text. Raises NotRecorded."""
    try:
        return json.loads(
            body.decode(), parse_int=Number, parse_float=Number, parse_constant=_refuse, object_pairs_hook=_members
        )
    except NotRecorded:
        raise
    except (ValueError, RecursionError):
        raise NotRecorded from None


def write_document(document: Any) -> str:
    """Give JSON of what has numbers as `as_number` gives them. Raises NotRecorded: it is too large."""
    try:
        written = json.dumps(document, ensure_ascii=True)
    except (ValueError, RecursionError):
        raise NotRecorded from None
    # Numbers stand in a text of their own kind: the form of each is kept, and Python would not write it so.
    written = _MARKED.sub(r"\1", written)
    if len(written) > LARGEST_BYTES:
        raise NotRecorded
    return written


def as_number(lexeme: str) -> str:
    """Give a number as `write_document` takes it."""
    return _MARK + lexeme


def is_marked(text: str) -> bool:
    """Tell whether a text would be taken for a number."""
    return text.startswith(_MARK)


def word(value: Any) -> str:
    """Give a value as the words of documents are kept: as JSON."""
    return json.dumps(value, ensure_ascii=True)


_MARK = "\ue000"
_MARKED = re.compile(r'"\\ue000([-+0-9.eE]+)"')


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotRecorded  # a program judges them one by one
    return found


def _refuse(_: str) -> None:
    raise NotRecorded


def number_form(lexeme: str) -> str:
    """Give a number of the same form. Raises NotRecorded: it is longer than any that is read."""
    found = _NUMBER.fullmatch(lexeme)
    if found is None or len(lexeme) > LONGEST_SCALAR:
        raise NotRecorded
    sign, whole, fraction, exponent = found.groups()
    digits = "1" * min(len(whole), _MOST_DIGITS) if len(whole) > _EXACT_DIGITS else "1"
    if exponent:
        return f"{sign}1.1e1" if fraction else f"{sign}1e1"
    if fraction:
        figure = "0" if not fraction.strip(".0") else "1"
        return f"{sign}{digits}." + figure * min(len(fraction) - 1, _MOST_FRACTION)
    # 0 and 1 may be truths (`to: boolean`); others are not.
    return sign + (digits if len(digits) > 1 or lexeme in {"0", "1"} else "7")


def text_form(text: str) -> str:
    """Give a text of the same form; which form, the first that fits says."""
    if text in {"", "true", "false"}:
        return text and "true"
    if _JSON_NUMBER.fullmatch(text):
        return number_form(text)
    if (moment := _moment(text)) is not None:
        return moment
    # What is longer is no address that anybody reads, and could keep an expression busy.
    for form, stands_for in _FORMS if len(text) <= LONGEST_FORM else ():
        if form.fullmatch(text):
            return stands_for
    # To a power of two: how long a name is says little then.
    return "x" * min(1 << (len(text).bit_length() - 1), LONGEST_TEXT)


def _moment(text: str) -> str | None:
    if _is_day(text):
        return "2000-01-01"
    found = _DATE_TIME.fullmatch(text)
    if found is None or not _is_day(found[1]):
        return None
    fraction = "." + "0" * (len(found[3]) - 1) if found[3] else ""
    zone = "" if not found[4] else found[4] if found[4] in "Zz" else "+00:00"
    return f"2000-01-01{found[2]}00:00:00{fraction}{zone}"


def _is_day(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False
