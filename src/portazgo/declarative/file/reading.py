"""Reads a file with all that it includes and imports, as one document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portazgo.declarative.domain import SECTIONS, escape
from portazgo.declarative.file.confinement import leads_out, lies_in
from portazgo.declarative.file.importing import resolve_imports, resolve_schemas
from portazgo.declarative.file.places import Finding, Place, Places, find, place_of
from portazgo.declarative.file.settings_section import check_settings
from portazgo.declarative.file.yaml import LARGEST_BYTES, read_yaml
from portazgo.declarative.problems import Problem

FILES_AT_MOST = 200
TOTAL_BYTES = 4 * 1024**2
_ROOT_ONLY = ("name", "settings")
_REMEDY = "include what lies beside it or below"


class NoFile(Exception):
    """There is no such file, or it can't be read."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file} can't be read ({reason})")
        self.file = file


@dataclass(slots=True)
class Reading:
    """A document as it will be sent, where its members stand, and what is wrong with how it is written."""

    file: Path
    tree: Any = None
    places: Places = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    is_broken: bool = False
    """Whether a file's grammar is broken, so that what the tree lacks proves nothing."""

    def find(self, problems: list[Problem]) -> list[Finding]:
        """Say where problems of the document stand."""
        return find(problems, self.places)


def read_file(file: Path) -> Reading:
    """Read a file, its includes and imports. Raises NoFile for the first; all else that is wrong is a finding."""
    reading = Reading(file)
    _Reader(reading).read_root()
    if isinstance(reading.tree, dict):
        root = file.parent.resolve()
        resolve_imports(reading.tree, reading.places, reading.findings, reading.warnings, root=root)
        resolve_schemas(reading.tree, reading.places, reading.findings, root=root)
    reading.findings.sort(key=lambda finding: finding.place)
    return reading


class _Reader:
    """Reads each file once."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._root = reading.file.parent.resolve()
        self._seen: set[Path] = set()
        self._bytes = 0

    def read_root(self) -> None:
        file = self._reading.file
        self._seen.add(file.resolve())
        tree, places = self._parse(file, _text(file))
        self._reading.tree, self._reading.places = tree, places
        if not isinstance(tree, dict):
            return
        if "settings" in tree:
            self._reading.findings += find(check_settings(tree.pop("settings")), places)
        self._include(tree, places)

    def _parse(self, file: Path, text: str) -> tuple[Any, Places]:
        self._bytes += len(text)
        parsed = read_yaml(text, file)
        self._reading.findings += parsed.findings
        self._reading.is_broken |= parsed.is_broken
        return ({} if parsed.tree is None else parsed.tree), parsed.places

    def _include(self, tree: dict[str, Any], places: Places) -> None:
        patterns = tree.pop("include", None)
        if patterns is None:
            return
        if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
            self._find(places["/include"], "include is a list of paths, such as [partners/*.yaml]")
            return
        for number, pattern in enumerate(patterns):
            place = place_of(f"/include/{number}", places)
            if leads_out(pattern, place.file.parent, self._root):
                self._find(place, f'"{pattern}" leads out of the folder of {self._reading.file.name}: {_REMEDY}')
                continue
            files = _matching(place.file.parent, pattern)
            if not files:
                self._find(place, f'nothing is called "{pattern}" beside {place.file.name}')
            for file in files:
                self._read_included(file, place)

    def _read_included(self, file: Path, place: Place) -> None:
        if not lies_in(file, self._root):
            self._find(place, f"{file} is a link that leads out of the folder of {self._reading.file.name}: {_REMEDY}")
            return
        if file.resolve() in self._seen:
            return
        self._seen.add(file.resolve())
        if len(self._seen) > FILES_AT_MOST or self._bytes > TOTAL_BYTES:
            self._find(place, f"too much is included: at most {FILES_AT_MOST} files and {TOTAL_BYTES} characters")
            return
        try:
            text = _text(file)
        except NoFile as problem:
            self._find(place, str(problem))
            return
        tree, places = self._parse(file, text)
        if not isinstance(tree, dict):
            self._find(places[""], "a file is a mapping of sections")
            return
        for name in _ROOT_ONLY:
            if name in tree:
                self._find(
                    places[f"/{name}"], f"{name} belongs into {self._reading.file.name}, which includes this file"
                )
                del tree[name]
        self._include(tree, places)
        self._merge(tree, places)

    def _merge(self, tree: dict[str, Any], places: Places) -> None:
        """Put an included file's members beside those that are there; one name has one place."""
        whole, all_places = self._reading.tree, self._reading.places
        for section, body in tree.items():
            pointer = f"/{escape(section)}"
            if section == "portazgo" and section in whole:
                if body != whole[section]:
                    self._find(places[pointer], "this file says another version than the one that includes it")
            elif whole.get(section) is None:
                whole[section] = body
                _take(pointer, places, all_places)
            elif section in SECTIONS and isinstance(body, Mapping) and isinstance(whole[section], dict):
                self._merge_section(section, body, places)
            elif body is not None:
                first = place_of(pointer, all_places)
                self._find(places[pointer], f'"{section}" can\'t be put together with the one at {first}')

    def _merge_section(self, section: str, body: Mapping[str, Any], places: Places) -> None:
        whole, all_places = self._reading.tree, self._reading.places
        for name, value in body.items():
            pointer = f"/{section}/{escape(name)}"
            if name in whole[section]:
                first = place_of(pointer, all_places)
                self._find(places[pointer], f'the {SECTIONS[section]} "{name}" stands at {first} already')
            else:
                whole[section][name] = value
                _take(pointer, places, all_places)

    def _find(self, place: Place, message: str) -> None:
        self._reading.findings.append(Finding(place, message))


def _take(pointer: str, source: Places, target: Places) -> None:
    for inner, place in source.items():
        if inner == pointer or inner.startswith(f"{pointer}/"):
            target[inner] = place


def _matching(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(found for found in folder.glob(pattern) if found.is_file())
    except (ValueError, OSError, NotImplementedError):
        return []


def _text(file: Path) -> str:
    """Read a file. Raises NoFile."""
    try:
        if not file.is_file():
            raise NoFile(file, "there is no such file")
        if file.stat().st_size > LARGEST_BYTES:
            raise NoFile(file, f"it has more than {LARGEST_BYTES} bytes")
        return file.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        raise NoFile(file, problem.strerror or "unreadable") from None
    except UnicodeDecodeError as problem:
        raise NoFile(file, f"byte {problem.start} is not UTF-8") from None
