"""`portazgo issuer`: who signs the backend's tokens, and with which keys."""

from __future__ import annotations

from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

import click

from portazgo.cli.contradictions import excludes
from portazgo.cli.find import ISSUER, find, find_id
from portazgo.cli.noun import Noun, asks, confirm, limit, limited, prints, show_list, show_named
from portazgo.cli.output import note, show_one
from portazgo.cli.parameters import duration, given
from portazgo.cli.propagation import show_propagation, waits
from portazgo.cli.session import connect
from portazgo.cli.signing_kid import NamesSigningKey
from portazgo.cli.words import say

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS = ("name", "url", "algorithm", "rotate_every_seconds", "created_at", "id")
KEY_COLUMNS = ("kid", "issuer", "algorithm", "state", "published_at", "not_before", "waits_for")
NAMED = {"issuer": "/issuers"}
ALGORITHMS = ("ES256", "EdDSA", "RS256", "HS256")

ROTATE_EVERY = click.option(
    "--rotate-every", type=duration, help="Rotate its keys by itself, such as every 90d. Without it by hand only."
)
SECRET = click.option(
    "--secret-file",
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="HS256: the secret that the backend holds; - reads it from stdin. Without it one is made, and shown once.",
)


def algorithm(help_text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add `--algorithm`."""
    return click.option("--algorithm", type=click.Choice(ALGORITHMS), help=help_text)


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
@algorithm("How its keys sign, where a backend says nothing else.  [default: ES256]")
@ROTATE_EVERY
@SECRET
@prints
def create_issuer(
    name: str, url: str, algorithm: str | None, rotate_every: timedelta | None, secret_file: IO[str] | None, output: str
) -> None:
    """Make an issuer with a key that signs at once."""
    new = given(
        name=name,
        url=url,
        algorithm=algorithm,
        rotate_every_seconds=_seconds(rotate_every),
        secret=_secret(secret_file),
    )
    _show_made(connect().post("/issuers", new), output)


@issuer.command("show")
@click.argument("issuer")
@prints
def show_issuer(issuer: str, output: str) -> None:
    """Show an issuer."""
    show_one(find(connect(), ISSUER, issuer), output)


@issuer.command("change")
@click.argument("issuer")
@ROTATE_EVERY
@click.option("--no-rotation", is_flag=True, help="Rotate by hand only.")
@prints
@excludes("no_rotation", "rotate_every")
def change_issuer(issuer: str, rotate_every: timedelta | None, no_rotation: bool, output: str) -> None:
    """Say how often the keys of an issuer are rotated."""
    client = connect()
    changes = given(rotate_every_seconds=_seconds(rotate_every), without_rotation=no_rotation or None)
    show_one(client.patch(f"/issuers/{find_id(client, ISSUER, issuer)}", changes), output)


@issuer.command("rotate")
@click.argument("issuer")
@algorithm("Of which of its keys.  [default: the issuer's]")
@SECRET
@prints
def rotate_issuer(issuer: str, algorithm: str | None, secret_file: IO[str] | None, output: str) -> None:
    """Publish the next key. It takes over when every node publishes it and no cache holds the key set from before."""
    client = connect()
    wanted = given(algorithm=algorithm, secret=_secret(secret_file))
    made = client.post(f"/issuers/{find_id(client, ISSUER, issuer)}/rotate", wanted)
    _show_key_made(client, made, output)


@issuer.group("key", cls=Noun)
def key() -> None:
    """Signing keys of the issuers."""


@key.command("list")
@limit(None)
@prints
def list_signing_keys(most: int | None, output: str) -> None:
    """List the signing keys of all issuers, and what they wait for."""
    client = connect()
    show_list(client, limited(client, "/signing-keys", {}, most), KEY_COLUMNS, output, named=NAMED)


@key.command("add")
@click.argument("issuer")
@algorithm("How it signs.  [default: as the issuer's keys]")
@SECRET
@prints
def add_signing_key(issuer: str, algorithm: str | None, secret_file: IO[str] | None, output: str) -> None:
    """Publish a further key, also of another algorithm. It signs by itself as soon as it may."""
    client = connect()
    wanted = given(algorithm=algorithm, secret=_secret(secret_file))
    added = client.post(f"/issuers/{find_id(client, ISSUER, issuer)}/signing-keys", wanted)
    _show_key_made(client, added, output)


@key.command("sign", cls=NamesSigningKey)
@click.argument("kid")
@prints
def begin_signing(kid: str, output: str) -> None:
    """Have a shared secret (HS256) sign, now that the backend holds it. Other keys do so by themselves."""
    client = connect()
    show_named(client, client.post(f"/signing-keys/{quote(kid, safe='')}/sign"), output, NAMED)


@key.command("withdraw", cls=NamesSigningKey)
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


@key.command("propagation", cls=NamesSigningKey)
@click.argument("kid")
@waits
@prints
def signing_key_propagation(kid: str, wait: bool, timeout: timedelta, output: str) -> int:
    """Tell whether every node knows the last change of a signing key. The exit code is 7 while one is unproven."""
    path = f"/signing-keys/{quote(kid, safe='')}"
    return show_propagation(connect(), path, timeout if wait else timedelta(0), output)


def _show_made(made: dict[str, Any], output: str) -> None:
    show_one(_for_people(made) if output == "table" else made, output)
    _warn_of_secret(made)


def _show_key_made(client: Any, made: dict[str, Any], output: str) -> None:
    show_named(client, made, output, NAMED, _for_people)
    _warn_of_secret(made)
    if made["secret"] is not None or made["public_jwk"] is None:
        note(
            say("It signs when you say so, once the backend holds it: portazgo issuer key sign {kid}", kid=made["kid"])
        )
    else:
        note(say("portazgo issuer key list shows what it waits for."))


def _for_people(made: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in made.items() if name != "secret" or value is not None}


def _warn_of_secret(made: dict[str, Any]) -> None:
    if made["secret"] is not None:
        note(
            say(
                "This is the only time that the secret is shown: keep it now, and give it to the backend by a safe way."
            )
        )


def _secret(file: IO[str] | None) -> str | None:
    """Read a secret from its file: never from the command line, where every user of the machine could see it."""
    return None if file is None else file.read().rstrip("\n")


def _seconds(length: timedelta | None) -> int | None:
    return None if length is None else int(length.total_seconds())
