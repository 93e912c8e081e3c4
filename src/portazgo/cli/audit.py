"""`portazgo audit`: who changed what."""

from __future__ import annotations

import click

from portazgo.cli.noun import Noun, limit, limited, prints, show_list
from portazgo.cli.session import connect

COLUMNS = ("at", "actor.name", "action", "subject", "revision")


@click.group(cls=Noun)
def audit() -> None:
    """Who changed what."""


@audit.command("list")
@click.option("--subject", help="Id or kid of what was changed.")
@click.option("--action", help="What was done, such as key.revoked.")
@limit(50)
@prints
def list_audit(subject: str | None, action: str | None, most: int | None, output: str) -> None:
    """List what was changed, newest first."""
    client = connect()
    show_list(client, limited(client, "/audit", {"subject": subject, "action": action}, most), COLUMNS, output)
