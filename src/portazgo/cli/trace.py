"""`portazgo trace`: what happened to calls."""

from __future__ import annotations

import time
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from portazgo.cli.calls import ENVIRONMENT, facts, narrowed_by, require_request_id
from portazgo.cli.exits import Exit
from portazgo.cli.find import APPLICATION, PARTNER, ROUTE, find_id
from portazgo.cli.noun import Noun, did_you_mean, limit, limited, prints
from portazgo.cli.output import note, show_one, show_rows
from portazgo.cli.parameters import rfc3339, since
from portazgo.cli.session import Failed, connect
from portazgo.cli.trace_page import LIST_COLUMNS, listed, show_line, show_page
from portazgo.cli.words import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portazgo.client.admin import AdminClient, Document

COLUMNS = (
    "started_at",
    "request_id",
    "status_sent",
    "duration_ms",
    "fault",
    "blame",
    "method",
    "route_name",
    "partner_name",
    "application_name",
    "kid",
    "environment",
    "backend_status",
    "delivery",
    "billable",
)
_PAUSE_SECONDS = 0.5
# A record arrives about a second after its answer.
_ON_ITS_WAY_SECONDS = 5.0


@click.group(cls=Noun)
def trace() -> None:
    """What happened to a call, and whose move it is."""


_filters = narrowed_by(
    click.option("--partner", help="Of this partner."),
    click.option("--application", help="Of this application; name, PARTNER/NAME, or id."),
    click.option("--kid", help="Of the key with this kid."),
    click.option("--api", help="With --route: the API that it belongs to."),
    click.option("--route", help="On this route; name, API/NAME, or id."),
    ENVIRONMENT,
    click.option("--fault", help="That failed so: a code of docs/faults.md."),
    click.option(
        "--secret-tag",
        metavar="TAG",
        help="That presented a secret of this tag and were refused: see `portazgo key tag`.",
    ),
)


@trace.command("list")
@_filters
@click.option("--since", type=since, metavar="TIME", help="Not before: a time, or back from now, such as 15m.")
@click.option("--until", type=since, metavar="TIME", help="Before: a time, or back from now.")
@click.option(
    "--client-address", metavar="ADDRESS", help="From this address or network, or from the caller of this `tag:…`."
)
@click.option("--count", "counts", is_flag=True, help="Say on stderr how many there are, as far as 10,000.")
@limit(20)
@prints
def list_traces(
    since: datetime | None,
    until: datetime | None,
    client_address: str | None,
    most: int | None,
    output: str,
    *,
    counts: bool,
    **filters: Any,
) -> None:
    """List calls, newest first."""
    client = connect()
    period = {"since": rfc3339(since), "until": rfc3339(until)}
    query = {**_query(client, filters), **period, "client_address": client_address}
    if counts:
        there = client.get("/traces", {**query, "limit": 1, "count": "true"})["count"]
        note(
            say("At least {count} calls agree.", count=there["value"])
            if there["capped"]
            else say("{count} calls agree.", count=there["value"])
        )
    found = limited(client, "/traces", query, most)
    if output == "table":
        show_rows(map(listed, found), LIST_COLUMNS, output)
    else:
        show_rows(found, COLUMNS, output)


@trace.command("show")
@click.argument("request_id")
@prints
def show_trace(request_id: str, output: str) -> None:
    """Tell one call, by the X-Request-Id of its answer: what happened, whose move it is, when which phase was reached."""
    require_request_id(request_id)
    found = _arrived(connect(), request_id)
    if output == "table":
        show_page(found)
    else:
        show_one(found, output)


@trace.command("tail")
@_filters
@click.option(
    "--limit", "most", type=click.IntRange(min=1), metavar="N", help="End after so many.  [default: go on until Ctrl-C]"
)
@prints
def tail_traces(most: int | None, output: str, **filters: Any) -> None:
    """Follow calls as their records arrive, until Ctrl-C. Prints lines: `-o table` or `-o jsonl`."""
    if output not in {"table", "jsonl"}:
        raise click.UsageError("what never ends is no document: use -o jsonl")
    client = connect()
    for number, one in enumerate(followed(client, "/traces/tail", _query(client, filters)), start=1):
        show_line(one) if output == "table" else show_one(one, "jsonl")
        if number == most:
            return


def _arrived(client: AdminClient, request_id: str) -> Document:
    """Give a record, and wait for one that is still on its way: the id says when the call began."""
    from portazgo.client.admin import Answered  # noqa: PLC0415 - with the client

    began = (UUID(request_id).int >> 80) / 1_000
    while True:
        try:
            return client.get(f"/traces/{request_id}")
        except Answered as problem:
            if problem.status != HTTPStatus.NOT_FOUND or not 0 <= time.time() - began < _ON_ITS_WAY_SECONDS:
                raise
        time.sleep(_PAUSE_SECONDS)


def followed(client: AdminClient, path: str, query: dict[str, Any]) -> Iterator[Document]:
    """Give calls for ever; the control plane may be away for a while."""
    from portazgo.client.events import follow  # noqa: PLC0415 - with the client

    for name, document in follow(client, path, query, away=_say_away, back=_say_back):
        if name == "trace":
            yield document
        elif name == "skipped":
            note(_skipped(document))


def _skipped(document: Document) -> str:
    if "records" in document:
        return say("{records} records are too old to be followed: list them.", records=document["records"])
    return say("Some records are too old to be followed: list them.")


def _say_away() -> None:
    note(say("The control plane doesn't answer; this goes on when it does."))


def _say_back() -> None:
    note(say("The control plane answers again."))


def _query(client: AdminClient, filters: dict[str, Any]) -> dict[str, Any]:
    if filters["fault"] is not None:
        _check_fault(filters["fault"])
    parent, api = filters["partner"], filters.pop("api")
    return {
        **facts(filters),
        "partner": find_id(client, PARTNER, parent),
        "application": find_id(client, APPLICATION, filters["application"], parent),
        "route": find_id(client, ROUTE, filters["route"], api),
    }


def _check_fault(code: str) -> None:
    from portazgo.faults.catalogue import by_code  # noqa: PLC0415 - reads the catalogue

    if code not in by_code():
        near = did_you_mean(code, by_code()).strip()
        sentence = say("there is no fault {code!r}", code=code)
        raise Failed(sentence, remedy=near or say("docs/faults.md lists them."), exit_code=Exit.USAGE)
