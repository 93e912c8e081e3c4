"""`portazgo partner-view`: what a partner may see of its own calls."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from portazgo.cli.calls import ENVIRONMENT, facts, narrowed_by, over_periods, require_request_id
from portazgo.cli.find import PARTNER, find_id
from portazgo.cli.noun import Noun, limit, limited, prints
from portazgo.cli.output import show_one, show_rows
from portazgo.cli.parameters import rfc3339, since
from portazgo.cli.session import connect
from portazgo.cli.trace import followed

if TYPE_CHECKING:
    from uuid import UUID

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
DOCUMENT_COLUMNS = ("api", "contract", "version", "state", "sunset_at", "applications", "id")
SUM_COLUMNS = ("requests", "units", "bytes_in", "bytes_out")
NAMED = ("application", "route")


@click.group("partner-view", cls=Noun)
def partner_view() -> None:
    """What a partner may see of its own calls; `token create --partner` makes a token that opens this and nothing else."""


_WHOSE = click.option("--partner", help="Whose view, for operators; a partner's own token sees that partner's.")
_filters = narrowed_by(
    _WHOSE,
    click.option("--application", help="Of this application; name or id."),
    click.option("--kid", help="Of the key with this kid."),
    click.option("--route", help="On this route; name or id."),
    ENVIRONMENT,
    click.option("--code", help="That failed so: the `code` of the problem document."),
)


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
    require_request_id(request_id)
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


@partner_view.command("documents")
@_WHOSE
@prints
def list_documents(partner: str | None, output: str) -> None:
    """List the versions of contracts that serve the partner's applications now."""
    client = connect()
    found = client.get("/partner-view/documents", {"as_partner": find_id(client, PARTNER, partner)})
    show_rows(found["items"], DOCUMENT_COLUMNS, output)


@partner_view.command("document")
@click.argument("version_id", type=click.UUID)
@_WHOSE
@prints
def show_document(version_id: UUID, partner: str | None, output: str) -> None:
    """Print the OpenAPI document of a version that serves the partner, by its id."""
    client = connect()
    query = {"as_partner": find_id(client, PARTNER, partner)}
    found = client.get(f"/partner-view/documents/{version_id}", query)
    if output == "table":
        click.echo(found["document"])
    else:
        show_one(found, output)


@partner_view.command("usage")
@_WHOSE
@click.option("--by", "groups", type=click.Choice(GROUPS), multiple=True, help="Sum apart by this. Repeat it.")
@over_periods
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
    whose = find_id(client, PARTNER, filters.pop("partner"))
    # A partner's own token may look no names up; the view takes those of applications and routes as they are.
    return {**facts(filters), "as_partner": whose}
