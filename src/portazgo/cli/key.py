"""`portazgo key`: API keys."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from typing import Any

import click

from portazgo.cli.application import of_partner
from portazgo.cli.contradictions import excludes
from portazgo.cli.find import APPLICATION, find_id, kid_of
from portazgo.cli.noun import Noun, asks, confirm, limit, limited, prints, show_list, show_named
from portazgo.cli.output import note
from portazgo.cli.parameters import duration, fingerprint, given, rfc3339, until
from portazgo.cli.propagation import show_propagation
from portazgo.cli.session import connect
from portazgo.cli.words import say

COLUMNS = ("kid", "name", "application", "status", "expires_at", "created_at")
NAMED = {"application": "/applications"}
LONGEST_KEY = 200

WAIT = click.option("--wait", is_flag=True, help="Wait until no node is left that may still let the key through.")
TIMEOUT = click.option("--timeout", type=duration, default="30s", help="How long --wait waits.", show_default=True)
CERTIFICATE = click.option(
    "--client-certificate",
    "client_certificates",
    type=fingerprint,
    multiple=True,
    metavar="FILE",
    help="Only with this client certificate: a PEM file, or its SHA-256. Repeat it, at most 5.",
)


@click.group(cls=Noun)
def key() -> None:
    """API keys, by their kid: the ten letters and digits in the middle of a key, which are no secret."""


@key.command("list")
@click.option("--application", help="Of this application only; name, PARTNER/NAME, or id.")
@of_partner
@click.option("--status", type=click.Choice(["active", "disabled", "revoked"]), help="Of this status only.")
@limit(None)
@prints
def list_keys(application: str | None, partner: str | None, status: str | None, most: int | None, output: str) -> None:
    """List the keys, newest first."""
    client = connect()
    query = {"application": find_id(client, APPLICATION, application, partner), "status": status}
    show_list(client, limited(client, "/keys", query, most), COLUMNS, output, named=NAMED)


@key.command("create")
@click.option("--application", required=True, help="Whose key it is: name, PARTNER/NAME, or id.")
@of_partner
@click.option("--name", default="", help="What it is for.")
@click.option("--scope", "scopes", multiple=True, help="Only this of what the plan grants. Repeat it.")
@click.option("--network", "networks", multiple=True, metavar="CIDR", help="Only from this network. Repeat it.")
@CERTIFICATE
@click.option("--expires", type=until, metavar="TIME", help="When it ends: a time, or from now, such as 90d.")
@click.option(
    "--canary", is_flag=True, help="It lets nothing through, ever: whoever uses it is told of (docs/webhooks.md)."
)
@prints
def create_key(
    application: str,
    partner: str | None,
    expires: datetime | None,
    canary: bool,
    output: str,
    **terms: Any,
) -> None:
    """Make a key. It is shown whole this once, and never again."""
    client = connect()
    identifier = find_id(client, APPLICATION, application, partner)
    new = given(**terms, expires_at=rfc3339(expires), canary=canary or None)
    made = client.post(f"/applications/{identifier}/keys", new)
    show_named(client, {"api_key": made["api_key"], **made}, output, NAMED)
    note(say("This is the only time that the key is shown: keep it now, and hand it over by a safe way."))


@key.command("show")
@click.argument("kid")
@prints
def show_key(kid: str, output: str) -> None:
    """Show a key, without its secret."""
    client = connect()
    show_named(client, client.get(f"/keys/{kid_of(kid)}"), output, NAMED)


@key.command("change")
@click.argument("kid")
@click.option("--name", help="The new name.")
@click.option("--scope", "scopes", multiple=True, help="Only this of what the plan grants, in place of before.")
@click.option(
    "--network", "networks", multiple=True, metavar="CIDR", help="Only from this network, in place of before."
)
@CERTIFICATE
@click.option("--no-client-certificate", is_flag=True, help="Let it work without a client certificate again.")
@prints
@excludes("no_client_certificate", "client_certificates")
def change_key(kid: str, no_client_certificate: bool, output: str, **terms: Any) -> None:
    """Rename a key, replace its scopes, networks or client certificates."""
    client = connect()
    changes = given(**terms, without_client_certificates=no_client_certificate or None)
    show_named(client, client.patch(f"/keys/{kid_of(kid)}", changes), output, NAMED)


@key.command("disable")
@click.argument("kid")
@prints
def disable_key(kid: str, output: str) -> None:
    """Let the key through nowhere until it is enabled."""
    client = connect()
    show_named(client, client.post(f"/keys/{kid_of(kid)}/disable"), output, NAMED)


@key.command("enable")
@click.argument("kid")
@prints
def enable_key(kid: str, output: str) -> None:
    """Let the key through again."""
    client = connect()
    show_named(client, client.post(f"/keys/{kid_of(kid)}/enable"), output, NAMED)


@key.command("revoke")
@click.argument("kid")
@WAIT
@TIMEOUT
@asks
@prints
def revoke_key(kid: str, wait: bool, timeout: timedelta, output: str) -> int | None:
    """Kill a key for ever. With --wait the exit code is 7 when a node may still let it through after the time."""
    client = connect()
    found = client.get(f"/keys/{kid_of(kid)}")
    confirm(say("Revoke the key {kid} ({name}) for ever?", kid=found["kid"], name=found["name"] or "-"))
    revoked = client.post(f"/keys/{found['kid']}/revoke")
    if wait:
        return show_propagation(client, found["kid"], timeout, output)
    show_named(client, revoked, output, NAMED)
    note(say("`portazgo key propagation {kid} --wait` proves it, node by node.", kid=found["kid"]))
    return None


@key.command("report-leak")
@click.option("--url", help="Where it was found.")
@click.option(
    "--response",
    type=click.Choice(["notify", "retire_in_1h", "revoke"]),
    help="What is done, whatever the settings say.",
)
@prints
def report_leak(url: str | None, response: str | None, output: str) -> None:
    """Report a key that others can read. The key is read from the standard input, or asked for: never an argument."""
    client = connect()
    if sys.stdin.isatty():
        found = click.prompt(say("The whole key"), hide_input=True, err=True)
    else:
        found = sys.stdin.readline(LONGEST_KEY)
    outcome = client.post("/security/leak-reports", given(api_key=found.strip(), url=url, response=response))
    show_named(client, outcome, output, {})
    note(_came_of(outcome))


def _came_of(outcome: dict[str, Any]) -> str:
    if outcome["kid"] is None:
        return say("This is no key of this deployment: its form or its check sum is wrong. Nothing was done.")
    if not outcome["right"]:
        return say("The secret is not one of the key's: it may have been rotated away. Nothing was done.")
    if outcome["response"] == "retire_in_1h":
        end = outcome["secret_ends_at"]
        return say("The secret that leaked ends at {time}: rotate the key before, or it ends with it.", time=end)
    if outcome["response"] == "revoke":
        return say("What leaked is dead. `portazgo key propagation {kid} --wait` proves it.", kid=outcome["kid"])
    return say("Its owners are told; nothing else was done.")


@key.command("propagation")
@click.argument("kid")
@WAIT
@TIMEOUT
@prints
def key_propagation(kid: str, wait: bool, timeout: timedelta, output: str) -> int:
    """Tell whether every node knows the last change of a key. The exit code is 7 while one is unproven."""
    return show_propagation(connect(), kid_of(kid), timeout if wait else timedelta(0), output)
