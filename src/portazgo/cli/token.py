"""`portazgo token`: admin tokens."""

from __future__ import annotations

from datetime import datetime

import click

from portazgo.cli.find import PARTNER, TOKEN, find_id
from portazgo.cli.noun import Noun, asks, confirm, limit, limited, prints, show_list
from portazgo.cli.output import note, show_one
from portazgo.cli.parameters import given, rfc3339, until
from portazgo.cli.session import connect
from portazgo.cli.words import say

COLUMNS = ("name", "scopes", "partner", "expires_at", "revoked_at", "id")


@click.group(cls=Noun)
def token() -> None:
    """Admin tokens: what speaks to the admin API, this command line included."""


@token.command("list")
@limit(None)
@prints
def list_tokens(most: int | None, output: str) -> None:
    """List the admin tokens, newest first."""
    client = connect()
    show_list(client, limited(client, "/tokens", {}, most), COLUMNS, output)


@token.command("create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, help="What it may do: partners:read, keys:write, *. Repeat it.")
@click.option(
    "--partner", help="In place of scopes: it opens what this partner may see of its own calls, nothing else."
)
@click.option("--expires", type=until, metavar="TIME", help="When it ends: a time, or from now, such as 90d.")
@prints
def create_token(
    name: str, scopes: tuple[str, ...], partner: str | None, expires: datetime | None, output: str
) -> None:
    """Make an admin token. It is shown this once, and never again."""
    if bool(scopes) == (partner is not None):
        raise click.UsageError("give either --scope or --partner")
    client = connect()
    body = given(name=name, expires_at=rfc3339(expires))
    if partner is None:
        made = client.post("/tokens", {**body, "scopes": scopes})
    else:
        made = client.post(f"/partners/{find_id(client, PARTNER, partner)}/tokens", body)
    show_one({"token": made["token"], **made}, output)
    note(say("This is the only time that the token is shown: keep it in a file that only its user may read."))


@token.command("revoke")
@click.argument("token")
@asks
@prints
def revoke_token(token: str, output: str) -> None:
    """End an admin token at once, by its name or id."""
    client = connect()
    identifier = find_id(client, TOKEN, token)
    confirm(say("End the admin token {name}?", name=token))
    show_one(client.post(f"/tokens/{identifier}/revoke"), output)
