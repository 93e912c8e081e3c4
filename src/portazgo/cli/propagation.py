"""Shows how far a change has come, and waits until it has come everywhere: `--wait`, the same at every verb."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from portazgo.cli.exits import Exit
from portazgo.cli.options import options
from portazgo.cli.output import note, show_one, show_rows
from portazgo.cli.parameters import duration
from portazgo.cli.words import say

if TYPE_CHECKING:
    from portazgo.client.admin import AdminClient, Document

NODE_COLUMNS = ("label", "state", "at", "node")
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 0.5


waits = options(
    click.option(
        "--wait", is_flag=True, help="Wait until no node is left that may still serve what was before; else exit 7."
    ),
    click.option("--timeout", type=duration, default="30s", help="How long --wait waits.", show_default=True),
)
"""Give a command `--wait` and `--timeout`; it calls `show_propagation` when it is to wait."""


def show_propagation(client: AdminClient, path: str, timeout: timedelta, output: str) -> int:
    """Look until it is proven, or the time is over; print what is known then. Returns the exit code.

    `path` names what was changed: `/keys/7hK2mQ9xTb`.
    """
    deadline = time.monotonic() + timeout.total_seconds()
    pause = FIRST_PAUSE_SECONDS
    while True:
        found = client.get(f"{path}/propagation")
        if found["proven"] or time.monotonic() >= deadline:
            break
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    _show(found, output)
    return Exit.DONE if found["proven"] else Exit.UNHEALTHY


def _show(found: Document, output: str) -> None:
    if output != "table":
        show_one(found, output)
        return
    show_rows(found["nodes"], NODE_COLUMNS, output)
    unproven = [node["label"] or node["node"] for node in found["nodes"] if node["state"] == "unproven"]
    if found["proven"]:
        note(say("Proven: no node is left that serves what was before."))
    else:
        note(say("Not proven: {nodes} may still serve what was before.", nodes=", ".join(unproven)))
    if found["tokens_end_at"]:
        note(say("Tokens that backends still hold end at {time} at the latest.", time=found["tokens_end_at"]))
    if found["tokens_unbounded"]:
        names = ", ".join(found["tokens_unbounded"])
        note(
            say(
                "How long tokens live that were fetched from {names} is not known here; their own answers say it.",
                names=names,
            )
        )
