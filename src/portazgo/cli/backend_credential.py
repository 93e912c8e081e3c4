"""`portazgo backend credential`: how a backend's tokens are fetched, and what logins are made with."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from portazgo.cli.backend_environment import as_given
from portazgo.cli.find import BACKEND, ISSUER, PARTNER, find, find_id
from portazgo.cli.noun import Noun, asks, confirm, limit, limited, prints, show_list
from portazgo.cli.output import note, show_one
from portazgo.cli.parameters import PAIR, duration, pair
from portazgo.cli.session import connect
from portazgo.cli.words import say

COLUMNS = ("environment", "partner", "names", "changed_at", "id")
NAMED = {"partner": "/partners"}
STANDARD_INPUT = "-"

ENVIRONMENT = click.option(
    "--environment", type=click.Choice(["live", "test"]), default="live", show_default=True, help="Of which."
)
PATH = click.option("--path", help="Where the login is, at the backend's targets.")
URL = click.option("--url", help="Where the login is, when it is not at the backend's targets.")
HEADER = click.option("--header", help="Which header carries the token.  [default: Authorization]")
VALUE = click.option("--value", help="What stands in it.  [default: Bearer {token}]")
PER_PARTNER = click.option("--per-partner", is_flag=True, help="Each partner has a service credential of its own.")
SCOPE = click.option("--scope", help="What to ask for.")
AUTHENTICATION = click.Choice(["client_secret_basic", "client_secret_post"])


@click.group("credential", cls=Noun)
def credential() -> None:
    """How a backend's tokens are fetched at its own token endpoint, and the service credentials that it takes."""


@credential.command("exchange")
@click.argument("backend")
@ENVIRONMENT
@PATH
@URL
@click.option("--form", is_flag=True, help="Send a form; otherwise JSON.")
@click.option(
    "--body",
    type=pair,
    multiple=True,
    metavar=PAIR,
    help="A member of the body, such as password={credential.password}. Repeat it.  [default: username and password]",
)
@click.option("--token", help="Where the answer has the token.  [default: /access]")
@click.option("--expires", help="`jwt`, or where the answer says how long it is good for.  [default: jwt]")
@click.option("--life", type=duration, help="How long tokens live, whatever is said of it.")
@click.option("--refresh-path", help="Where to refresh a token, at the backend's targets.")
@HEADER
@VALUE
@PER_PARTNER
@prints
def exchange(backend: str, environment: str, output: str, **wanted: Any) -> None:
    """Log in at the backend's token endpoint with a service credential, and attach the token that comes."""
    login = _place(wanted) | ({"content_type": "form"} if wanted["form"] else {})
    if wanted["body"]:
        login["body"] = dict(wanted["body"])
    said = {
        "kind": "exchange",
        "login": login,
        "token": wanted["token"],
        "expires": wanted["expires"],
        "life_seconds": _seconds(wanted["life"]),
        "refresh": wanted["refresh_path"] and {"path": wanted["refresh_path"]},
        **_attached(wanted),
    }
    _set(backend, environment, said, output)


@credential.command("client-credentials")
@click.argument("backend")
@ENVIRONMENT
@PATH
@URL
@click.option("--authentication", type=AUTHENTICATION, help="How the client proves itself.")
@SCOPE
@click.option("--audience", help="For whom the token is to be.")
@HEADER
@VALUE
@PER_PARTNER
@prints
def client_credentials(backend: str, environment: str, output: str, **wanted: Any) -> None:
    """Fetch tokens by OAuth 2.0 client credentials (RFC 6749, section 4.4)."""
    said = {
        "kind": "client_credentials",
        "login": _place(wanted),
        **{name: wanted[name] for name in ("authentication", "scope", "audience")},
        **_attached(wanted),
    }
    _set(backend, environment, said, output)


@credential.command("token-exchange")
@click.argument("backend")
@ENVIRONMENT
@PATH
@URL
@click.option("--subject-audience", required=True, help="`aud` of the token that we mint to be exchanged.")
@click.option("--subject-issuer", help="Who signs it; without it the first issuer.")
@click.option("--claim", "claims", type=pair, multiple=True, metavar=PAIR, help="A claim of it. Repeat it.")
@click.option("--authentication", type=AUTHENTICATION, help="How the client proves itself; without it not at all.")
@SCOPE
@click.option("--audience", help="For whom the token is to be.")
@HEADER
@VALUE
@PER_PARTNER
@prints
def token_exchange(backend: str, environment: str, output: str, **wanted: Any) -> None:
    """Mint a token for the caller and exchange it for the backend's (RFC 8693)."""
    issuer = find_id(connect(), ISSUER, wanted["subject_issuer"])
    subject = {"audience": wanted["subject_audience"], "issuer": issuer, "claims": dict(wanted["claims"])}
    said = {
        "kind": "token_exchange",
        "login": _place(wanted),
        "subject": subject,
        **{name: wanted[name] for name in ("authentication", "scope", "audience")},
        **_attached(wanted),
    }
    _set(backend, environment, said, output)


@credential.command("set")
@click.argument("backend")
@ENVIRONMENT
@click.option("--partner", help="Whose it is, where each partner has its own.")
@click.option("--value", "values", type=pair, multiple=True, metavar=PAIR, help="What is no secret. Repeat it.")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="NAME",
    help="A secret that is asked for, or read from standard input.",
)
@click.option(
    "--secret-file",
    "files",
    type=pair,
    multiple=True,
    metavar="NAME=FILE",
    help="A secret in a file, without its last line end. Repeat it.",
)
@prints
def set_credential(
    backend: str,
    environment: str,
    partner: str | None,
    values: tuple[tuple[str, Any], ...],
    secrets: tuple[str, ...],
    files: tuple[tuple[str, str], ...],
    output: str,
) -> None:
    """Set what logins at a backend are made with. A secret never stands in the command itself, where all could see it."""
    client = connect()
    found = find(client, BACKEND, backend)
    told = {name: value if isinstance(value, str) else str(value) for name, value in values}
    told |= {name: _of_file(name, path) for name, path in files} | _asked(secrets)
    if not told:
        raise click.UsageError("give at least one --value, --secret or --secret-file")
    body = {"partner": find_id(client, PARTNER, partner), "values": told}
    show_one(client.put(f"/backends/{found['id']}/credentials/{environment}", body), output)
    note(
        say(
            "It is sealed, and never shown again. See whether it works: portazgo backend test {name}",
            name=found["name"],
        )
    )


@credential.command("list")
@click.argument("backend")
@limit(None)
@prints
def list_credentials(backend: str, most: int | None, output: str) -> None:
    """List what logins at a backend are made with: names, never values."""
    client = connect()
    found = find(client, BACKEND, backend)
    show_list(client, limited(client, f"/backends/{found['id']}/credentials", {}, most), COLUMNS, output, named=NAMED)


@credential.command("remove")
@click.argument("backend")
@ENVIRONMENT
@click.option("--partner", help="Whose it is, where each partner has its own.")
@asks
@prints
def remove_credential(backend: str, environment: str, partner: str | None, output: str) -> None:
    """Take a service credential away: calls that need its token are refused from then on."""
    client = connect()
    found = find(client, BACKEND, backend)
    place = (environment, find_id(client, PARTNER, partner))
    rows = client.pages(f"/backends/{found['id']}/credentials", {})
    row = next((row for row in rows if (row["environment"], row["partner"]) == place), None)
    if row is None:
        raise click.UsageError(f"there is no such service credential: portazgo backend credential list {found['name']}")
    confirm(say("Remove the service credential of {name}? Calls that need its token are refused.", name=found["name"]))
    client.delete(f"/service-credentials/{row['id']}")
    show_one({"removed": row["id"], "environment": environment}, output)


def _set(backend: str, environment: str, said: dict[str, Any], output: str) -> None:
    client = connect()
    found = find(client, BACKEND, backend)
    environments = {one: as_given(settings) for one, settings in found["environments"].items()}
    if environment not in environments:
        raise click.UsageError(
            f"{found['name']} has no {environment} environment: portazgo backend change {found['name']} "
            f"--environment {environment} --target URL"
        )
    told = {name: value for name, value in said.items() if value is not None}
    environments[environment] = {**environments[environment], "credential": told}
    changed = client.patch(f"/backends/{found['id']}", {"environments": environments})
    show_one({"name": changed["name"], **changed["environments"][environment]["credential"]}, output)


def _place(wanted: dict[str, Any]) -> dict[str, Any]:
    if (wanted["path"] is None) == (wanted["url"] is None):
        raise click.UsageError("say where the login is: --path at the backend's targets, or --url")
    return {name: wanted[name] for name in ("path", "url") if wanted[name] is not None}


def _attached(wanted: dict[str, Any]) -> dict[str, Any]:
    attach = {name: wanted[name] for name in ("header", "value") if wanted[name] is not None}
    return {"attach": attach or None, "credentials": "partner" if wanted["per_partner"] else None}


def _seconds(life: timedelta | None) -> int | None:
    return None if life is None else int(life.total_seconds())


def _of_file(name: str, path: str) -> str:
    try:
        text = sys.stdin.read() if path == STANDARD_INPUT else Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise click.UsageError(f"the file of {name} can't be read: {problem}") from None
    return text.removesuffix("\n").removesuffix("\r")


def _asked(names: tuple[str, ...]) -> dict[str, str]:
    if sys.stdin.isatty():
        return {name: click.prompt(name, hide_input=True, err=True) for name in names}
    # One line each, in the order in which they are named.
    lines = {name: sys.stdin.readline().rstrip("\r\n") for name in names}
    missing = [name for name, line in lines.items() if not line]
    if missing:
        raise click.UsageError(f"standard input has no line for {', '.join(missing)}")
    return lines
