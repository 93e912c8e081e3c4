"""`portazgo usage`: sums of calls, and the balance of records."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from portazgo.cli.balance import accept_gap, usage_balance, usage_metrics
from portazgo.cli.calls import BILLABLE, BLAME, ENVIRONMENT, over_periods
from portazgo.cli.cells import cell
from portazgo.cli.exits import Exit
from portazgo.cli.fields import usage_fields
from portazgo.cli.find import APPLICATION, PARTNER, ROUTE, find_id, kid_of
from portazgo.cli.noun import Noun, limit, prints_also
from portazgo.cli.output import Row, note, show_rows
from portazgo.cli.parameters import rfc3339
from portazgo.cli.session import Failed, connect
from portazgo.cli.words import say

if TYPE_CHECKING:
    from portazgo.client.admin import AdminClient

GROUPS = ("partner", "application", "kid", "route", "environment", "fault", "blame", "billable")
COLUMNS = ("requests", "units", "mean_ms", "bytes_in", "bytes_out")
FILES = ("csv", "parquet")
NAMED = ("partner", "application", "route")
LARGEST_PAGE = 1_000


@click.group(cls=Noun)
def usage() -> None:
    """Sums of calls, and the balance of records."""


@usage.command("report")
@click.option("--by", "groups", type=click.Choice(GROUPS), multiple=True, help="Sum apart by this. Repeat it.")
@over_periods
@click.option("--partner", help="Of this partner.")
@click.option("--application", help="Of this application; name, PARTNER/NAME, or id.")
@click.option("--kid", help="Of the key with this kid.")
@click.option("--route", help="On this route; name, API/NAME, or id.")
@ENVIRONMENT
@click.option("--fault", help="That failed so: a code of docs/faults.md.")
@BLAME
@BILLABLE
@click.option(
    "--sort",
    type=click.Choice(["requests", "group"]),
    help="Within a period: most requests first, or by the groups' ids.  [default: requests; of files group]",
)
@limit(None)
@prints_also("parquet")
def usage_report(
    groups: tuple[str, ...], interval: str | None, sort: str | None, most: int | None, output: str, **asked: Any
) -> None:
    """Sum calls, most requests first; by partner, by day, of a month, in your time zone."""
    if output == "parquet" and sys.stdout.isatty():
        raise Failed(
            say("Parquet is no text for a terminal"),
            remedy=say("Write it into a file: portazgo usage report … -o parquet > usage.parquet"),
            exit_code=Exit.USAGE,
        )
    client = connect()
    query = {"group_by": list(groups) or None, "interval": interval, "sort": sort, **_query(client, asked)}
    if output in FILES and most is None:
        sys.stdout.flush()
        heads: dict[str, str] = {}
        for chunk in client.download("/usage", {**query, "format": output}, begins=heads.update):
            sys.stdout.buffer.write(chunk)
        _tell_of_file(heads)
        return
    if output in FILES:
        raise click.UsageError(say("--limit is for what is not a file: {files} hold all rows", files=", ".join(FILES)))
    told: dict[str, Any] = {}
    sums = _rows(client, query, most, told)
    times = ("period",) if interval else ()
    if output == "table":
        listed = list(sums)
        names = {one[name]: one[f"{name}_name"] for one in listed for name in NAMED if one.get(f"{name}_name")}
        show_rows([{**one, "mean_ms": _mean(one)} for one in listed], times + groups + COLUMNS, output, names=names)
    else:
        show_rows(sums, (), output)
    if told:
        _tell(told["complete_until"], told["gaps"]["epochs"], whole=told["whole"])


def _rows(client: AdminClient, query: dict[str, Any], most: int | None, told: dict[str, Any]) -> Iterable[Row]:
    """Give the sums; what the answer says beside them comes into `told`."""
    if most is None and query["sort"] != "group":
        told |= client.get("/usage", query)
        items: list[Row] = told["items"]
        return items
    page = {**query, "limit": min(most or LARGEST_PAGE, LARGEST_PAGE)}
    return client.pages("/usage", page, most=most, begins=told.update)


def _tell_of_file(heads: Mapping[str, str]) -> None:
    named = {name.lower(): value for name, value in heads.items()}
    whole = named.get("x-portazgo-whole") != "false"
    _tell(named.get("x-portazgo-complete-until", ""), int(named.get("x-portazgo-gaps", "0")), whole=whole)


def _tell(complete_until: str, gaps: int, *, whole: bool) -> None:
    """Say beside the sums that records of their range are missing, or still to come."""
    if whole:
        return
    moment = cell(complete_until, {})
    if gaps:
        note(
            say(
                "Records may be missing: {gaps} epochs in this range don't balance. `portazgo usage balance` names them.",
                gaps=gaps,
            )
        )
        note(say("All others of calls that ended before {moment} are in.", moment=moment))
    else:
        note(say("Records of calls that ended after {moment} may still come.", moment=moment))


def _query(client: AdminClient, asked: dict[str, Any]) -> dict[str, Any]:
    parent, kid, billable = asked["partner"], asked["kid"], asked["billable"]
    return {
        **asked,
        "since": rfc3339(asked["since"]),
        "until": rfc3339(asked["until"]),
        "partner": find_id(client, PARTNER, parent),
        "application": find_id(client, APPLICATION, asked["application"], parent),
        "route": find_id(client, ROUTE, asked["route"]),
        "kid": None if kid is None else kid_of(kid),
        "billable": None if billable is None else str(billable).lower(),
    }


def _mean(one: dict[str, Any]) -> str:
    return f"{one['duration_us_sum'] / 1_000 / one['requests']:.1f}" if one["requests"] else "-"


usage.add_command(usage_balance)
usage.add_command(accept_gap)
usage.add_command(usage_metrics)
usage.add_command(usage_fields)
