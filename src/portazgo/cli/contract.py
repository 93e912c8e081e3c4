"""`portazgo contract`: contracts as they are being written. Their versions are in contract_version.py."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portazgo.cli.contract_file import read_contract
from portazgo.cli.find import API, CONTRACT, SCHEMA, find, find_id
from portazgo.cli.noun import Noun, asks, confirm, limit, limited, prints, show_deleted, show_list, show_named
from portazgo.cli.output import note, show_one, show_rows
from portazgo.cli.session import connect
from portazgo.cli.words import label, say

if TYPE_CHECKING:
    from portazgo.client.admin import AdminClient

COLUMNS = ("name", "api", "schema", "state", "newest", "default", "changed_at")
FIELD_COLUMNS = ("route", "operation", "status", "fields")
VERSION_COLUMNS = ("version", "state", "default", "pinned", "published_at", "sunset_at")
PIN_COLUMNS = ("holder", "kind", "version")
NAMED = {"api": "/apis", "schema": "/schemas"}

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
of_file = click.option(
    "-f", "--file", type=_FILE, required=True, help="The contract (docs/contracts.md), YAML or JSON."
)


@click.group(cls=Noun)
def contract() -> None:
    """What partners see of an API: drafts, versions, and who is served by which."""


@contract.command("list")
@click.option("--api", help="Of this API only.")
@limit(None)
@prints
def list_contracts(api: str | None, most: int | None, output: str) -> None:
    """List the contracts."""
    client = connect()
    rows = limited(client, "/contracts", {"api": find_id(client, API, api)}, most)
    if output == "table":
        rows = [_in_short(row) for row in rows]
    show_list(client, rows, COLUMNS, output, named=NAMED, spare=("schema", "changed_at"))


@contract.command("show")
@click.argument("contract")
@prints
def show_contract(contract: str, output: str) -> None:
    """Show a contract; with -o yaml or --json its mappings and routes as they were written."""
    client = connect()
    found = find(client, CONTRACT, contract)
    if output != "table":
        show_one(found, output)
        return
    pins = list(client.pages(f"/contracts/{found['id']}/pins"))
    _show(client, found, output)
    if found["versions"]:
        click.echo()
        show_rows([_version_in_short(one, pins) for one in found["versions"]], VERSION_COLUMNS, output)
    if pins:
        click.echo()
        show_rows([{**one, "holder": one["name"], "kind": label(one["kind"])} for one in pins], PIN_COLUMNS, output)


@contract.command("draft")
@click.option("--api", required=True, help="Of which API the routes are.")
@click.option("--schema", required=True, help="Over which schema.")
@click.option("--route", "routes", multiple=True, help="Of this route. Repeat it.  [default: all that the schema has]")
@prints
def draft_contract(api: str, schema: str, routes: tuple[str, ...], output: str) -> None:
    """Write a contract that lets pass all that the schema knows, to be edited: take away what partners shall not see."""
    from portazgo.declarative.file.writing import write_yaml  # noqa: PLC0415 - where YAML is written

    client = connect()
    order = {"api": find_id(client, API, api), "schema": find_id(client, SCHEMA, schema), "routes": list(routes)}
    drafted = client.post("/contracts/draft", order)
    written = {"api": api, "schema": schema, **{name: body for name, body in drafted.items() if body}}
    if output in {"table", "yaml"}:
        click.echo(write_yaml(written), nl=False)
    else:
        show_one(written, output)


@contract.command("check")
@click.argument("file", type=_FILE)
@prints
def check_contract(file: Path, output: str) -> None:
    """Check a contract file: everything that is wrong, with its place, at once (exit 2); else how many fields pass."""
    client = connect()
    read = read_contract(file)
    checked = read.send(client.post, "/contracts/check", read.body(client))
    if checked["problems"]:
        read.refuse(checked["problems"])
    if output == "table":
        rows = [
            {"route": one["route"], "operation": one["operation"], "status": status, "fields": count}
            for one in checked["routes"]
            for status, count in one["fields"].items()
        ]
        show_rows(rows, FIELD_COLUMNS, output)
        note(say("{file} is fine.", file=file))
    else:
        show_one(checked, output)


@contract.command("create")
@click.argument("name")
@of_file
@prints
def create_contract(name: str, file: Path, output: str) -> None:
    """Make a contract of a file, as a draft: partners see nothing of it before `portazgo contract publish`."""
    client = connect()
    read = read_contract(file)
    made = read.send(client.post, "/contracts", {"name": name, **read.body(client)})
    _show(client, made, output)
    note(
        say(
            "It is a draft: partners see nothing of it before `{command}`.", command=f"portazgo contract publish {name}"
        )
    )


@contract.command("change")
@click.argument("contract")
@click.option("-f", "--file", type=_FILE, help="The contract as it is to be from now on.")
@click.option("--name", help="The new name.")
@prints
def change_contract(contract: str, file: Path | None, name: str | None, output: str) -> None:
    """Change a contract's draft; what was published stays as it is."""
    if file is None and name is None:
        raise click.UsageError("give --file or --name")
    client = connect()
    path = f"/contracts/{find_id(client, CONTRACT, contract)}"
    if file is None:
        _show(client, client.patch(path, {"name": name}), output)
        return
    read = read_contract(file)
    body = read.body(client)
    found = client.get(path)
    if body.pop("api") != found["api"]:
        read.refuse([{"pointer": "/api", "message": "a contract stays with its API: make another contract"}])
    changes = body | ({} if name is None else {"name": name})
    changed = read.send(client.patch, path, changes)
    _show(client, changed, output)
    if changed["versions"]:
        command = f"portazgo contract diff {changed['name']}"
        note(say("What is served stays as it is. `{command}` says what publishing it would change.", command=command))


@contract.command("delete")
@click.argument("contract")
@asks
@prints
def delete_contract(contract: str, output: str) -> None:
    """Remove a contract with its versions, none of which is in use any more."""
    client = connect()
    found = find(client, CONTRACT, contract)
    confirm(say("Remove the contract {name} and all its versions?", name=found["name"]))
    client.delete(f"/contracts/{found['id']}")
    show_deleted(found, output)


def _show(client: AdminClient, document: dict[str, Any], output: str) -> None:
    show_named(client, document, output, NAMED, _in_short)


def state_word(state: str) -> str:
    """Say in which state a contract or a version is."""
    match state:
        case "draft":
            return say("draft")
        case "published":
            return say("published")
        case "deprecated":
            return say("deprecated")
        case _:
            return say("retired")


def _in_short(row: dict[str, Any]) -> dict[str, Any]:
    versions = row["versions"]
    defaults = [one["name"] for one in versions if one["default"]]
    short = {name: value for name, value in row.items() if name not in {"mappings", "routes", "versions"}}
    return {
        **short,
        "state": state_word(row["state"]),
        "routes": list(row["routes"]),
        "newest": versions[0]["name"] if versions else None,
        "default": defaults,
    }


def _version_in_short(version: dict[str, Any], pins: list[dict[str, Any]]) -> dict[str, Any]:
    pinned = sum(one["version"] == version["name"] for one in pins)
    return {**version, "version": version["name"], "state": state_word(version["state"]), "pinned": pinned}
