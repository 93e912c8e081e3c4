"""How commands say which calls are meant, and over which time they are summed up."""

from __future__ import annotations

from typing import Any

import click

from portazgo.cli.exits import Exit
from portazgo.cli.find import is_id, kid_of
from portazgo.cli.options import Option, options
from portazgo.cli.parameters import duration, milliseconds, since
from portazgo.cli.session import Failed
from portazgo.cli.words import say

BLAMES = ("partner", "partner_network", "policy", "gateway", "backend", "backend_network", "platform")
INTERVALS = ("minute", "quarter", "hour", "day", "week", "month")

ENVIRONMENT: Option = click.option("--environment", type=click.Choice(["live", "test"]), help="In this environment.")
BLAME: Option = click.option("--blame", type=click.Choice(BLAMES), help="That failed by the fault of these.")
BILLABLE: Option = click.option("--billable/--not-billable", default=None, help="That are billed, or are not.")
_FACTS = (
    BLAME,
    click.option("--status", type=click.IntRange(100, 599), metavar="N", help="Answered with this status."),
    click.option("--slower-than", "slower_than_ms", type=duration, help="That took longer, such as 500ms."),
    click.option("--trace-id", help="With this W3C trace id."),
    click.option("--client-request-id", help="To which the caller gave this X-Request-Id."),
    BILLABLE,
)
over_periods = options(
    click.option("--interval", type=click.Choice(INTERVALS), help="Sum apart by periods of the time zone."),
    click.option(
        "--since", type=since, metavar="TIME", help="From this minute on: a time, or back from now, such as 24h."
    ),
    click.option("--until", type=since, metavar="TIME", help="Up to this minute, which is not included."),
    click.option("--month", metavar="YYYY-MM", help="Of this month."),
    click.option("--day", metavar="YYYY-MM-DD", help="Of this day."),
    click.option("--time-zone", metavar="NAME", help="Whose days and months, such as America/Bogota."),
)
"""Give a command the options of the time that is summed up."""


def narrowed_by(*own: Option) -> Option:
    """Give a command options that narrow calls: its own, then what was seen of a call."""
    return options(*own, *_FACTS)


def facts(filters: dict[str, Any]) -> dict[str, Any]:
    """Write what narrows calls as the API reads it; the names of things are left to the caller."""
    kid, slower, billable = filters["kid"], filters["slower_than_ms"], filters["billable"]
    return {
        **filters,
        "kid": None if kid is None else kid_of(kid),
        "slower_than_ms": None if slower is None else milliseconds(slower),
        "billable": None if billable is None else str(billable).lower(),
    }


def require_request_id(text: str) -> None:
    """Raise Failed, a usage error, for what is no id."""
    if not is_id(text):
        raise Failed(
            say("{text!r} is no request id", text=text),
            remedy=say("It stands in the answer's X-Request-Id, and in `instance` of a problem document."),
            exit_code=Exit.USAGE,
        )
