"""`portazgo pepper`: what the digests of secrets are keyed with."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from portazgo.cli.exits import Exit
from portazgo.cli.noun import Noun, limit, limited, prints, show_list
from portazgo.cli.output import Row, note, show_one
from portazgo.cli.parameters import duration
from portazgo.cli.session import connect
from portazgo.cli.words import say

if TYPE_CHECKING:
    from portazgo.client.admin import AdminClient

COLUMNS = ("version", "state", "secrets", "stuck", "created_at")
_PAUSE_SECONDS = 0.5


@click.group(cls=Noun)
def pepper() -> None:
    """The pepper: what the digests of all keys' secrets are keyed with; kept wrapped, shown to nobody."""


@pepper.command("list")
@limit(None)
@prints
def list_peppers(most: int | None, output: str) -> None:
    """List the versions. With more than one a rotation is under way."""
    client = connect()
    show_list(client, limited(client, "/peppers", {}, most), COLUMNS, output)


@pepper.command("show")
@click.argument("version", type=click.IntRange(min=1), required=False)
@prints
def show_pepper(version: int | None, output: str) -> None:
    """Show a version, the newest unless it is named: how many secrets it has, and which can't be moved away from it."""
    client = connect()
    if version is None:
        version = next((row["version"] for row in client.pages("/peppers", {"limit": 1})), 1)
    found = client.get(f"/peppers/{version}")
    show_one(found, output)
    if found["stuck"]:
        note(_way_out())


@pepper.command("rotate")
@click.option("--wait", is_flag=True, help="Wait until every secret has moved and the old version is gone.")
@click.option("--timeout", type=duration, default="1h", help="How long --wait waits.", show_default=True)
@prints
def rotate_pepper(wait: bool, timeout: timedelta, output: str) -> int:
    """Make a new version, and have the worker move every secret to it. No key changes; no call notices."""
    client = connect()
    made = client.post("/peppers/rotate")
    if not wait:
        show_one(made, output)
        note(say("The worker moves the secrets; `portazgo pepper list` shows how far it is."))
        return Exit.DONE
    left = _wait(client, made["version"], timeout)
    show_list(client, left, COLUMNS, output)
    if len(left) == 1:
        return Exit.DONE
    stuck = [row["version"] for row in left if row["state"] == "stuck"]
    if len(stuck) == len(left) - 1:
        note(say("Every other secret has moved. `portazgo pepper show {version}` names the rest.", version=stuck[-1]))
        note(_way_out())
        return Exit.UNHEALTHY
    note(say("It is not over yet, and goes on without you."))
    return Exit.UNHEALTHY


def _wait(client: AdminClient, version: int, timeout: timedelta) -> list[Row]:
    """Show a bar on stderr until no version is leaving, or the time is over. Returns the versions there are then."""
    deadline = time.monotonic() + timeout.total_seconds()
    rows = list(client.pages("/peppers", {}))
    with click.progressbar(length=_sum(rows), label=say("Secrets moved"), file=sys.stderr) as bar:
        while any(row["state"] == "leaving" for row in rows) and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
            rows = list(client.pages("/peppers", {}))
            bar.length = _sum(rows)
            bar.update(next(row["secrets"] for row in rows if row["version"] == version) - bar.pos)
    return rows


def _sum(rows: list[Row]) -> int:
    return sum(row["secrets"] for row in rows)


def _way_out() -> str:
    return say(
        "What is kept of them can't be opened, so no other pepper can take them. They go on working. Rotate their keys: the "
        "old pepper goes once the old secrets are over. Of a dead key, delete it."
    )
