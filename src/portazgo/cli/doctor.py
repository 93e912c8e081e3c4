"""`portazgo doctor`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from portazgo.cli.exits import Exit
from portazgo.cli.output import show_one, show_rows
from portazgo.cli.session import output_options

if TYPE_CHECKING:
    from portazgo.care.doctor import Told

MARKS = {"well": ("✓", "green"), "warning": ("!", "yellow"), "wrong": ("✗", "red"), "skipped": ("·", "white")}
COLUMNS = ("check", "status", "sentence", "remedy")
NAME_WIDTH = 14


@click.command()
@output_options
def doctor(output: str, *, quiet: bool) -> int:
    """Look for what is wrong with this installation and say what to do; changes nothing.

    Works whether anything runs or not. Exit 0: nothing is wrong; 7: something is. `--quiet` tells only what is wrong
    or should be looked at.
    """
    from portazgo.care.doctor import examine, healthy  # noqa: PLC0415 - databases and HTTP, only where needed

    told = []
    for one in examine(os.environ):
        told.append(one)
        if output == "table" and not (quiet and one.finding.remedy is None):
            _tell(one)
    well = healthy(told)
    rows = [_row(one) for one in told]
    if output in {"json", "yaml"}:
        show_one({"healthy": well, "findings": rows}, output)
    elif output != "table":
        show_rows(rows, COLUMNS, output)
    return Exit.DONE if well else Exit.UNHEALTHY


def _row(one: Told) -> dict[str, Any]:
    found = one.finding
    return {"check": one.check, "status": found.status.value, "sentence": found.sentence, "remedy": found.remedy}


def _tell(one: Told) -> None:
    mark, colour = MARKS[one.finding.status]
    click.echo(f"{click.style(mark, fg=colour)} {one.check:<{NAME_WIDTH}} {one.finding.sentence}")
    if one.finding.remedy:
        click.echo(f"  {'':<{NAME_WIDTH}} → {one.finding.remedy}")
