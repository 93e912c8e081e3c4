"""Writes the table of columns in docs/lake.md; `--check` says whether it is stale."""

from __future__ import annotations

import sys
from pathlib import Path

from portazgo.lake.columns import COLUMNS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "lake.md"
BEGIN, END = "<!-- columns -->\n", "<!-- /columns -->\n"


def table() -> str:
    """Give the columns as Markdown."""
    rows = [f"| `{column.name}` | {column.kind.value} | {column.meaning} |" for column in COLUMNS]
    return "\n".join(["| column | type | what |", "|---|---|---|", *rows]) + "\n"


def page(text: str) -> str:
    """Give the page with the table of now in it."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]


def main() -> int:
    """Write, or check. Returns the exit code."""
    text = PAGE.read_text("utf-8")
    if "--check" in sys.argv:
        return 0 if page(text) == text else 1
    PAGE.write_text(page(text), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
