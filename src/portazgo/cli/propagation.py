"""Shows how far a change of a key has come, and waits until it has come everywhere."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from portazgo.cli.exits import Exit
from portazgo.cli.output import note, show_one, show_rows
from portazgo.cli.words import say

if TYPE_CHECKING:
    from portazgo.client.admin import AdminClient, Document

NODE_COLUMNS = ("label", "state", "at", "node")
_PAUSE_SECONDS = 0.2


def show_propagation(client: AdminClient, kid: str, timeout: timedelta, output: str) -> int:
    """Look until it is proven, or the time is over; print what is known then. Returns the exit code."""
    deadline = time.monotonic() + timeout.total_seconds()
    while True:
        found = client.get(f"/keys/{kid}/propagation")
        if found["proven"] or time.monotonic() >= deadline:
            break
        time.sleep(_PAUSE_SECONDS)
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
