"""`portazgo audit`: who changed what, and whether that record is whole."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from portazgo.cli.exits import Exit
from portazgo.cli.noun import Noun, asks, confirm, limit, limited, prints, show_list
from portazgo.cli.output import note, show_one, show_rows
from portazgo.cli.parameters import rfc3339
from portazgo.cli.parameters import since as moment
from portazgo.cli.session import Failed, connect, load_settings
from portazgo.cli.words import say

COLUMNS = ("number", "at", "actor.name", "address", "action", "subject", "revision")
TROUBLE_COLUMNS = ("number", "kind", "sentence")
FILE_NAME = "audit-heads.log"
PAGE = 10_000
MOST_HEADS = 1_000
SHOWN_BY_HEADS = ("other_head", "cut_off")
Head = tuple[int, str]
_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


@click.group(cls=Noun)
def audit() -> None:
    """Who changed what, from where; every row hangs on the one before."""


@audit.command("list")
@click.option("--subject", help="Id or kid of what was changed.")
@click.option("--action", help="What was done, such as key.revoked.")
@click.option("--actor", help="Id or name of who did it.")
@click.option("--address", help="Where it came from.")
@click.option("--since", type=moment, metavar="TIME", help="Not before: a time, or ago, such as 7d.")
@click.option("--until", type=moment, metavar="TIME", help="Before: likewise.")
@limit(50)
@prints
def list_audit(most: int | None, output: str, since: datetime | None, until: datetime | None, **by: str | None) -> None:
    """List what was changed, newest first."""
    client = connect()
    query = {**by, "since": rfc3339(since), "until": rfc3339(until)}
    show_list(client, limited(client, "/audit", query, most), COLUMNS, output)


@audit.command("verify")
@click.option(
    "--head",
    "heads",
    multiple=True,
    metavar="HEAD",
    help="A head that was written down: NUMBER:HASH, or an audit-heads.log. Repeat it. Default: that of the data folder.",
)
@prints
def verify_audit(heads: tuple[str, ...], output: str) -> int:
    """Look for rows that were changed, taken out, put in or moved. The exit code is 7 when there are any."""
    known = sorted(_heads(heads or _own_heads()))
    walked = walk(connect().post, known)
    troubles = [*_contradictions(known), *walked.troubles]
    checked = walked.checked
    if output == "table":
        if troubles:
            show_rows(troubles, TROUBLE_COLUMNS, output)
        note(_summary(troubles, checked, len(known)))
    else:
        held_against = [{"number": number, "hash": digest} for number, digest in known]
        document = {"checked": checked, "head": walked.reached, "held_against": held_against, "troubles": troubles}
        show_one(document, output)
    return Exit.UNHEALTHY if troubles else Exit.DONE


@audit.command("erase")
@click.argument("number", type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Why; it is kept for ever, so name nobody.")
@asks
@prints
def erase_audit_row(number: int, reason: str, output: str) -> None:
    """Take who and what out of a row, for good. Its place in the chain stays, and a row says that this was done."""
    confirm(say("Erase who and what from audit row {number} for good?", number=number))
    show_one(connect().post(f"/audit/{number}/erase", {"reason": reason}), output)


@dataclass(slots=True)
class Walked:
    """What the whole chain showed."""

    reached: dict[str, Any] | None = None
    checked: int = 0
    troubles: list[dict[str, Any]] = field(default_factory=list)


def walk(post: Callable[[str, Any], Any], known: Sequence[Head]) -> Walked:
    """Verify the whole chain a page at a time, each page against every head that lies in it, however many these are."""
    walked = Walked()
    while True:
        at = walked.reached["number"] if walked.reached else 0
        ahead = [{"number": number, "hash": digest} for number, digest in known if number > at]
        body = {"after": walked.reached, "limit": PAGE, "heads": ahead[:MOST_HEADS]}
        found = post("/audit/verify", body)
        troubles = found["troubles"]
        for start in range(MOST_HEADS, len(ahead), MOST_HEADS):
            if not found["whole"] and ahead[start]["number"] > found["reached"]["number"]:
                break
            # The same rows once more: what is wrong with themselves has been told, what these heads show has not.
            more = post("/audit/verify", {**body, "heads": ahead[start : start + MOST_HEADS]})
            troubles += [one for one in more["troubles"] if one["kind"] in SHOWN_BY_HEADS and one not in troubles]
        walked.troubles += troubles
        walked.checked += found["checked"]
        walked.reached = found["reached"]
        if found["whole"]:
            return walked


def _contradictions(known: Sequence[Head]) -> list[dict[str, Any]]:
    """Name the rows of which two different heads were written down: one of them is forged, whatever the chain says."""
    return [
        {
            "kind": "heads_differ",
            "number": number,
            "last": number,
            "sentence": f"two different heads of row {number} were written down: one of them is forged",
        }
        for (number, _), (other, _) in pairwise(known)
        if number == other
    ]


def _own_heads() -> tuple[str, ...]:
    file = load_settings().data_dir / FILE_NAME
    return (str(file),) if file.exists() else ()


def _heads(given: tuple[str, ...]) -> set[Head]:
    """Read all that differ: of two heads of one row neither hides the other."""
    heads: set[Head] = set()
    for text in given:
        if found := _HEAD.fullmatch(text):
            heads.add((int(found[1]), found[2]))
        else:
            heads |= _of_file(Path(text))
    return heads


def _of_file(file: Path) -> set[Head]:
    try:
        lines = file.read_text("utf-8", errors="replace").splitlines()
    except OSError as problem:
        raise Failed(
            say("{file} can't be read ({why})", file=file, why=problem.strerror),
            remedy=say("Name a file of heads, or write NUMBER:HASH."),
            exit_code=Exit.USAGE,
        ) from None
    heads: set[Head] = set()
    for line in lines:
        try:
            head = json.loads(line)
            if _HEAD.fullmatch(f"{head['number']}:{head['hash']}"):
                heads.add((int(head["number"]), str(head["hash"])))
        except (ValueError, KeyError, TypeError):
            continue  # torn
    return heads


def _summary(troubles: list[dict[str, Any]], checked: int, heads: int) -> str:
    if troubles:
        return say("The audit is not whole: {count} places of {checked} rows.", count=len(troubles), checked=checked)
    if not heads:
        return say(
            "{checked} rows, each hangs on the one before. No head was written down: a chain made anew would not show.",
            checked=checked,
        )
    return say(
        "{checked} rows, each hangs on the one before, and the heads written down stand: {heads}.",
        checked=checked,
        heads=heads,
    )
