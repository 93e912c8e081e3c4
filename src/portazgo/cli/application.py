"""`portazgo application`: a partner's integrations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from portazgo.cli.contract import state_word
from portazgo.cli.find import APPLICATION, PARTNER, PLAN, find, find_id
from portazgo.cli.noun import Noun, asks, confirm, limit, limited, prints, show_deleted, show_list, show_named
from portazgo.cli.output import show_rows
from portazgo.cli.parameters import PAIR, given, pair
from portazgo.cli.partner import merged
from portazgo.cli.propagation import show_propagation, waits
from portazgo.cli.revoking import Revoking, revoke_keys
from portazgo.cli.session import connect
from portazgo.cli.words import label, say

COLUMNS = ("name", "partner", "environment", "status", "plan", "id")
SERVED_COLUMNS = ("api", "contract", "version", "by", "state", "sunset_at")
NAMED = {"partner": "/partners", "plan": "/plans"}

of_partner = click.option("--partner", help="Of which partner; needed where several have one of that name.")


@click.group(cls=Noun)
def application() -> None:
    """A partner's integrations, test or live. Write `acme/crm` where a bare name isn't unique."""


@application.command("list")
@click.option("--partner", help="Of this partner only.")
@limit(None)
@prints
def list_applications(partner: str | None, most: int | None, output: str) -> None:
    """List the applications."""
    client = connect()
    query = {"partner": find_id(client, PARTNER, partner)}
    show_list(client, limited(client, "/applications", query, most), COLUMNS, output, named=NAMED)


@application.command("create")
@click.argument("name")
@click.option("--partner", required=True, help="Whose it is.")
@click.option("--environment", type=click.Choice(["live", "test"]), required=True, help="Which keys it gets.")
@click.option("--plan", help="What it may call, and how often; without one it may call nothing.")
@click.option("--metadata", type=pair, multiple=True, metavar=PAIR, help="Repeat it; claims of tokens may use it.")
@prints
def create_application(
    name: str, partner: str, environment: str, plan: str | None, metadata: tuple[tuple[str, Any], ...], output: str
) -> None:
    """Make an application of a partner."""
    client = connect()
    new: dict[str, Any] = {"name": name, "environment": environment, "metadata": dict(metadata)}
    new |= {"partner": find_id(client, PARTNER, partner), "plan": find_id(client, PLAN, plan)}
    show_named(client, client.post("/applications", new), output, NAMED)


@application.command("show")
@click.argument("application")
@of_partner
@prints
def show_application(application: str, partner: str | None, output: str) -> None:
    """Show an application."""
    client = connect()
    found = find(client, APPLICATION, application, partner)
    show_named(client, found, output, NAMED)
    if output == "table":
        served = client.get(f"/applications/{found['id']}/contracts")["items"]
        if served:
            click.echo("\n" + say("What partners see of its APIs:"))
            show_rows([_served(one) for one in served], SERVED_COLUMNS, output)


def _served(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "api": one["api_name"], "state": state_word(one["state"]), "by": label(one["by"])}


@application.command("change")
@click.argument("application")
@of_partner
@click.option("--name", help="The new name.")
@click.option("--plan", help="The plan that holds from now on.")
@click.option("--metadata", type=pair, multiple=True, metavar=PAIR, help="Set this member; the others stay.")
@click.option("--remove-metadata", "removed", multiple=True, metavar="NAME", help="Take this member away.")
@prints
def change_application(
    application: str,
    partner: str | None,
    metadata: tuple[tuple[str, Any], ...],
    removed: tuple[str, ...],
    output: str,
    **changes: str | None,
) -> None:
    """Rename an application, give it a plan, change its metadata."""
    client = connect()
    found = find(client, APPLICATION, application, partner)
    wanted = given(
        name=changes["name"],
        plan=find_id(client, PLAN, changes["plan"]),
        metadata=merged(found["metadata"], metadata, removed),
    )
    show_named(client, client.patch(f"/applications/{found['id']}", wanted), output, NAMED)


@application.command("suspend")
@click.argument("application")
@of_partner
@waits
@prints
def suspend_application(
    application: str, partner: str | None, wait: bool, timeout: timedelta, output: str
) -> int | None:
    """Let no call of the application through until it is resumed."""
    client = connect()
    suspended = client.post(f"/applications/{find_id(client, APPLICATION, application, partner)}/suspend")
    if wait:
        return show_propagation(client, f"/applications/{suspended['id']}", timeout, output)
    show_named(client, suspended, output, NAMED)
    return None


@application.command("resume")
@click.argument("application")
@of_partner
@waits
@prints
def resume_application(
    application: str, partner: str | None, wait: bool, timeout: timedelta, output: str
) -> int | None:
    """Let the application's calls through again."""
    client = connect()
    resumed = client.post(f"/applications/{find_id(client, APPLICATION, application, partner)}/resume")
    if wait:
        return show_propagation(client, f"/applications/{resumed['id']}", timeout, output)
    show_named(client, resumed, output, NAMED)
    return None


@application.command("revoke-keys")
@click.argument("application")
@of_partner
@click.option("--dry-run", is_flag=True, help="Only tell which keys would die.")
@waits
@asks
@prints
def revoke_application_keys(
    application: str, partner: str | None, dry_run: bool, wait: bool, timeout: timedelta, output: str
) -> int | None:
    """Kill all keys of the application for ever, at once."""
    client = connect()
    found = find(client, APPLICATION, application, partner)
    return revoke_keys(client, f"/applications/{found['id']}", found["name"], Revoking(dry_run, wait, timeout), output)


@application.command("propagation")
@click.argument("application")
@of_partner
@click.option("--keys", is_flag=True, help="Of its revoked keys: are all of them dead?")
@waits
@prints
def application_propagation(
    application: str, partner: str | None, keys: bool, wait: bool, timeout: timedelta, output: str
) -> int:
    """Tell whether every node knows the last change of the application. The exit code is 7 while one is unproven."""
    client = connect()
    path = f"/applications/{find_id(client, APPLICATION, application, partner)}" + ("/keys" if keys else "")
    return show_propagation(client, path, timeout if wait else timedelta(0), output)


@application.command("delete")
@click.argument("application")
@of_partner
@asks
@prints
def delete_application(application: str, partner: str | None, output: str) -> None:
    """Remove an application that has no key."""
    client = connect()
    found = find(client, APPLICATION, application, partner)
    confirm(say("Remove the application {name}?", name=found["name"]))
    client.delete(f"/applications/{found['id']}")
    show_deleted(found, output)
