"""Collecting what is wrong while a contract is read and compiled: all of it is reported at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from portazgo.contracts.language.paths import Path, PathInvalid, parse_path
from portazgo.contracts.language.refused import ContractRefused, Problem, listed, nearest
from portazgo.kit.values import kind_of
from portazgo.routes.openapi.places import escape

_AT_MOST = 200


class Problems:
    """A list of problems, each once."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}

    def add(self, pointer: str, message: str, near: str | None = None) -> None:
        """Note a problem. A mapping that is used twice has its faults once. Raises ContractRefused when there are enough."""
        self._found[Problem(pointer, message, near)] = None
        if len(self._found) >= _AT_MOST:
            # Nobody is told of more, and to look for what was meant takes time for each.
            self.check()

    def unknown(self, pointer: str, what: str, name: str, known: Iterable[str]) -> None:
        """Note a name that nothing bears, with the nearest that something does; or with all of them, where they are few."""
        known = list(known)
        near = nearest(name, known)
        self.add(pointer, f"{what} {name!r}{'' if near else listed(known)}", near)

    def within(self, pointer: str) -> bool:
        """Tell whether something is wrong at or below a pointer."""
        return any(f"{problem.pointer}/".startswith(f"{pointer}/") for problem in self._found)

    def __bool__(self) -> bool:
        return bool(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def check(self) -> None:
        """Raise ContractRefused when there are any."""
        if self._found:
            raise ContractRefused(list(self._found))

    def mapping(self, value: object, pointer: str) -> Mapping[str, Any]:
        """Return the value, which is to be a mapping with texts for names; an empty one if it is not."""
        if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
            return value
        if isinstance(value, Mapping):
            self.add(pointer, "names are texts: quote them")
        else:
            self.add(pointer, f"this must be a mapping, and is {kind_of(value)}")
        return {}

    def members(self, value: object, pointer: str, known: Iterable[str]) -> Mapping[str, Any]:
        """Return the value, which is to be a mapping of known members; what is unknown is noted."""
        known = tuple(known)
        found = self.mapping(value, pointer)
        for name in found:
            if name not in known:
                self.unknown(f"{pointer}/{escape(name)}", "there is no member", name, known)
        return found

    def texts(self, value: object, pointer: str) -> list[tuple[str, str]]:
        """Return the texts of a list (a single text is a list of one), each with its place."""
        if isinstance(value, str):
            return [(pointer, value)]
        if not isinstance(value, list):
            self.add(pointer, f"this must be a list of texts, and is {kind_of(value)}")
            return []
        found = []
        for index, text in enumerate(value):
            if isinstance(text, str):
                found.append((f"{pointer}/{index}", text))
            else:
                self.add(f"{pointer}/{index}", f"this must be a text, and is {kind_of(text)}")
        return found

    def path(self, text: object, pointer: str) -> Path | None:
        """Return the path that the text is, or None when it is none."""
        if not isinstance(text, str):
            self.add(pointer, "this must be a path: names with dots between them, such as owner.name")
            return None
        try:
            return parse_path(text)
        except PathInvalid as problem:
            self.add(pointer, str(problem))
            return None

    def word(self, value: object, pointer: str, known: Iterable[str]) -> Any:
        """Return the value when it is one of the known words, else None."""
        known = tuple(known)
        if isinstance(value, str) and value in known:
            return value
        near = nearest(value, known) if isinstance(value, str) else None
        self.add(pointer, f"this must be one of {', '.join(known)}", near)
        return None
