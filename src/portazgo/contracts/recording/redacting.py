"""Takes the values out of an answer, and leaves what a contract's program decides by: shape, types and forms.

What stays are the words of the operator's own documents: members that the schema names, values that it or the contract
lists, path templates. All else is replaced by a value that depends on nothing but the form of what stood there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from portazgo.contracts.expressions.written import computed_in, literals

if TYPE_CHECKING:
    from portazgo.contracts.drift.expectation import Expectation, Row

LARGEST_BYTES = 16 * 1024
"""What is larger without its values is not recorded."""
VALUES_AT_MOST = 2_000
ITEMS_AT_MOST = 20
"""So many of an array are kept."""
_DEPTH_AT_MOST = 30
_LONGEST_SCALAR = 8_192
"""What a program reads no further than (docs/programs.md)."""
_LONGEST_TEXT = 64
_LONGEST_FORM = 1_024
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
_PARAMETER = re.compile(r"\\\{[^}]*\\\}")


class NotRecorded(ValueError):
    """The answer is not of a kind that is recorded: too large, or not JSON as a program would read it."""


class _Number(str):
    """A number as it stands in the text."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What the operator's contract says in its own words beside the schema's."""

    words: frozenset[str] = frozenset()
    """Values that the contract maps, or that stand in its expressions, as JSON."""
    paths: tuple[str, ...] = ()
    """Templates of the backend's paths that links lead to."""
    prefixes: tuple[str, ...] = ()
    """Addresses of the backend."""

    def written(self) -> dict[str, Any]:
        """Give the form that crosses the wire (docs/wire.md, section 3)."""
        return {"words": sorted(self.words), "paths": list(self.paths), "prefixes": list(self.prefixes)}


def read_known(told: Mapping[str, Any]) -> Known:
    """Read what `written` gave. Raises KeyError or TypeError for anything else."""
    known = Known(frozenset(told["words"]), tuple(told["paths"]), tuple(told["prefixes"]))
    if not all(isinstance(text, str) for text in (*known.words, *known.paths, *known.prefixes)):
        raise TypeError("a word is no text")
    return known


def known_of(program: Mapping[str, Any]) -> Known:
    """Find a program's own words: what its maps list, what its expressions name, and where its links lead."""
    words = {_word(value) for one in computed_in(program) for value in literals(one.expr)}
    for node in program.get("nodes", []):
        for action in node.values():
            if isinstance(action, Mapping) and isinstance(action.get("map"), list):
                words |= {_word(pair[0]) for pair in action["map"]}
    urls = program.get("urls", [])
    paths = sorted({route["from"] for one in urls for route in one["routes"]})
    return Known(frozenset(words), tuple(paths), tuple(sorted({text for one in urls for text in one["prefixes"]})))


def redact(expectation: Expectation, known: Known, status: int, body: bytes) -> str:
    """Give an answer of this status as JSON without its values; once more gives the same. Raises NotRecorded."""
    row = expectation.of(status)
    if row is None:
        raise NotRecorded
    try:
        document = json.loads(
            body.decode(),
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_refuse,
            object_pairs_hook=_members,
        )
        written = json.dumps(_Redaction(expectation, known).value(row, document, 0), ensure_ascii=True)
    except NotRecorded:
        raise
    except (ValueError, RecursionError):
        raise NotRecorded from None
    # Numbers stand in a text of their own kind: the form of each is kept, and Python would not write it so.
    written = _MARKED.sub(r"\1", written)
    if len(written) > LARGEST_BYTES:
        raise NotRecorded
    return written


_MARK = "\ue000"
_MARKED = re.compile(r'"\\ue000([-+0-9.eE]+)"')


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotRecorded  # a program judges them one by one
    return found


def _refuse(_: str) -> None:
    raise NotRecorded


def _word(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)


@dataclass(slots=True)
class _Redaction:
    expectation: Expectation
    known: Known
    left: int = VALUES_AT_MOST

    def value(self, row: Row | None, value: Any, depth: int) -> Any:
        self.left -= 1
        if self.left < 0 or depth > _DEPTH_AT_MOST:
            raise NotRecorded
        match value:
            case None:
                return None
            case bool():
                return value if self._is_word(row, _word(value)) else True
            case _Number():
                return _MARK + (str(value) if self._is_word(row, str(value)) else _number(value))
            case str():
                return self._text(row, value)
            case list():
                items = self._row(None if row is None else row.items)
                return [self.value(items, item, depth + 1) for item in value[:ITEMS_AT_MOST]]
            case _:
                return self._object(row, value, depth)

    def _object(self, row: Row | None, value: Mapping[str, Any], depth: int) -> dict[str, Any]:
        named = {} if row is None else row.members
        others = self._row(None if row is None else row.others)
        made: dict[str, Any] = {}
        strangers = 0
        for name, inner in value.items():
            if name in named and not name.startswith(_MARK):  # else it would be taken for a number
                made[name] = self.value(self.expectation.rows[named[name][0]], inner, depth + 1)
            elif strangers < ITEMS_AT_MOST:
                strangers += 1
                made[f"*{strangers}"] = self.value(others, inner, depth + 1)
        return made

    def _text(self, row: Row | None, text: str) -> str:
        if len(text) > _LONGEST_SCALAR:
            raise NotRecorded
        if self._is_word(row, _word(text)) and not text.startswith(_MARK):
            return text
        return self._link(text) or _text(text)

    def _link(self, text: str) -> str | None:
        """The path of a template that the text leads to, with its parameters taken out."""
        if len(text) > _LONGEST_FORM:
            return None
        within = [text[len(prefix) :] for prefix in self.known.prefixes if text.startswith(prefix)]
        for rest in within:
            path = rest.partition("?")[0].partition("#")[0]
            for template in self.known.paths:
                if re.fullmatch(_PARAMETER.sub("[^/]+", re.escape(template.rstrip("/"))) + "/?", path):
                    return re.sub(r"\{[^}]*\}", "1", template)
        return None

    def _is_word(self, row: Row | None, word: str) -> bool:
        return word in self.known.words or (row is not None and word in row.words)

    def _row(self, number: int | None) -> Row | None:
        return None if number is None else self.expectation.rows[number]


def _number(lexeme: str) -> str:
    found = _NUMBER.fullmatch(lexeme)
    if found is None or len(lexeme) > _LONGEST_SCALAR:
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


def _text(text: str) -> str:
    """Give a text of the same form; which form, the first that fits says."""
    if text in {"", "true", "false"}:
        return text and "true"
    if _JSON_NUMBER.fullmatch(text):
        return _number(text)
    if (moment := _moment(text)) is not None:
        return moment
    # What is longer is no address that anybody reads, and could keep an expression busy.
    for form, stands_for in _FORMS if len(text) <= _LONGEST_FORM else ():
        if form.fullmatch(text):
            return stands_for
    # To a power of two: how long a name is says little then.
    return "x" * min(1 << (len(text).bit_length() - 1), _LONGEST_TEXT)


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
