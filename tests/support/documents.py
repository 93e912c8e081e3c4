"""The project's documents: which there are, their fenced blocks, the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^ *```(\w*)$")
_PROMPT = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?(portazgo [a-z].*)$")
# What comes after the command is the shell's, or a remark.
_TAIL = re.compile(r"\s+(?:#|\||>|&&).*$")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a fenced block, and where it stands."""

    document: Path
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        """Name the place, as an editor opens it."""
        return f"{self.document.relative_to(PROJECT)}:{self.number}"


def documents() -> list[Path]:
    """All documents that a reader may open."""
    return [
        *sorted(PROJECT.glob("*.md")),
        *sorted(PROJECT.glob("docs/**/*.md")),
        *sorted(PROJECT.glob("examples/*/*.md")),
    ]


def fenced_lines(document: Path) -> Iterator[Line]:
    """The lines inside fenced blocks; a line that ends with a backslash is put together with the next."""
    language: str | None = None
    begun = ""
    for number, text in enumerate(document.read_text("utf-8").splitlines(), start=1):
        if found := _FENCE.match(text):
            language = found[1] if language is None else None
        elif language is not None:
            whole = begun + text.strip() if begun else text
            begun = whole[:-1] if whole.endswith("\\") else ""
            if not begun:
                yield Line(document, number, language, whole)


def command_lines(document: Path) -> Iterator[Line]:
    """What a reader types of a page: lines of a console that begin with a prompt, and all of a shell's."""
    for line in fenced_lines(document):
        text = line.text.strip()
        if line.language == "console" and text.startswith("$ "):
            yield replace(line, text=text.removeprefix("$ "))
        elif line.language == "sh" and text and not text.startswith("#"):
            yield replace(line, text=text)


def commands(document: Path) -> Iterator[tuple[Line, list[str]]]:
    """The `portazgo …` lines of a document, as words."""
    for line in fenced_lines(document):
        if found := _PROMPT.match(line.text.strip()):
            yield line, shlex.split(_TAIL.sub("", found[1]))[1:]
