"""Looks through the tracked files for what may not be in the repository; lists source files that have grown long.

`python scripts/lint_repository.py [FILE...]` (default: all that git tracks or would track). Exits 1 on a finding; a
long file is reported and no more.

- The name of a package-registry host: mirrors differ between companies. Cargo.lock alone is as Cargo writes it.
- A path of the machine it was written on.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
LONGEST_FILE_LINES = 500
LOCKED_BY_CARGO = "Cargo.lock"
GENERATED = re.compile(r"\A\W*generated\b", re.IGNORECASE)

# Spelt so that this file passes its own test.
REGISTRY_HOST = re.compile(
    r"\b(?:pypi|pythonhosted|npmjs|yarnpkg|crates|rubygems)[.](?:org|io|com)\b|\bdeb[.]debian\b|\b(?:proxy|sum)[.]golang\b",
    re.IGNORECASE,
)
MACHINE_PATH = re.compile(r"(?<![\w.}*-])/(?:(?:root|work|Users)/[\w.-]|home/[\w-]+/|tmp/\w)")
FORBIDDEN = (("the name of a package-registry host", REGISTRY_HOST), ("a path of one machine", MACHINE_PATH))


def tracked(project: Path) -> list[Path]:
    """The files that git tracks, or would: not yet added counts, ignored doesn't."""
    command = ["git", "-C", str(project), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True).stdout.decode().split("\0")
    return [path for name in sorted(set(names)) if name and (path := project / name).is_file()]


def findings(paths: Iterable[Path]) -> Iterator[str]:
    """One line for each place where something stands that may not: `path:line: what`."""
    for path in paths:
        text = readable(path)
        if text is None or path.name == LOCKED_BY_CARGO:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            for what, pattern in FORBIDDEN:
                if found := pattern.search(line):
                    yield f"{path}:{number}: {what}: {found[0]}"


def long_files(paths: Iterable[Path]) -> Iterator[str]:
    """Python and Rust files that should be split by use case; generated ones are as long as they are."""
    for path in paths:
        text = readable(path) if path.suffix in {".py", ".rs"} else None
        if text is None or GENERATED.match(text):
            continue
        lines = text.count("\n")
        if lines > LONGEST_FILE_LINES:
            yield f"{path}: {lines} lines; split it by use case"


def readable(path: Path) -> str | None:
    """The text of a file, or None when it isn't text."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        return None


def main(arguments: list[str]) -> int:
    """Print what was found. Returns the exit code."""
    paths = [Path(argument) for argument in arguments] or tracked(PROJECT)
    found = list(findings(paths))
    for line in [*found, *long_files(paths)]:
        print(line.removeprefix(f"{PROJECT}/"))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
