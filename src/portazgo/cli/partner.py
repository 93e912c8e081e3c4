"""`portazgo partner`: partner companies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from portazgo.cli.find import PARTNER, find, find_id
from portazgo.cli.noun import Noun, asks, confirm, limit, limited, prints, show_deleted, show_list
from portazgo.cli.output import show_one
from portazgo.cli.parameters import PAIR, given, pair
from portazgo.cli.propagation import show_propagation, waits
from portazgo.cli.revoking import Revoking, revoke_keys
from portazgo.cli.session import connect
from portazgo.cli.words import say

COLUMNS = ("name", "status", "metadata", "created_at", "id")


@click.group(cls=Noun)
def partner() -> None:
    """Partner companies."""


@partner.command("list")
@limit(None)
@prints
def list_partners(most: int | None, output: str) -> None:
    """List the partners."""
    client = connect()
    show_list(client, limited(client, "/partners", {}, most), COLUMNS, output)


@partner.command("create")
@click.argument("name")
@click.option("--metadata", type=pair, multiple=True, metavar=PAIR, help="Repeat it; claims of tokens may use it.")
@prints
def create_partner(name: str, metadata: tuple[tuple[str, Any], ...], output: str) -> None:
    """Make a partner."""
    show_one(connect().post("/partners", {"name": name, "metadata": dict(metadata)}), output)


@partner.command("show")
@click.argument("partner")
@prints
def show_partner(partner: str, output: str) -> None:
    """Show a partner."""
    show_one(find(connect(), PARTNER, partner), output)


@partner.command("change")
@click.argument("partner")
@click.option("--name", help="The new name.")
@click.option("--metadata", type=pair, multiple=True, metavar=PAIR, help="Set this member; the others stay.")
@click.option("--remove-metadata", "removed", multiple=True, metavar="NAME", help="Take this member away.")
@prints
def change_partner(
    partner: str, name: str | None, metadata: tuple[tuple[str, Any], ...], removed: tuple[str, ...], output: str
) -> None:
    """Rename a partner or change its metadata."""
    client = connect()
    found = find(client, PARTNER, partner)
    changes = given(name=name, metadata=merged(found["metadata"], metadata, removed))
    show_one(client.patch(f"/partners/{found['id']}", changes), output)


@partner.command("suspend")
@click.argument("partner")
@waits
@prints
def suspend_partner(partner: str, wait: bool, timeout: timedelta, output: str) -> int | None:
    """Let no call of the partner through until it is resumed."""
    client = connect()
    suspended = client.post(f"/partners/{find_id(client, PARTNER, partner)}/suspend")
    if wait:
        return show_propagation(client, f"/partners/{suspended['id']}", timeout, output)
    show_one(suspended, output)
    return None


@partner.command("resume")
@click.argument("partner")
@waits
@prints
def resume_partner(partner: str, wait: bool, timeout: timedelta, output: str) -> int | None:
    """Let the partner's calls through again."""
    client = connect()
    resumed = client.post(f"/partners/{find_id(client, PARTNER, partner)}/resume")
    if wait:
        return show_propagation(client, f"/partners/{resumed['id']}", timeout, output)
    show_one(resumed, output)
    return None


@partner.command("revoke-keys")
@click.argument("partner")
@click.option("--dry-run", is_flag=True, help="Only tell which keys would die.")
@waits
@asks
@prints
def revoke_partner_keys(partner: str, dry_run: bool, wait: bool, timeout: timedelta, output: str) -> int | None:
    """Kill all keys of the partner for ever, at once."""
    client = connect()
    found = find(client, PARTNER, partner)
    return revoke_keys(client, f"/partners/{found['id']}", found["name"], Revoking(dry_run, wait, timeout), output)


@partner.command("erase")
@click.argument("partner")
@waits
@asks
@prints
def erase_partner(partner: str, wait: bool, timeout: timedelta, output: str) -> int | None:
    """Destroy what records say of the callers of a suspended partner, for ever. Of one that is removed: by its id."""
    client = connect()
    identifier = find_id(client, PARTNER, partner)
    confirm(say("Destroy what the records of {name} say of its callers? Nothing brings it back.", name=partner))
    erased = client.post(f"/partners/{identifier}/erase")
    if wait and erased["data_keys"]:
        return show_propagation(client, f"/partners/{identifier}/erasure", timeout, output)
    show_one(erased, output)
    return None


@partner.command("propagation")
@click.argument("partner")
@click.option("--keys", is_flag=True, help="Of its revoked keys: are all of them dead?")
@waits
@prints
def partner_propagation(partner: str, keys: bool, wait: bool, timeout: timedelta, output: str) -> int:
    """Tell whether every node knows the last change of the partner. The exit code is 7 while one is unproven."""
    client = connect()
    path = f"/partners/{find_id(client, PARTNER, partner)}" + ("/keys" if keys else "")
    return show_propagation(client, path, timeout if wait else timedelta(0), output)


@partner.command("delete")
@click.argument("partner")
@asks
@prints
def delete_partner(partner: str, output: str) -> None:
    """Remove a partner that has no application."""
    client = connect()
    found = find(client, PARTNER, partner)
    confirm(say("Remove the partner {name}?", name=found["name"]))
    client.delete(f"/partners/{found['id']}")
    show_deleted(found, output)


def merged(
    before: dict[str, Any], changed: tuple[tuple[str, Any], ...], removed: tuple[str, ...]
) -> dict[str, Any] | None:
    """Give the metadata as it is to be: the API replaces it whole. None: nothing was said of it."""
    if not changed and not removed:
        return None
    return {name: value for name, value in {**before, **dict(changed)}.items() if name not in removed}
