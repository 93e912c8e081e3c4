"""The fields that an answer told, by the route's compiled form, the status and `?fields=`.

What is listed are fields that the program gives out. A member that the backend left out is listed all the same: whether it
came is in the body alone, and bodies are not kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portazgo.contracts.compiling import CompiledRoute, FieldPair
from portazgo.contracts.language.paths import ANY, FREELY, Path, read_path


class SelectionInvalid(ValueError):
    """A text is no selection of fields."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What `?fields=` names: members, each with what is selected below it; nothing there means all of it."""

    members: Mapping[str, Selection] = field(default_factory=dict)

    def takes(self, path: Path) -> bool:
        """Whether a field of this place passes."""
        if not self.members or not path or path[0] == FREELY:
            return True
        if path[0] == ANY:
            return any(below.takes(path[1:]) for below in self.members.values())
        return path[0] in self.members and self.members[path[0]].takes(path[1:])


def parse_selection(text: str) -> Selection:
    """Read `id,owner(name)`. Raises SelectionInvalid with a sentence."""
    members, end = _members(text, 0)
    if end != len(text):
        raise SelectionInvalid(f"there is a parenthesis too many at character {end + 1}")
    return Selection(members)


@dataclass(frozen=True, slots=True)
class Telling:
    """What answers of a route tell: as much of its compiled form as the ledger needs, for as long as it may be asked."""

    answers: tuple[tuple[str, str], ...]
    """Status and kind of body, in the contract's order."""
    fields: Mapping[str, tuple[FieldPair, ...]]
    at: tuple[str, ...] | None
    """Below which of the partner's members selections begin; None: there are none."""

    def kept(self) -> dict[str, Any]:
        """Give what is stored of it."""
        pairs = {status: [[pair.partner, pair.backend] for pair in of] for status, of in self.fields.items()}
        return {"answers": self.answers, "fields": pairs, "at": self.at}


def telling_of(route: CompiledRoute) -> Telling:
    """Take from a compiled route what the ledger needs."""
    option = route.wire.get("fields")
    return Telling(
        answers=tuple((answer["status"], answer["body"]["kind"]) for answer in route.wire["answers"]),
        fields={status: tuple(pairs) for status, pairs in route.fields.items()},
        at=None if option is None else tuple(option["at"]),
    )


def restored(kept: Mapping[str, Any]) -> Telling:
    """Give back what was stored."""
    return Telling(
        answers=tuple((status, kind) for status, kind in kept["answers"]),
        fields={status: tuple(FieldPair(*pair) for pair in pairs) for status, pairs in kept["fields"].items()},
        at=None if kept["at"] is None else tuple(kept["at"]),
    )


def told(telling: Telling, status: int, selection: Selection | None = None) -> tuple[FieldPair, ...]:
    """List the fields that an answer of this status of the backend's gives out, in the contract's order.

    Nothing is told by what is no projected JSON: a body that passes as it is, a problem, no body at all.
    """
    key = _entry(telling, status)
    pairs = telling.fields.get(key, ()) if key is not None else ()
    at = telling.at
    if selection is None or at is None:
        return tuple(pairs)
    return tuple(pair for pair in pairs if _passes(read_path(pair.partner), at, selection))


def _entry(telling: Telling, status: int) -> str | None:
    """The first answer whose status fits, as nodes choose it; None: it is a problem."""
    fitting = {str(status), f"{status // 100}XX", "default"}
    for entry, kind in telling.answers:
        if entry in fitting:
            return entry if kind == "json" else None
    return None


def _passes(path: Path, begin: Path, selection: Selection) -> bool:
    """What stands beside the place where selections begin (a page's count, its next link) passes always."""
    return path[: len(begin)] != begin or selection.takes(path[len(begin) :])


def _members(text: str, start: int) -> tuple[dict[str, Selection], int]:
    members: dict[str, Selection] = {}
    at = start
    while True:
        name, at = _name(text, at)
        below: dict[str, Selection] = {}
        if at < len(text) and text[at] == "(":
            below, at = _members(text, at + 1)
            if at >= len(text):
                raise SelectionInvalid("a parenthesis is not closed")
            at += 1
        members[name] = Selection(below)
        if at >= len(text) or text[at] != ",":
            return members, at
        at += 1


def _name(text: str, start: int) -> tuple[str, int]:
    end = start
    while end < len(text) and text[end] not in ",()":
        end += 1
    name = text[start:end].strip()
    if not name:
        raise SelectionInvalid(f"a name is missing at character {start + 1}")
    return name, end
