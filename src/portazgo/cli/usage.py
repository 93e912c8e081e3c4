"""`portazgo usage`: sums of calls, and the balance of records."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from portazgo.cli.exits import Exit
from portazgo.cli.find import NODE, find_id
from portazgo.cli.noun import Noun, names_for, prints
from portazgo.cli.output import note, show_one, show_rows
from portazgo.cli.parameters import rfc3339, since
from portazgo.cli.session import connect
from portazgo.cli.words import say

GROUPS = ("partner", "application", "kid", "route", "fault", "billable")
COLUMNS = ("requests", "units", "mean_ms", "bytes_in", "bytes_out")
CSV_COLUMNS = ("requests", "units", "bytes_in", "bytes_out", "duration_us_sum")
BALANCE_COLUMNS = ("balanced", "end", "last_sequence", "collected", "rolled_up", "missing", "epoch")
NAMED = {"partner": "/partners", "application": "/applications", "route": "/routes"}


@click.group(cls=Noun)
def usage() -> None:
    """Sums of calls, and the balance of records."""


@usage.command("report")
@click.option("--by", "groups", type=click.Choice(GROUPS), multiple=True, help="Sum apart by this. Repeat it.")
@click.option("--since", type=since, metavar="TIME", help="From this minute on: a time, or back from now, such as 24h.")
@click.option("--until", type=since, metavar="TIME", help="Up to this minute, which is not included.")
@prints
def usage_report(groups: tuple[str, ...], since: datetime | None, until: datetime | None, output: str) -> None:
    """Sum calls, most requests first."""
    client = connect()
    query = {"group_by": list(groups) or None, "since": rfc3339(since), "until": rfc3339(until)}
    sums = client.get("/usage", query)["items"]
    if output != "table":
        show_rows(sums, groups + CSV_COLUMNS, output)
        return
    names = names_for(client, sums, {name: NAMED[name] for name in groups if name in NAMED})
    show_rows([{**one, "mean_ms": _mean(one)} for one in sums], groups + COLUMNS, output, names=names)


@usage.command("balance")
@click.option("--node", help="Of this node only.")
@prints
def usage_balance(node: str | None, output: str) -> int:
    """Account for every record, epoch by epoch: numbered by its node, collected, summed up. Exit code 7: some are missing."""
    client = connect()
    report = client.get("/usage/balance", {"node": find_id(client, NODE, node)})
    if output in {"table", "csv"}:
        show_rows([{**one, "missing": _runs(one)} for one in report["items"]], BALANCE_COLUMNS, output)
    else:
        show_one(report, output)
    if output == "table":
        note(say("Every record is accounted for.") if report["balanced"] else say("Records are missing."))
    return Exit.DONE if report["balanced"] else Exit.UNHEALTHY


def _mean(one: dict[str, Any]) -> str:
    return f"{one['duration_us_sum'] / 1_000 / one['requests']:.1f}" if one["requests"] else "-"


def _runs(one: dict[str, Any]) -> str:
    return ", ".join(f"{run['first']}–{run['last']}" for run in one["missing"])
