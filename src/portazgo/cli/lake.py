"""`portazgo lake`: what the lake holds, and the list of its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from portazgo.cli.noun import Noun, limit, limited, prints
from portazgo.cli.output import note, show_one, show_rows
from portazgo.cli.parameters import rfc3339, since
from portazgo.cli.session import connect
from portazgo.cli.words import say

if TYPE_CHECKING:
    from datetime import datetime

DAY_COLUMNS = ("day", "files", "rows", "bytes")
FILE_COLUMNS = ("day", "rows", "bytes", "min_started_at", "max_started_at", "location")


@click.group(cls=Noun)
def lake() -> None:
    """Records as Parquet files."""


@lake.command("show")
@prints
def show_lake(output: str) -> None:
    """Tell what the lake holds day by day, and what is on its way to it."""
    found = connect().get("/lake")
    if output not in {"table", "csv"}:
        show_one(found, output)
        return
    show_rows(found["days"], DAY_COLUMNS, output)
    waiting = found["waiting"]
    note(
        say(
            "{rows} records in {files} files in {store}; {records} more wait in {segments} segments.",
            rows=found["rows"],
            files=found["files"],
            store=found["store"],
            records=waiting["records"],
            segments=waiting["segments"],
        )
    )


@lake.command("files")
@click.option(
    "--since", type=since, metavar="TIME", help="With calls from this time on, or back from now, such as 24h."
)
@click.option("--until", type=since, metavar="TIME", help="With calls before this time.")
@limit(None)
@prints
def lake_files(since: datetime | None, until: datetime | None, most: int | None, output: str) -> None:
    """List the files that are part of the lake: what a reader reads, and nothing else (docs/lake.md)."""
    client = connect()
    query = {"since": rfc3339(since), "until": rfc3339(until)}
    show_rows(limited(client, "/lake/files", query, most), FILE_COLUMNS, output)
