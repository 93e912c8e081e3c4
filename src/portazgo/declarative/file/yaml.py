"""Reads YAML by 1.2 rules into a plain tree, with the place of every member (docs/decisions/0011).

Built from the parser's events: scalars are resolved by the core schema of YAML 1.2 (section 10.3.2) and nothing else,
names are text whatever they look like, and what aliases unfold is counted, so that a few lines can't fill the memory.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from portazgo.declarative.domain import escape
from portazgo.declarative.file.places import Finding, Place, Places

LARGEST_BYTES = 1024**2
DEPTH = 40
# Characters and nodes after aliases are unfolded.
LARGEST_WEIGHT = 4 * 1024**2
_DIGITS = 400

_STRING = "tag:yaml.org,2002:str"
_CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OTHER_BASES = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def is_text(plain: str) -> bool:
    """Tell whether a plain scalar is text by the core schema, rather than a number, a truth value or nothing."""
    numbers = (_DECIMAL, _OTHER_BASES, _FLOAT, _NO_NUMBER)
    return plain not in _CONSTANTS and not any(form.fullmatch(plain) for form in numbers)


@dataclass(slots=True)
class Parsed:
    """What a text says: a tree of plain values, where its members stand, what is wrong."""

    tree: Any = None
    places: Places = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    is_broken: bool = False
    """Whether the tree ends where the text stopped making sense: what it lacks proves nothing then."""


class _Unreadable(Exception):
    """From here on the text makes no sense."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


def read_yaml(text: str, file: Path) -> Parsed:
    """Read one document. Everything that is wrong is in the findings; what breaks the grammar ends the reading."""
    builder = _Builder(file)
    builder.parsed.places[""] = Place(file, 1, 1)
    try:
        for event in _events(text, file):
            builder.take(event)
    except _Unreadable as problem:
        builder.parsed.findings.append(problem.finding)
        builder.parsed.is_broken = True
    return builder.parsed


def _events(text: str, file: Path) -> Iterator[Event]:
    try:
        yield from YAML(typ="safe", pure=True).parse(io.StringIO(text))
    except MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        reason = " ".join(str(part) for part in (problem.problem, problem.context) if part)
        raise _Unreadable(Finding(place, f"this is no YAML: {reason}")) from None
    except (YAMLError, ValueError, RecursionError) as problem:
        position = getattr(problem, "position", 0)
        before = text[: position if isinstance(position, int) else 0]
        line = before.count("\n") + 1
        place = Place(file, line, len(before) - (before.rfind("\n") + 1) + 1)
        reason = str(getattr(problem, "reason", None) or problem).splitlines()[0]
        raise _Unreadable(Finding(place, f"this is no YAML: {reason}")) from None


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is being filled."""

    node: dict[str, Any] | list[Any]
    pointer: str
    anchor: str | None
    weight_before: int
    member: str | None = None
    """The name whose value comes next; of a mapping only."""
    repeats: bool = False


class _Builder:
    """Makes the tree of events."""

    def __init__(self, file: Path) -> None:
        self.parsed = Parsed()
        self._file = file
        self._frames: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._weight = 0
        self._documents = 0

    def take(self, event: Event) -> None:
        """Take the next event. Raises _Unreadable."""
        place = self._place(event)
        if isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _Unreadable(Finding(place, "a second document begins here: a file is one"))
            if event.version and tuple(event.version) != (1, 2):
                raise _Unreadable(Finding(place, "files are read as YAML 1.2: take the directive out"))
        elif isinstance(event, CollectionEndEvent):
            frame = self._frames.pop()
            if frame.anchor:
                self._anchors[frame.anchor] = (frame.node, self._weight - frame.weight_before)
        elif isinstance(event, NodeEvent):
            self._node(event, place)

    def _node(self, event: NodeEvent, place: Place) -> None:
        frame = self._frames[-1] if self._frames else None
        if frame is not None and isinstance(frame.node, dict) and frame.member is None:
            self._name(frame, event, place)
            return
        if isinstance(event, AliasEvent):
            value, weight = self._anchored(event, place)
            self._weigh(weight, place)
            self._put(value, place)
        elif isinstance(event, ScalarEvent):
            before = self._weight
            self._weigh(1 + len(event.value), place)
            value = self._scalar(event, place)
            if event.anchor:
                self._anchors[event.anchor] = (value, self._weight - before)
            self._put(value, place)
        else:
            self._open(event, place)

    def _open(self, event: NodeEvent, place: Place) -> None:
        assert isinstance(event, MappingStartEvent | SequenceStartEvent)  # noqa: S101 - the last of the node events
        if event.tag is not None and not str(event.tag).startswith("tag:yaml.org,2002:"):
            self._find(place, f"the tag {event.tag} means nothing here")
        if len(self._frames) >= DEPTH:
            raise _Unreadable(Finding(place, f"this is nested more than {DEPTH} levels deep"))
        before = self._weight
        self._weigh(1, place)
        node: dict[str, Any] | list[Any] = {} if isinstance(event, MappingStartEvent) else []
        pointer = self._put(node, place)
        self._frames.append(_Frame(node, pointer, event.anchor, before))

    def _name(self, frame: _Frame, event: NodeEvent, place: Place) -> None:
        assert isinstance(frame.node, dict)  # noqa: S101 - lists have no names
        if isinstance(event, AliasEvent):
            name, _ = self._anchored(event, place)
        else:
            name = event.value if isinstance(event, ScalarEvent) else None
        if not isinstance(name, str):
            raise _Unreadable(Finding(place, "a member's name must be text"))
        self._weigh(1 + len(name), place)
        name = self._text(name, place)
        frame.member = name
        frame.repeats = name in frame.node
        pointer = f"{frame.pointer}/{escape(name)}"
        if frame.repeats:
            first = self.parsed.places[pointer]
            self._find(place, f'"{name}" stands here twice; first in line {first.line}')
        else:
            self.parsed.places[pointer] = place

    def _put(self, value: Any, place: Place) -> str:
        """Put a value where it belongs; give its pointer."""
        if not self._frames:
            self.parsed.tree = value
            return ""
        frame = self._frames[-1]
        if isinstance(frame.node, list):
            frame.node.append(value)
            pointer = f"{frame.pointer}/{len(frame.node) - 1}"
            self.parsed.places[pointer] = place
            return pointer
        assert frame.member is not None  # noqa: S101 - a mapping's value comes after its name
        pointer = f"{frame.pointer}/{escape(frame.member)}"
        if frame.repeats:
            # Told already; what is below it is read, and goes nowhere.
            pointer = f"{pointer}/\0"
        else:
            frame.node[frame.member] = value
        frame.member = None
        return pointer

    def _anchored(self, event: AliasEvent, place: Place) -> tuple[Any, int]:
        found = self._anchors.get(str(event.anchor))
        if found is None:
            raise _Unreadable(Finding(place, f"nothing before this is anchored as &{event.anchor}"))
        return found

    def _scalar(self, event: ScalarEvent, place: Place) -> Any:
        text = str(event.value)
        if event.tag is not None and str(event.tag) not in {_STRING, "!"}:
            self._find(place, f"the tag {event.tag} means nothing here")
        is_plain = event.implicit[0] and not event.style
        if not is_plain or event.tag is not None:
            return self._text(text, place)
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _DECIMAL.fullmatch(text) or _OTHER_BASES.fullmatch(text):
            return self._integer(text, place)
        if _NO_NUMBER.fullmatch(text) or _FLOAT.fullmatch(text):
            number = float("nan") if _NO_NUMBER.fullmatch(text) else float(text)
            if not math.isfinite(number):
                self._find(place, f"{text} is no number that could be kept")
                return 0
            return number
        return self._text(text, place)

    def _integer(self, text: str, place: Place) -> int:
        if len(text) > _DIGITS:
            self._find(place, f"a number of {len(text)} digits can't be kept: write it as text, in quotes")
            return 0
        return int(text, 0) if _OTHER_BASES.fullmatch(text) else int(text)

    def _text(self, text: str, place: Place) -> str:
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            self._find(place, "this text holds a character that can't be stored (U+0000 or half a pair)")
            return ""
        return text

    def _weigh(self, weight: int, place: Place) -> None:
        self._weight += weight
        if self._weight > LARGEST_WEIGHT:
            raise _Unreadable(
                Finding(place, f"the file unfolds to more than {LARGEST_WEIGHT} characters: aliases of aliases?")
            )

    def _find(self, place: Place, message: str) -> None:
        self.parsed.findings.append(Finding(place, message))

    def _place(self, event: Event) -> Place:
        mark = event.start_mark
        return Place(self._file, mark.line + 1, mark.column + 1) if mark else Place(self._file, 1, 1)
