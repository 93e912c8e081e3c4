"""`portazgo contract diff`: what changes for partners from one version to another."""

from __future__ import annotations

from typing import Any

import click

from portazgo.cli.contract_version import contract
from portazgo.cli.exits import Exit
from portazgo.cli.find import CONTRACT, find
from portazgo.cli.noun import prints
from portazgo.cli.output import note, show_one, show_rows
from portazgo.cli.session import connect
from portazgo.cli.words import say

__all__ = ["contract"]

CHANGE_COLUMNS = ("weight", "route", "place", "path", "detail", "rule")


@contract.command("diff")
@click.argument("old")
@click.argument("new", required=False)
@prints
def diff_contract(old: str, new: str | None, output: str) -> int:
    """Say what changes for partners from one version to another; exit 3 where it breaks them.

    OLD is CONTRACT@VERSION, or CONTRACT for the newest; NEW is a version of it, by default the draft.
    """
    client = connect()
    name, _, before = old.partition("@")
    after = None if new is None else (new.partition("@")[2] if "@" in new else new)
    if new is not None and "@" in new and new.partition("@")[0] != name:
        raise click.UsageError(say("{old} and {new} are two contracts: versions of one are compared", old=old, new=new))
    found = client.get(f"/contracts/{find(client, CONTRACT, name)['id']}/diff", {"old": before or None, "new": after})
    if output == "table":
        show_rows([{**one, "weight": _weight(one)} for one in found["changes"]], CHANGE_COLUMNS, output)
        note(_summary(found))
    else:
        show_one(found, output)
    return Exit.DIFFERENCES if found["breaking"] else Exit.DONE


def _weight(change: dict[str, Any]) -> str:
    return say("breaks") if change["breaking"] else say("exposes") if change["exposure"] else say("fine")


def _summary(found: dict[str, Any]) -> str:
    if found["old"] is None:
        return say("Nothing is published yet: there is nobody to break.")
    breaking = sum(one["breaking"] for one in found["changes"])
    words = {"old": found["old"], "new": found["new"], "count": len(found["changes"]), "breaking": breaking}
    return say("{old} → {new}: {count} changes, {breaking} of them break partners.", **words)
