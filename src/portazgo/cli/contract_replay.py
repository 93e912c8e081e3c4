"""`portazgo contract replay`: what do two versions make of what backends really answered, and partners really sent?"""

from __future__ import annotations

from typing import Any

import click

from portazgo.cli.contract_examples import contract
from portazgo.cli.contract_version import get_of_two
from portazgo.cli.exits import Exit
from portazgo.cli.noun import prints
from portazgo.cli.output import note, show_one, show_rows
from portazgo.cli.session import connect
from portazgo.cli.words import label, say, told

__all__ = ["contract"]

FIELD_COLUMNS = ("kind", "route", "status", "field", "unchanged", "changed", "appeared", "gone", "before", "after")
REFUSED_COLUMNS = ("kind", "route", "status", "recorded", "before", "after")


@contract.command("replay")
@click.argument("before")
@click.argument("after", required=False)
@click.option("--breaking", is_flag=True, help="Exit with 3 only when something breaks partners; all is shown.")
@prints
def replay_contract(before: str, after: str | None, *, breaking: bool, output: str) -> int:
    """Put recorded answers and requests, without values, through two versions: what differs by field (exit 3: something does).

    Both are CONTRACT@VERSION. BEFORE without a version is the newest; without AFTER it is compared with the draft.
    """
    replayed = get_of_two(connect(), "replay", before, after)
    if output == "table":
        _show(replayed)
    else:
        show_one(replayed, output)
    return Exit.DIFFERENCES if replayed["breaking" if breaking else "differs"] else Exit.DONE


def _show(replayed: dict[str, Any]) -> None:
    show_rows([{**one, "kind": label(one["kind"])} for one in replayed["fields"]], FIELD_COLUMNS, "table")
    if replayed["refused"]:
        note(say("Not every version lets these pass:"))
        show_rows([_refused(one) for one in replayed["refused"]], REFUSED_COLUMNS, "table")
    note(
        say(
            "{recorded} recorded bodies, of {answers} answers and {requests} requests, under {before} and {after}.",
            recorded=replayed["recorded"],
            answers=replayed["answers"],
            requests=replayed["requests"],
            before=_version(replayed["before"]),
            after=_version(replayed["after"]),
        )
    )
    if not replayed["differs"]:
        note(say("No differences."))
    elif replayed["breaking"]:
        note(say("It breaks partners."))
    else:
        note(say("It breaks nobody."))


def _version(name: str) -> str:
    return say("the draft") if name == "draft" else name


def _refused(row: dict[str, Any]) -> dict[str, Any]:
    reasons = {name: row[name] and told(row[name]) for name in ("before", "after")}
    return {**row, **reasons, "kind": label(row["kind"])}
