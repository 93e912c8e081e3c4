"""`portazgo key`: API keys."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from portazgo.cli.application import of_partner
from portazgo.cli.contradictions import excludes
from portazgo.cli.find import APPLICATION, PARTNER, ROUTE, find_id, kid_of
from portazgo.cli.noun import Noun, asks, confirm, limit, limited, prints, show_deleted, show_list, show_named
from portazgo.cli.output import note, show_one
from portazgo.cli.parameters import fingerprint, given, rfc3339, since, until
from portazgo.cli.propagation import show_propagation, waits
from portazgo.cli.rotation import rotate_key, rotation, show_key_document
from portazgo.cli.session import connect
from portazgo.cli.shown_once import show_once
from portazgo.cli.words import say

if TYPE_CHECKING:
    from portazgo.client.admin import AdminClient

COLUMNS = ("kid", "name", "application", "status", "tags", "expires_at", "last_used_at")
NAMED = {"application": "/applications", "partner": "/partners", "routes": "/routes"}
NAMED_IN_LISTS = {"application": "/applications"}
LONGEST_SECRET = 4_100
_MOMENTS = ("expires_before", "last_used_before", "rotation_due_before", "retiring_ends_before")

CERTIFICATE = click.option(
    "--client-certificate",
    "client_certificates",
    type=fingerprint,
    multiple=True,
    metavar="FILE",
    help="Only with this client certificate: a PEM file, or its SHA-256. Repeat it, at most 5.",
)
SCOPE = click.option("--scope", "scopes", multiple=True, help="Only this of what the plan grants. Repeat it.")
NETWORK = click.option(
    "--network", "networks", multiple=True, metavar="CIDR", help="Only from this network, IPv4 or IPv6. Repeat it."
)
ROUTES = click.option(
    "--route", "routes", multiple=True, metavar="API/ROUTE", help="Of what the plan opens, only this route. Repeat it."
)
ROUTE_TAGS = click.option(
    "--route-tag", "route_tags", multiple=True, metavar="TAG", help="Only routes with this tag. Repeat it."
)


@click.group(cls=Noun)
def key() -> None:
    """API keys, by their kid: the ten letters and digits in the middle of a key, which are no secret."""


@key.command("list")
@click.option("--application", help="Of this application only; name, PARTNER/NAME, or id.")
@click.option("--partner", help="Of this partner only.")
@click.option("--environment", type=click.Choice(["live", "test"]), help="Of this environment only.")
@click.option("--status", type=click.Choice(["active", "disabled", "revoked"]), help="Of this status only.")
@click.option("--tag", multiple=True, help="With this tag. Repeat it: with all of them.")
@click.option("--text", help="With this text in the name.")
@click.option("--expires-before", type=until, metavar="TIME", help="That end before: a time, or from now, such as 30d.")
@click.option(
    "--unused-since",
    "last_used_before",
    type=since,
    metavar="TIME",
    help="Not used since: a time, or ago, such as 90d.",
)
@click.option(
    "--rotation-due-before",
    type=until,
    metavar="TIME",
    help="Due for rotation, as their plans say, before: a time, or from now; 0s: due.",
)
@click.option(
    "--retiring-ends-before",
    type=until,
    metavar="TIME",
    help="Rotated, with an old secret that ends before: a time, or from now, such as 7d.",
)
@click.option("--deleted", is_flag=True, help="Those that were deleted, too.")
@limit(None)
@prints
def list_keys(application: str | None, partner: str | None, most: int | None, output: str, **wanted: Any) -> None:
    """List the keys, newest first: those to which all of it applies."""
    client = connect()
    moments = {name: rfc3339(wanted.pop(name)) for name in _MOMENTS}
    query = {
        **given(**wanted, **moments),
        "application": find_id(client, APPLICATION, application, partner),
        "partner": find_id(client, PARTNER, partner),
    }
    show_list(client, limited(client, "/keys", query, most), COLUMNS, output, named=NAMED_IN_LISTS)


@key.command("create")
@click.option("--application", required=True, help="Whose key it is: name, PARTNER/NAME, or id.")
@of_partner
@click.option("--name", default="", help="What it is for.")
@click.option("--tag", "tags", multiple=True, help="A word to find it by. Repeat it.")
@SCOPE
@ROUTES
@ROUTE_TAGS
@NETWORK
@CERTIFICATE
@click.option("--expires", type=until, metavar="TIME", help="When it ends: a time, or from now, such as 90d.")
@click.option(
    "--canary", is_flag=True, help="It lets nothing through, ever: whoever uses it is told of (docs/webhooks.md)."
)
@prints
def create_key(
    application: str,
    partner: str | None,
    routes: tuple[str, ...],
    expires: datetime | None,
    canary: bool,
    output: str,
    **terms: Any,
) -> None:
    """Make a key. It is shown whole this once, and never again: alone in a line of stdout."""
    client = connect()
    identifier = find_id(client, APPLICATION, application, partner)
    new = given(**terms, routes=_ids(client, routes), expires_at=rfc3339(expires), canary=canary or None)
    made = client.post(f"/applications/{identifier}/keys", new)
    warning = say("This is the only time that the key is shown: keep it now, and hand it over by a safe way.")
    show_once(client, made, "api_key", output, NAMED, warning)


@key.command("show")
@click.argument("kid")
@prints
def show_key(kid: str, output: str) -> None:
    """Show a key, without its secrets, and who still uses the old one while it is rotated."""
    client = connect()
    show_key_document(client, client.get(f"/keys/{kid_of(kid)}"), output)


@key.command("change")
@click.argument("kid")
@click.option("--name", help="The new name.")
@click.option("--tag", "tags", multiple=True, help="A tag, in place of those before. Repeat it.")
@click.option("--add-tag", "add_tags", multiple=True, help="A tag beside those before. Repeat it.")
@click.option("--remove-tag", "remove_tags", multiple=True, help="Take this tag away. Repeat it.")
@SCOPE
@click.option("--all-scopes", "without_scopes", is_flag=True, help="All that the plan grants, again.")
@ROUTES
@ROUTE_TAGS
@click.option("--all-routes", "without_routes", is_flag=True, help="Every route that the plan opens, again.")
@NETWORK
@click.option("--any-network", "without_networks", is_flag=True, help="From anywhere, again.")
@CERTIFICATE
@click.option("--no-client-certificate", "without_client_certificates", is_flag=True, help="Without one, again.")
@click.option("--expires", type=until, metavar="TIME", help="When it ends: a time, or from now, such as 90d.")
@click.option("--no-expiry", "without_expiry", is_flag=True, help="As late as keys may live, or never.")
@waits
@prints
@excludes("without_scopes", "scopes")
@excludes("without_routes", "routes", "route_tags")
@excludes("without_networks", "networks")
@excludes("without_client_certificates", "client_certificates")
@excludes("without_expiry", "expires")
def change_key(
    kid: str,
    routes: tuple[str, ...],
    expires: datetime | None,
    wait: bool,
    timeout: timedelta,
    output: str,
    **terms: Any,
) -> int | None:
    """Rename a key, tag it, change what it opens, from where, and how long. What isn't given stays."""
    client = connect()
    switches = {name: terms.pop(name) or None for name in list(terms) if name.startswith("without_")}
    changes = given(**terms, **switches, routes=_ids(client, routes), expires_at=rfc3339(expires))
    changed = client.patch(f"/keys/{kid_of(kid)}", changes)
    if wait:
        return show_propagation(client, f"/keys/{changed['kid']}", timeout, output)
    show_named(client, changed, output, NAMED)
    return None


key.add_command(rotate_key)
key.add_command(rotation)


@key.command("disable")
@click.argument("kid")
@waits
@prints
def disable_key(kid: str, wait: bool, timeout: timedelta, output: str) -> int | None:
    """Let the key through nowhere until it is enabled."""
    client = connect()
    disabled = client.post(f"/keys/{kid_of(kid)}/disable")
    if wait:
        return show_propagation(client, f"/keys/{disabled['kid']}", timeout, output)
    show_named(client, disabled, output, NAMED)
    return None


@key.command("enable")
@click.argument("kid")
@prints
def enable_key(kid: str, output: str) -> None:
    """Let the key through again. One that nobody used is as good as new by it."""
    client = connect()
    show_named(client, client.post(f"/keys/{kid_of(kid)}/enable"), output, NAMED)


@key.command("revoke")
@click.argument("kid")
@waits
@asks
@prints
def revoke_key(kid: str, wait: bool, timeout: timedelta, output: str) -> int | None:
    """Kill a key for ever. With --wait the exit code is 7 when a node may still let it through after the time."""
    client = connect()
    found = client.get(f"/keys/{kid_of(kid)}")
    confirm(say("Revoke the key {kid} ({name}) for ever?", kid=found["kid"], name=found["name"] or "-"))
    revoked = client.post(f"/keys/{found['kid']}/revoke")
    if wait:
        return show_propagation(client, f"/keys/{found['kid']}", timeout, output)
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
    outcome = client.post("/security/leak-reports", given(api_key=_read_secret(), url=url, response=response))
    show_named(client, outcome, output, {})
    note(_came_of(outcome))


@key.command("tag")
@prints
def key_tag(output: str) -> None:
    """Make the tags of a secret, by which `trace list` finds who tried it. It is read from the standard input, or asked for."""
    client = connect()
    found = client.post("/security/secret-tags", {"secret": _read_secret()})
    if output == "table":
        click.echo(found["secret_tag"])
        note(say("`portazgo trace list --secret-tag TAG` lists the refused calls that presented it."))
    else:
        show_one(found, output)


def _read_secret() -> str:
    if sys.stdin.isatty():
        text: str = click.prompt(say("The whole key"), hide_input=True, err=True)
        return text.strip()
    return sys.stdin.readline(LONGEST_SECRET).strip()


def _came_of(outcome: dict[str, Any]) -> str:
    if outcome["kid"] is None:
        return say("This is no key of this deployment: its form or its check sum is wrong, and it was not imported.")
    if not outcome["right"]:
        return say("The secret is not one of the key's: it may have been rotated away. Nothing was done.")
    if outcome["response"] == "retire_in_1h":
        end = outcome["secret_ends_at"]
        return say("The secret that leaked ends at {time}: rotate the key before, or it ends with it.", time=end)
    if outcome["response"] == "revoke":
        return say("What leaked is dead. `portazgo key propagation {kid} --wait` proves it.", kid=outcome["kid"])
    if outcome["response"] is None:
        return say("It was reported before. Nothing more was done.")
    return say("Its owners are told; nothing else was done.")


@key.command("propagation")
@click.argument("kid")
@waits
@prints
def key_propagation(kid: str, wait: bool, timeout: timedelta, output: str) -> int:
    """Tell whether every node knows the last change of a key. The exit code is 7 while one is unproven."""
    return show_propagation(connect(), f"/keys/{kid_of(kid)}", timeout if wait else timedelta(0), output)


@key.command("delete")
@click.argument("kid")
@asks
@prints
def delete_key(kid: str, output: str) -> None:
    """Take a revoked or expired key out of the lists. Its kid is never used again, and nodes go on refusing it."""
    client = connect()
    found = client.get(f"/keys/{kid_of(kid)}")
    confirm(say("Delete the key {kid} ({name})?", kid=found["kid"], name=found["name"] or "-"))
    client.delete(f"/keys/{found['kid']}")
    show_deleted({**found, "name": found["kid"]} if output == "table" else found, output)


@key.command("scanner-rules")
@click.option(
    "--format",
    "form",
    type=click.Choice(["regex", "gitleaks", "trufflehog", "github"]),
    default="regex",
    show_default=True,
    help="For which scanner.",
)
@prints
def scanner_rules(form: str, output: str) -> None:
    """Print the rules by which scanners for leaked secrets find the keys of this deployment, as the scanner's file."""
    found = connect().get("/keys/scanner-rules", {"format": form})
    if output == "table":
        click.echo(found["rules"], nl=False)
    else:
        show_one(found, output)


def _ids(client: AdminClient, routes: tuple[str, ...]) -> list[str | None]:
    return [find_id(client, ROUTE, route) for route in routes]
