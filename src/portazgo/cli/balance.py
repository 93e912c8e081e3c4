"""`portazgo usage balance` and `accept-gap`: is every record accounted for?"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from portazgo.cli.exits import Exit
from portazgo.cli.find import NODE, find_id
from portazgo.cli.noun import asks, confirm, prints
from portazgo.cli.output import note, show_one, show_rows
from portazgo.cli.parameters import duration
from portazgo.cli.session import connect, speaks_to_admin_api
from portazgo.cli.words import say

if TYPE_CHECKING:
    from portazgo.client.admin import AdminClient, Document

BALANCE_COLUMNS = (
    *("verdict", "state", "label", "accepted", "journaled", "collected", "rolled_up"),
    *("in_lake", "under_way", "missing", "epoch"),
)
LOOK_SECONDS = 0.3
COMES = frozenset({"polls", "followed"})
"""States in which a node lives, and ships what it has."""


@click.command("balance")
@click.option("--node", help="Of this node only.")
@click.option("--wait", is_flag=True, help="Wait until all that is under way now has come, and every node has said so.")
@click.option("--timeout", type=duration, default="30s", help="How long --wait waits.", show_default=True)
@prints
def usage_balance(node: str | None, wait: bool, timeout: timedelta, output: str) -> int:
    """Account for every record: accepted, journaled, collected, summed up, epoch by epoch. Exit code 7: some are missing."""
    client = connect()
    query = {"node": find_id(client, NODE, node)}
    report, came = _waited(client, query, timeout) if wait else (client.get("/usage/balance", query), True)
    if output in {"table", "csv"}:
        show_rows([{**one, "missing": _runs(one)} for one in report["items"]], BALANCE_COLUMNS, output)
    else:
        show_one(report, output)
    if output == "table":
        _tell(report, came=came)
    return Exit.DONE if report["balanced"] and came else Exit.UNHEALTHY


def _waited(client: AdminClient, query: dict[str, Any], timeout: timedelta) -> tuple[Document, bool]:
    """Look until everything that nodes have by now is here. Returns the last look, and whether it came to that in time."""
    deadline = time.monotonic() + timeout.total_seconds()
    report = client.get("/usage/balance", query)
    began, due = report["as_of"], None
    while True:
        if due is None and _all_told_since(report, began):
            due = {one["epoch"]: one["journaled"] for one in _living(report)}
        if due is not None and all(_has_come(one, due) for one in _living(report)) and not _spilled(report):
            return report, True
        if time.monotonic() >= deadline:
            return report, False
        time.sleep(LOOK_SECONDS)
        report = client.get("/usage/balance", query)


def _all_told_since(report: Document, began: str) -> bool:
    """Tell whether each node that lives has told its counts since we began: what it says now may be seconds old."""
    polls = any(one["state"] == "polls" for one in report["items"])
    told: str | None = report["told_at"]
    return not polls or (told is not None and datetime.fromisoformat(told) >= datetime.fromisoformat(began))


def _living(report: Document) -> list[Document]:
    # An epoch that has ended, and of which nothing is missing, needs no waiting for.
    return [one for one in report["items"] if one["state"] in COMES]


def _spilled(report: Document) -> int:
    """Tell how many records lie in the object store, on their way to the ledger."""
    return int((report["spilled"] or {"records": 0})["records"])


def _has_come(one: Document, due: dict[str, int]) -> bool:
    # What follows another process is to end: only then is it known what there was.
    return one["state"] == "polls" and bool(one["journaled"] - one["under_way"] >= due.get(one["epoch"], 0))


def _tell(report: Document, *, came: bool) -> None:
    requests, records = report["requests"], report["records"]
    spilled = report["spilled"] or {"records": 0, "set_aside": 0}
    if spilled["records"]:
        note(say("{count} records are in the object store, on their way to the ledger.", count=spilled["records"]))
    if spilled["set_aside"]:
        note(
            say("{count} segments can't come into the ledger: the worker's log names them.", count=spilled["set_aside"])
        )
    if records["dropped"]:
        note(
            say(
                "{count} records were dropped, kept long enough, before they were in the lake; they count as in the lake.",
                count=records["dropped"],
            )
        )
    if report["left_off"]["epochs"]:
        note(say("And {epochs} more that are whole, {records} records together.", **report["left_off"]))
    if requests is not None and not requests["balanced"]:
        sums = ", ".join(map(str, sorted(set(requests["summed_up"]))))
        note(
            say(
                "The sums are not those of the records: {collected} calls were collected, the sums say {sums}.",
                collected=requests["collected"],
                sums=sums,
            )
        )
    elif not report["balanced"]:
        note(say("Records are missing, or may be: {count} that had a number.", count=records["missing"]))
    elif not came:
        note(say("Nothing is missing so far, and not everything that is under way has come in time."))
    elif records["under_way"]:
        note(say("Nothing is missing; {count} records are under way.", count=records["under_way"]))
    else:
        note(say("Every record is accounted for."))


@click.command("accept-gap")
@click.argument("epoch")
@click.option("--reason", required=True, help="Why; it stands in the audit, and beside the epoch.")
@asks
@prints
def accept_gap(epoch: str, reason: str, output: str) -> None:
    """Accept for good that records of an epoch are missing, or may be; what is missing later is not covered."""
    client = connect()
    confirm(say("Count the epoch {epoch} as settled, without the records that are missing?", epoch=epoch))
    shown = client.post(f"/usage/epochs/{epoch}/accept-gap", {"reason": reason})
    show_one({**shown, "missing": _runs(shown)} if output == "table" else shown, output)


@click.command("metrics")
@speaks_to_admin_api
def usage_metrics() -> None:
    """Print the balance as metrics, in Prometheus' text format: what `/api/v1/usage/metrics` tells a scraper."""
    click.echo(connect().text("/usage/metrics"), nl=False)


def _runs(one: Document) -> str:
    return ", ".join(f"{run['first']}–{run['last']}" for run in one["missing"])
