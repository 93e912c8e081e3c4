"""`portazgo usage fields`: which fields partners were given."""

from __future__ import annotations

from typing import Any

import click

from portazgo.cli.find import PARTNER, find_id
from portazgo.cli.noun import prints
from portazgo.cli.output import note, show_groups, show_rows
from portazgo.cli.session import connect
from portazgo.cli.words import say

COLUMNS = ("partner_name", "route", "contract", "version", "field", "backend_field", "answers", "selected")


@click.command("fields")
@click.option("--month", help="Of this month of UTC, such as 2026-11.  [default: this one]")
@click.option("--partner", help="Of this partner.")
@prints
def usage_fields(month: str | None, partner: str | None, output: str) -> None:
    """List which fields partners were given in a month, by route and version of the contract."""
    client = connect()
    told = client.get("/usage/fields", {"month": month, "partner": find_id(client, PARTNER, partner)})
    if output == "table":
        show_groups([_for_people(one) for one in told["items"]], ("heading",), ("field", "backend_field", "answers"))
        if any(one["selected"] for one in told["items"]):
            note(say("From … to …: callers asked for some fields only (`?fields=`), and which is not recorded."))
    else:
        show_rows(told["items"], COLUMNS, output)
    if told["unknown_answers"]:
        note(
            say(
                "{answers} answers are of versions that this database does not know: their fields can't be told.",
                answers=told["unknown_answers"],
            )
        )


def _for_people(one: dict[str, Any]) -> dict[str, Any]:
    who = one["partner_name"] or one["partner"]
    return {
        "heading": f"{who}  {one['route']}  {one['contract']}@{one['version']}",
        "field": one["field"],
        "backend_field": "=" if one["backend_field"] == one["field"] else one["backend_field"],
        "answers": f"{one['answers'] - one['selected']} … {one['answers']}" if one["selected"] else one["answers"],
    }
