"""Takes the values out of an answer, and leaves what a contract's program decides by: shape, types and forms.

What stays are the words of the operator's own documents: members that the schema names, values that it or the contract
lists, path templates. All else is replaced by a value that depends on nothing but the form of what stood there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portazgo.contracts.expressions.written import computed_in, literals
from portazgo.contracts.recording.forms import (
    DEPTH_AT_MOST,
    ITEMS_AT_MOST,
    LONGEST_FORM,
    LONGEST_SCALAR,
    VALUES_AT_MOST,
    NotRecorded,
    Number,
    as_number,
    is_marked,
    number_form,
    read_document,
    text_form,
    word,
    write_document,
)

if TYPE_CHECKING:
    from portazgo.contracts.drift.expectation import Expectation, Row

_PARAMETER = re.compile(r"\\\{[^}]*\\\}")


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
    words = {word(value) for one in computed_in(program) for value in literals(one.expr)}
    for node in program.get("nodes", []):
        for action in node.values():
            if isinstance(action, Mapping) and isinstance(action.get("map"), list):
                words |= {word(pair[0]) for pair in action["map"]}
    urls = program.get("urls", [])
    paths = sorted({route["from"] for one in urls for route in one["routes"]})
    return Known(frozenset(words), tuple(paths), tuple(sorted({text for one in urls for text in one["prefixes"]})))


def redact(expectation: Expectation, known: Known, status: int, body: bytes) -> str:
    """Give an answer of this status as JSON without its values; once more gives the same. Raises NotRecorded."""
    row = expectation.of(status)
    if row is None:
        raise NotRecorded
    return write_document(_Redaction(expectation, known).value(row, read_document(body), 0))


@dataclass(slots=True)
class _Redaction:
    expectation: Expectation
    known: Known
    left: int = VALUES_AT_MOST

    def value(self, row: Row | None, value: Any, depth: int) -> Any:
        self.left -= 1
        if self.left < 0 or depth > DEPTH_AT_MOST:
            raise NotRecorded
        match value:
            case None:
                return None
            case bool():
                return value if self._is_word(row, word(value)) else True
            case Number():
                return as_number(str(value) if self._is_word(row, str(value)) else number_form(value))
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
            if name in named and not is_marked(name):  # else it would be taken for a number
                made[name] = self.value(self.expectation.rows[named[name][0]], inner, depth + 1)
            elif strangers < ITEMS_AT_MOST:
                strangers += 1
                made[f"*{strangers}"] = self.value(others, inner, depth + 1)
        return made

    def _text(self, row: Row | None, text: str) -> str:
        if len(text) > LONGEST_SCALAR:
            raise NotRecorded
        if self._is_word(row, word(text)) and not is_marked(text):
            return text
        return self._link(text) or text_form(text)

    def _link(self, text: str) -> str | None:
        """The path of a template that the text leads to, with its parameters taken out."""
        if len(text) > LONGEST_FORM:
            return None
        within = [text[len(prefix) :] for prefix in self.known.prefixes if text.startswith(prefix)]
        for rest in within:
            path = rest.partition("?")[0].partition("#")[0]
            for template in self.known.paths:
                if re.fullmatch(_PARAMETER.sub("[^/]+", re.escape(template.rstrip("/"))) + "/?", path):
                    return re.sub(r"\{[^}]*\}", "1", template)
        return None

    def _is_word(self, row: Row | None, said: str) -> bool:
        return said in self.known.words or (row is not None and said in row.words)

    def _row(self, number: int | None) -> Row | None:
        return None if number is None else self.expectation.rows[number]
