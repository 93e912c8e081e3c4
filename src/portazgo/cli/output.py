"""Prints documents: one on stdout, in the form asked for; progress and warnings go to stderr elsewhere."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

Row = dict[str, Any]


def show_rows(rows: Iterable[Row], columns: Sequence[str], output: str) -> None:
    """Print a list; `columns` are dotted paths, and count for table and csv only."""
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
        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows([_cell(row, column) for column in columns] for row in listed)
    else:
        _table(listed, columns)


def show_one(document: Row, output: str) -> None:
    """Print one document."""
    if output in {"json", "jsonl"}:
        click.echo(json.dumps(document, indent=2 if output == "json" else None, ensure_ascii=False))
    elif output == "yaml":
        _yaml(document)
    elif output == "csv":
        show_rows([document], list(document), "csv")
    else:
        width = max((len(name) for name in document), default=0)
        for name, value in document.items():
            click.echo(f"{name:<{width}}  {_text(value)}")


def _table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    if not rows:
        click.echo("Nothing yet.", err=True)
        return
    from rich.console import Console  # noqa: PLC0415 - tables are drawn by the commands that show one
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " ").replace(".", " "), overflow="fold")
    for row in rows:
        table.add_row(*[_cell(row, column) for column in columns])
    Console(highlight=False, markup=False).print(table)


def _cell(row: Row, column: str) -> str:
    value: Any = row
    for name in column.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return _text(value)


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False) if value else "-"
    return str(value)


def _yaml(document: object) -> None:
    from ruamel.yaml import YAML  # noqa: PLC0415 - slow to import, and rarely asked for

    writer = YAML(typ="safe")
    writer.default_flow_style = False
    writer.dump(document, sys.stdout)
