"""Prints documents: one on stdout, in the form asked for; what else is to be said goes to stderr."""

from __future__ import annotations

import csv
import itertools
import json
import os
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from portazgo.cli.cells import NOTHING, Names, cell, member, members, raw, shown, without_seconds
from portazgo.cli.session import PRINTED
from portazgo.cli.words import label, say

if TYPE_CHECKING:
    from rich.console import Console

Row = dict[str, Any]

QUIET = "portazgo.quiet"
_NO_NAMES: Names = {}
# Where nobody looks at a terminal, a line is a row: nothing is folded or cut.
_UNFOLDED_COLUMNS = 10_000


def show_rows(
    rows: Iterable[Row],
    columns: Sequence[str],
    output: str,
    *,
    names: Names = _NO_NAMES,
    spare: Sequence[str] = ("id",),
) -> None:
    """Print a list; `columns` are dotted paths, and count for table and csv only; `names` for tables only.

    `spare` columns are left out, all of them, where a line has no room for them.
    """
    _begin()
    if output == "jsonl":
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    listed = list(rows)
    if output == "json":
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
    elif output == "yaml":
        _yaml(listed)
    elif output == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([raw(member(row, column)) for column in columns] for row in listed)
    else:
        _table(listed, columns, names, spare)


def show_one(document: Row, output: str, *, names: Names = _NO_NAMES) -> None:
    """Print one document."""
    _begin()
    if output in {"json", "jsonl"}:
        click.echo(json.dumps(document, indent=2 if output == "json" else None, ensure_ascii=False))
    elif output == "yaml":
        _yaml(document)
    elif output == "csv":
        show_rows([document], list(document), "csv")
    else:
        show_pairs(members(document, names))


def show_text(document: Row, member: str, output: str) -> None:
    """Print the text that a member of the document holds, as it is; programs get the document."""
    if output == "table":
        click.echo(document[member], nl=not document[member].endswith("\n"))
    else:
        show_one(document, output)


def show_groups(rows: Iterable[Row], by: Sequence[str], columns: Sequence[str]) -> None:
    """Print a list for people: what rows beside each other have in common above them, once."""
    listed = list(rows)
    if not listed:
        note(say("Nothing there yet."))
    groups = itertools.groupby(listed, lambda row: [cell(member(row, column), _NO_NAMES) for column in by])
    for number, (heading, group) in enumerate(groups):
        if number:
            click.echo()
        click.secho("  ".join(heading), bold=colours() or None)
        show_rows(group, columns, "table")


def show_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Print labels and texts under each other; on a terminal a text that is too long goes on below itself."""
    listed = [(shown(name), text) for name, text in pairs]
    width = max((len(name) for name, _ in listed), default=0) + _GAP
    columns = max(_NARROWEST, console().width - width) if _on_terminal() else _UNFOLDED_COLUMNS
    for name, text in listed:
        lines = [text] if len(text) <= columns else _folded(text, columns)
        for number, line in enumerate(lines):
            click.echo(f"{'' if number else name:<{width}}{shown(line)}")


def _begin() -> None:
    """Note that stdout has something from now on: an error that comes later is no document beside it."""
    context = click.get_current_context(silent=True)
    if context is not None:
        context.meta[PRINTED] = True


def _folded(text: str, columns: int) -> list[str]:
    # Words are whole: what is cut inside them can't be copied.
    return textwrap.wrap(text, columns, break_long_words=False, break_on_hyphens=False) or [text]


def show_paragraph(text: str) -> None:
    """Print a text for people: wrapped where a terminal would break words, as it is into files and pipes."""
    if _on_terminal():
        text = click.wrap_text(text, width=console().width)
    click.echo(shown(text))


def note(sentence: str) -> None:
    """Say something beside the document, on stderr; with --quiet don't."""
    context = click.get_current_context(silent=True)
    if context is None or not context.meta.get(QUIET):
        click.echo(shown(sentence), err=True)


def colours() -> bool:
    """Tell whether colours and bold may be used at all (https://no-color.org)."""
    return not os.environ.get("NO_COLOR")


def console() -> Console:
    """Make what tables are drawn on: as wide as the terminal; unfolded into files and pipes."""
    from rich.console import Console  # noqa: PLC0415 - drawn by the commands that show a table

    return Console(
        highlight=False,
        markup=False,
        emoji=False,
        width=None if _on_terminal() else _UNFOLDED_COLUMNS,
        color_system="auto" if colours() else None,
    )


def _on_terminal() -> bool:
    return sys.stdout.isatty() or "COLUMNS" in os.environ


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], names: Names, spare: Sequence[str]) -> None:
    if not rows:
        note(say("Nothing there yet."))
        return
    drawn = console()
    shown = _fitting(columns, rows, names, drawn.width, spare)
    if shown is None:
        _blocks(rows, columns, names)
        return
    from rich.table import Table  # noqa: PLC0415 - drawn by the commands that show a table

    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for column in shown:
        table.add_column(label(column), justify="right" if column in _NUMBERS else "left", no_wrap=True)
    for row in rows:
        table.add_row(*[_brief(column, cell(member(row, column), names)) for column in shown])
    drawn.print(table)


def _fitting(
    columns: Sequence[str], rows: Sequence[Mapping[str, Any]], names: Names, width: int, spare: Sequence[str]
) -> Sequence[str] | None:
    """Choose the columns that a line has room for: all, or all but the spare ones; None: not even these."""

    def needs(column: str) -> int:
        texts = [_brief(column, cell(member(row, column), names)) for row in rows]
        return max(map(len, [label(column), *texts])) + _GAP

    widths = {column: needs(column) for column in columns}
    brief = [column for column in columns if column not in spare]
    return next((some for some in (columns, brief) if sum(widths[column] for column in some) <= width + _GAP), None)


def _blocks(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], names: Names) -> None:
    """Print each row under itself: what is cut or folded inside words can't be read, and not be copied."""
    for number, row in enumerate(rows):
        if number:
            click.echo()
        show_pairs((label(column), _brief(column, cell(member(row, column), names))) for column in columns)


def _brief(column: str, text: str) -> str:
    return without_seconds(text) if column.endswith("_at") else text


_GAP = 2
# A text is not folded narrower than this, however long its label is.
_NARROWEST = 24
# Numbers stand under each other.
_NUMBERS = frozenset(
    {
        *("requests", "units", "bytes_in", "bytes_out", "mean_ms", "duration_ms", "revision"),
        *(
            "accepted",
            "journaled",
            "collected",
            "rolled_up",
            "in_lake",
            "under_way",
            "missing_records",
            "receipt.revision",
        ),
    }
)


def _yaml(document: object) -> None:
    from ruamel.yaml import YAML  # noqa: PLC0415 - slow to import, and rarely asked for

    writer = YAML(typ="safe")
    writer.default_flow_style = False
    writer.allow_unicode = True
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel has no types for it
    writer.dump(document, sys.stdout)


__all__ = [
    "NOTHING",
    "QUIET",
    "Row",
    "colours",
    "console",
    "note",
    "show_groups",
    "show_one",
    "show_pairs",
    "show_paragraph",
    "show_rows",
]
