"""`portazgo issuer`: who signs the backend's tokens, and with which keys."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import click

from portazgo.cli.find import ISSUER, find_id
from portazgo.cli.noun import Noun, asks, confirm, limit, limited, prints, show_list, show_named
from portazgo.cli.output import note, show_one
from portazgo.cli.propagation import show_propagation, waits
from portazgo.cli.session import connect
from portazgo.cli.words import say

COLUMNS = ("name", "url", "created_at", "id")
KEY_COLUMNS = ("kid", "issuer", "state", "published_at")
NAMED = {"issuer": "/issuers"}


@click.group(cls=Noun)
def issuer() -> None:
    """Who signs the backend's tokens: `iss`, and the keys at <url>/.well-known/jwks.json."""


@issuer.command("list")
@limit(None)
@prints
def list_issuers(most: int | None, output: str) -> None:
    """List the issuers."""
    client = connect()
    show_list(client, limited(client, "/issuers", {}, most), COLUMNS, output)


@issuer.command("create")
@click.argument("name")
@click.option("--url", required=True, help="Its `iss`; backends must reach the key set under it.")
@prints
def create_issuer(name: str, url: str, output: str) -> None:
    """Make an issuer with a key that signs at once."""
    show_one(connect().post("/issuers", {"name": name, "url": url}), output)


@issuer.group("key", cls=Noun)
def key() -> None:
    """Signing keys of the issuers."""


@key.command("list")
@limit(None)
@prints
def list_signing_keys(most: int | None, output: str) -> None:
    """List the signing keys of all issuers."""
    client = connect()
    show_list(client, limited(client, "/signing-keys", {}, most), KEY_COLUMNS, output, named=NAMED)


@key.command("add")
@click.argument("issuer")
@prints
def add_signing_key(issuer: str, output: str) -> None:
    """Publish a further key; it does not sign yet."""
    client = connect()
    added = client.post(f"/issuers/{find_id(client, ISSUER, issuer)}/signing-keys")
    show_named(client, added, output, NAMED)


@key.command("withdraw")
@click.argument("kid")
@waits
@asks
@prints
def withdraw_signing_key(kid: str, wait: bool, timeout: timedelta, output: str) -> int | None:
    """Take a key out of use at once, on every node; its tokens end now."""
    confirm(say("Withdraw the signing key {kid}? Backends refuse its tokens from now on.", kid=kid))
    client = connect()
    path = f"/signing-keys/{quote(kid, safe='')}"
    withdrawn = client.post(f"{path}/withdraw")
    note(say("Backends that cached the key set may accept its tokens for a few minutes still."))
    if wait:
        return show_propagation(client, path, timeout, output)
    show_named(client, withdrawn, output, NAMED)
    return None


@key.command("propagation")
@click.argument("kid")
@waits
@prints
def signing_key_propagation(kid: str, wait: bool, timeout: timedelta, output: str) -> int:
    """Tell whether every node knows the last change of a signing key. The exit code is 7 while one is unproven."""
    path = f"/signing-keys/{quote(kid, safe='')}"
    return show_propagation(connect(), path, timeout if wait else timedelta(0), output)
