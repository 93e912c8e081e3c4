"""`portazgo partner-view`: what a partner may see of its own calls."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from portazgo.cli.exits import Exit
from portazgo.cli.find import PARTNER, find_id, is_id, kid_of
from portazgo.cli.noun import Noun, limit, limited, prints
from portazgo.cli.output import show_one, show_rows
from portazgo.cli.parameters import duration, milliseconds, rfc3339, since
from portazgo.cli.session import Failed, connect
from portazgo.cli.trace import BLAMES, followed
from portazgo.cli.words import say

if TYPE_CHECKING:
    from portazgo.client.admin import AdminClient

COLUMNS = (
    "started_at",
    "request_id",
    "status",
    "code",
    "duration_ms",
    "method",
    "route_name",
    "application_name",
    "kid",
)
GROUPS = ("application", "kid", "route", "environment", "code", "billable")
INTERVALS = ("minute", "quarter", "hour", "day", "week", "month")
SUM_COLUMNS = ("requests", "units", "bytes_in", "bytes_out")
NAMED = ("application", "route")


@click.group("partner-view", cls=Noun)
def partner_view() -> None:
    """What a partner may see of its own calls; `token create --partner` makes a token that opens this and nothing else."""


_WHOSE = click.option("--partner", help="Whose view, for operators; a partner's own token sees that partner's.")
_FILTERS = (
    _WHOSE,
    click.option("--application", help="Of this application; name or id."),
    click.option("--kid", help="Of the key with this kid."),
    click.option("--route", help="On this route; name or id."),
    click.option("--environment", type=click.Choice(["live", "test"]), help="In this environment."),
    click.option("--code", help="That failed so: the `code` of the problem document."),
    click.option("--blame", type=click.Choice(BLAMES), help="That failed by the fault of these."),
    click.option("--status", type=click.IntRange(100, 599), metavar="N", help="Answered with this status."),
    click.option("--slower-than", "slower_than_ms", type=duration, help="That took longer, such as 500ms."),
    click.option("--trace-id", help="With this W3C trace id."),
    click.option("--client-request-id", help="To which the caller gave this X-Request-Id."),
    click.option("--billable/--not-billable", default=None, help="That are billed, or are not."),
)


def _filters(command: Any) -> Any:
    for option in reversed(_FILTERS):
        command = option(command)
    return command


@partner_view.command("list")
@_filters
@click.option("--since", type=since, metavar="TIME", help="Not before: a time, or back from now, such as 15m.")
@click.option("--until", type=since, metavar="TIME", help="Before: a time, or back from now.")
@limit(20)
@prints
def list_calls(since: datetime | None, until: datetime | None, most: int | None, output: str, **filters: Any) -> None:
    """List the partner's calls, newest first."""
    client = connect()
    query = {**_query(client, filters), "since": rfc3339(since), "until": rfc3339(until)}
    show_rows(limited(client, "/partner-view/traces", query, most), COLUMNS, output)


@partner_view.command("show")
@click.argument("request_id")
@_WHOSE
@prints
def show_call(request_id: str, partner: str | None, output: str) -> None:
    """Tell one of the partner's calls, by the X-Request-Id of its answer."""
    if not is_id(request_id):
        raise Failed(
            say("{text!r} is no request id", text=request_id),
            remedy=say("It stands in the answer's X-Request-Id, and in `instance` of a problem document."),
            exit_code=Exit.USAGE,
        )
    client = connect()
    query = {"as_partner": find_id(client, PARTNER, partner)}
    show_one(client.get(f"/partner-view/traces/{request_id}", query), output)


@partner_view.command("tail")
@_filters
@prints
def tail_calls(output: str, **filters: Any) -> None:
    """Follow the partner's calls as their records arrive, until Ctrl-C. Prints lines of JSON: `-o jsonl`."""
    if output != "jsonl":
        raise click.UsageError("what never ends is no document: use -o jsonl")
    client = connect()
    for one in followed(client, "/partner-view/traces/tail", _query(client, filters)):
        show_one(one, "jsonl")


@partner_view.command("usage")
@_WHOSE
@click.option("--by", "groups", type=click.Choice(GROUPS), multiple=True, help="Sum apart by this. Repeat it.")
@click.option("--interval", type=click.Choice(INTERVALS), help="Sum apart by periods of the time zone.")
@click.option("--since", type=since, metavar="TIME", help="From this minute on: a time, or back from now, such as 24h.")
@click.option("--until", type=since, metavar="TIME", help="Up to this minute, which is not included.")
@click.option("--month", metavar="YYYY-MM", help="Of this month.")
@click.option("--day", metavar="YYYY-MM-DD", help="Of this day.")
@click.option("--time-zone", metavar="NAME", help="Whose days and months, such as America/Bogota.")
@prints
def sum_calls(partner: str | None, groups: tuple[str, ...], output: str, **asked: Any) -> None:
    """Sum the partner's calls, most requests first."""
    client = connect()
    times = {name: rfc3339(asked.pop(name)) for name in ("since", "until")}
    whose = find_id(client, PARTNER, partner)
    sums = client.get("/partner-view/usage", {"as_partner": whose, "group_by": list(groups) or None, **asked, **times})
    named = tuple(column for name in groups for column in ((name, f"{name}_name") if name in NAMED else (name,)))
    columns = (("period",) if asked["interval"] else ()) + named + SUM_COLUMNS
    show_rows(sums["items"], columns, output)


def _query(client: AdminClient, filters: dict[str, Any]) -> dict[str, Any]:
    parent, slower, billable = filters.pop("partner"), filters["slower_than_ms"], filters["billable"]
    whose = find_id(client, PARTNER, parent)
    # A partner's own token may look no names up; the view takes those of applications and routes as they are.
    return {
        **filters,
        "as_partner": whose,
        "kid": None if filters["kid"] is None else kid_of(filters["kid"]),
        "slower_than_ms": None if slower is None else milliseconds(slower),
        "billable": None if billable is None else str(billable).lower(),
    }
