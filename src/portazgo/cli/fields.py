"""`portazgo usage fields`: which fields partners were given."""

from __future__ import annotations

import click

from portazgo.cli.find import PARTNER, find_id
from portazgo.cli.noun import prints
from portazgo.cli.output import note, show_rows
from portazgo.cli.session import connect
from portazgo.cli.words import say

COLUMNS = ("partner_name", "route", "contract", "version", "field", "backend_field", "answers")


@click.command("fields")
@click.option("--month", help="Of this month of UTC, such as 2026-11.  [default: this one]")
@click.option("--partner", help="Of this partner.")
@prints
def usage_fields(month: str | None, partner: str | None, output: str) -> None:
    """List which fields partners were given in a month, by route and version of the contract."""
    client = connect()
    told = client.get("/usage/fields", {"month": month, "partner": find_id(client, PARTNER, partner)})
    show_rows(told["items"], COLUMNS, output)
    if told["unknown_answers"]:
        note(
            say(
                "{answers} answers are of versions that this database does not know: their fields can't be told.",
                answers=told["unknown_answers"],
            )
        )
