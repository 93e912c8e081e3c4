"""`portazgo wrapping`: what seals the secrets in the database, and the rotation of the master key."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portazgo.cli.exits import Exit
from portazgo.cli.noun import Noun, asks, confirm, prints
from portazgo.cli.output import note, show_one, show_rows
from portazgo.cli.session import Failed, connect
from portazgo.cli.words import say

if TYPE_CHECKING:
    from portazgo.cli.output import Row
    from portazgo.client.admin import AdminClient

COLUMNS = ("table", "column", "sealed_by", "count")
LOOK_SECONDS = 0.5


@click.group(cls=Noun)
def wrapping() -> None:
    """What seals the secrets in the database; rotation of the master key."""


@wrapping.command("status")
@prints
def wrapping_status(output: str) -> None:
    """Show what is sealed by which key, and how far the rotation is."""
    found = connect().get("/wrapping")
    if output != "table":
        show_one(found, output)
        return
    show_rows(found["secrets"], COLUMNS, output)
    if found["sealing"] is None:
        note(say("What seals now is not known: {why}.", why=found["trouble"]))
    else:
        note(
            say(
                "{name} seals now; {count} secrets were sealed by others.", name=found["sealing"], count=found["behind"]
            )
        )
    if found["rotation"] is not None:
        _tell(found["rotation"])


@wrapping.command("rotate")
@click.option("--anyway", is_flag=True, help="Also when nodes can't open what is sealed anew.")
@click.option("--wait", is_flag=True, help="Return when it is done.")
@asks
@prints
def rotate_wrapping(output: str, *, anyway: bool, wait: bool) -> int:
    """Seal everything anew with the provider that PORTAZGO_WRAPPING names; traffic goes on.

    Exit 7 with --wait: it does not get on.
    """
    client = connect()
    confirm(say("Seal every secret anew with what PORTAZGO_WRAPPING names?"))
    run = client.post("/wrapping/rotate", {"anyway": anyway})
    if wait:
        run = _waited(client, run)
    show_one(run, output)
    return Exit.UNHEALTHY if wait and run["finished_at"] is None else Exit.DONE


@wrapping.command("new-key")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def new_key(file: Path) -> None:
    """Make a new master key in FILE, for `PORTAZGO_WRAPPING=local:FILE`; replaces none."""
    from portazgo.kit.wrapping.local import create_key  # noqa: PLC0415 - cryptography, only here

    try:
        made = create_key(file.absolute())
    except OSError as problem:
        raise Failed(say("{file} can't be written ({why})", file=file, why=problem.strerror)) from None
    if not made:
        raise Failed(say("{file} is there already", file=file), exit_code=Exit.CONFLICT)
    note(say("Keep a copy of {file} apart from the backups: what it seals can't be read without it.", file=file))


def _waited(client: AdminClient, run: Row) -> Row:
    said = ""
    while run["finished_at"] is None:
        time.sleep(LOOK_SECONDS)
        found = client.get("/wrapping")["rotation"]
        if found["id"] != run["id"]:
            return run
        run = found
        line = say("{done} of {total} secrets are sealed anew.", done=run["done"], total=run["total"])
        if line != said:
            note(line)
            said = line
        if run["trouble"]:
            _tell(run)
            return run
    return run


def _tell(run: Row) -> None:
    if run["finished_at"] is None:
        note(say("{done} of {total} secrets are sealed anew.", done=run["done"], total=run["total"]))
    if run["trouble"]:
        note(say("It waits: {why}.", why=run["trouble"]))
