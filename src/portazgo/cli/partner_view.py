"""`portazgo partner-view`: what a partner may see of its own calls."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from portazgo.cli.calls import ENVIRONMENT, facts, narrowed_by, over_periods, require_request_id
from portazgo.cli.contract import state_word
from portazgo.cli.exits import Exit
from portazgo.cli.find import PARTNER, find_id, is_id
from portazgo.cli.noun import Noun, did_you_mean, limit, limited, prints
from portazgo.cli.output import show_one, show_rows
from portazgo.cli.parameters import rfc3339, since
from portazgo.cli.session import Failed, connect
from portazgo.cli.trace import followed
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
    rows = found["items"]
    if output == "table":
        rows = [{**one, "state": state_word(one["state"])} for one in rows]
    show_rows(rows, DOCUMENT_COLUMNS, output)


@partner_view.command("document")
@click.argument("contract")
@_WHOSE
@prints
def show_document(contract: str, partner: str | None, output: str) -> None:
    """Print the OpenAPI document of a version that serves the partner: CONTRACT, CONTRACT@VERSION, or its id."""
    client = connect()
    query = {"as_partner": find_id(client, PARTNER, partner)}
    identifier = contract if is_id(contract) else _serving(client, contract, query)
    found = client.get(f"/partner-view/documents/{identifier}", query)
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


def _serving(client: AdminClient, contract: str, query: dict[str, Any]) -> str:
    """Find the id of a version that serves the partner now. Raises Failed."""
    served = client.get("/partner-view/documents", query)["items"]
    named = {f"{one['contract']}@{one['version']}": str(one["id"]) for one in served}
    found = [identifier for name, identifier in named.items() if contract in (name, name.partition("@")[0])]
    if len(found) == 1:
        return found[0]
    if found:
        raise Failed(
            say("{name} has {count} versions: say which", name=contract, count=len(found)),
            remedy=", ".join(name for name in named if name.startswith(f"{contract}@")),
            exit_code=Exit.USAGE,
        )
    listed = say("`{command}` lists them.", command="portazgo partner-view documents")
    raise Failed(
        say("no version {name} serves the partner", name=contract),
        remedy=did_you_mean(contract, [*named, *(name.partition("@")[0] for name in named)]).strip() or listed,
    )


def _query(client: AdminClient, filters: dict[str, Any]) -> dict[str, Any]:
    whose = find_id(client, PARTNER, filters.pop("partner"))
    # A partner's own token may look no names up; the view takes those of applications and routes as they are.
    return {**facts(filters), "as_partner": whose}
