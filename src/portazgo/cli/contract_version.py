"""`portazgo contract publish` and what is done with versions: pins, deprecation, who uses what."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from portazgo.cli.contract import contract, state_word
from portazgo.cli.contradictions import excludes
from portazgo.cli.exits import Exit
from portazgo.cli.find import APPLICATION, CONTRACT, PARTNER, PLAN, find, find_id, kid_of
from portazgo.cli.noun import asks, confirm, did_you_mean, prints
from portazgo.cli.options import options
from portazgo.cli.output import note, show_groups, show_one, show_pairs, show_rows
from portazgo.cli.parameters import rfc3339, until
from portazgo.cli.session import Failed, connect
from portazgo.cli.words import fault_sentences, label, say, told

if TYPE_CHECKING:
    from portazgo.client.admin import AdminClient

__all__ = ["contract"]

CALLS_COLUMNS = ("partner", "application", "route", "calls")
ANSWERED_COLUMNS = ("partner", "application", "route", "month", "answers")
_MOST_NAMED = 10
_HOLDERS = (("application", APPLICATION), ("partner", PARTNER), ("plan", PLAN))


_of_holder = options(
    click.option("--application", help="Calls of this application, PARTNER/APPLICATION."),
    click.option("--partner", help="Calls of this partner."),
    click.option("--plan", help="Calls of all applications on this plan."),
)


@contract.command("publish")
@click.argument("contract")
@click.option("--default", is_flag=True, help="Serve it from now on to all to whom no other version is pinned.")
@prints
def publish_contract(contract: str, output: str, *, default: bool) -> None:
    """Make the draft a version, named after today. It never changes; until it is the default, or pinned, nobody sees it."""
    client = connect()
    found = find(client, CONTRACT, contract)
    made = client.post(f"/contracts/{found['id']}/publish", {"default": default})
    _show(made, output)
    name = f"{found['name']}@{made['name']}"
    if default:
        command = f"portazgo contract document {name}"
        note(say("Its routes serve it from now on. `{command}` is what partners read.", command=command))
    else:
        commands = {"default": f"portazgo contract default {name}", "pin": f"portazgo contract pin {name} --partner …"}
        note(say("Nobody is served by it yet: `{default}` serves it to all, `{pin}` to some.", **commands))


@contract.command("diff")
@click.argument("before")
@click.argument("after", required=False)
@click.option("--breaking", is_flag=True, help="Exit with 3 only when something breaks partners; all is shown.")
@prints
def diff_contract(before: str, after: str | None, *, breaking: bool, output: str) -> int:
    """Say what changes for partners from BEFORE to AFTER, breaking or not (exit 3: something does).

    Both are CONTRACT@VERSION. BEFORE without a version is the newest; without AFTER it is compared with the draft.
    """
    compared = get_of_two(connect(), "differences", before, after)
    if output == "table":
        changes = compared["changes"]
        show_pairs((_effect(one), _sentence(one)) for one in changes)
        breaks = say("It breaks partners.") if compared["breaking"] else say("It breaks nobody.")
        note(breaks if changes else say("No differences."))
    else:
        show_one(compared, output)
    differs = compared["breaking"] if breaking else compared["changes"]
    return Exit.DIFFERENCES if differs else Exit.DONE


def get_of_two(client: AdminClient, what: str, before: str, after: str | None) -> Any:
    """Get what the API says of two versions of one contract. Raises UsageError for two that are of different ones."""
    name, _, old = before.partition("@")
    other, _, new = (after or name).partition("@")
    if other != name or (after is not None and not new):
        raise click.UsageError(
            "compare two versions of one contract: CONTRACT@VERSION, and CONTRACT@VERSION or nothing"
        )
    found = find(client, CONTRACT, name)
    return client.get(f"/contracts/{found['id']}/{what}", {"before": old or None, "after": new or None})


def _sentence(change: dict[str, Any]) -> str:
    where = " ".join(part for part in (told(change["place"]), change["path"]) if part)
    return f"{change['route']}: {where + ': ' if where else ''}{told(change['detail'])}"


def _effect(change: dict[str, Any]) -> str:
    words = [("breaks", change["breaking"]), ("exposes", change["exposure"])]
    return ", ".join(label(word) for word, holds in words if holds) or "-"


@contract.command("default")
@click.argument("contract")
@prints
def set_default(contract: str, output: str) -> None:
    """Serve a version to all to whom no other is pinned. CONTRACT is a name, or CONTRACT@VERSION."""
    client = connect()
    _show(client.post(f"{_version(client, contract)}/default"), output)


@contract.command("pin")
@click.argument("contract")
@_of_holder
@prints
def pin_contract(contract: str, output: str, **holders: str | None) -> None:
    """Serve an application, a partner or a plan by a version, whatever the default becomes. CONTRACT@VERSION."""
    client = connect()
    path = _version(client, contract)
    _show(client.post(f"{path}/pin", _holder(client, holders)), output)
    note(say("Pinned to {version}.", version=path.rpartition("/")[2]))


@contract.command("unpin")
@click.argument("contract")
@_of_holder
@prints
def unpin_contract(contract: str, output: str, **holders: str | None) -> None:
    """Take the pin of an application, a partner or a plan away: what is next in line serves it."""
    client = connect()
    found = find(client, CONTRACT, contract)
    client.post(f"/contracts/{found['id']}/unpin", _holder(client, holders))
    if output == "table":
        note(say("Unpinned from {name}.", name=found["name"]))
    else:
        show_one(found, output)


@contract.command("deprecate")
@click.argument("contract")
@click.option("--sunset", type=until, metavar="TIME", help="When it ends: a time, or from now, such as 90d.")
@click.option("--link", help="A page that says what to do.")
@prints
def deprecate_contract(contract: str, sunset: datetime | None, link: str | None, output: str) -> None:
    """Tell partners, with each answer, that a version goes out of use. CONTRACT@VERSION."""
    client = connect()
    told = {"sunset_at": rfc3339(sunset), "link": link}
    _show(client.post(f"{_version(client, contract, newest=False)}/deprecate", told), output)


@contract.command("undeprecate")
@click.argument("contract")
@prints
def undeprecate_contract(contract: str, output: str) -> None:
    """Take a deprecation back: answers don't tell of an end any more. CONTRACT@VERSION, which must be deprecated."""
    client = connect()
    _show(client.post(f"{_version(client, contract, newest=False)}/undeprecate"), output)


@contract.command("retire")
@click.argument("contract")
@asks
@prints
def retire_contract(contract: str, output: str) -> None:
    """Take a version from the nodes, once nobody is served by it. CONTRACT@VERSION."""
    client = connect()
    path = _version(client, contract, newest=False)
    confirm(say("Retire {name}? It can't be served again.", name=contract))
    _show(client.post(f"{path}/retire"), output)


@contract.command("users")
@click.argument("contract")
@prints
def list_users(contract: str, output: str) -> None:
    """Say who is served by a version: routes, pins, and the calls of the last 30 days. CONTRACT@VERSION."""
    client = connect()
    users = client.get(f"{_version(client, contract)}/users")
    if output == "table":
        show_one({name: users[name] for name in ("routes", "applications", "partners", "plans")}, output)
        for title, rows, columns in (
            (say("Whom it serves, and their calls of the last 30 days:"), _named(users["calls"]), CALLS_COLUMNS),
            (say("To whom it gave answers, this month and the last:"), _named(users["answered"]), ANSWERED_COLUMNS),
        ):
            click.echo("\n" + title)
            show_rows(rows, columns, output)
    else:
        show_one(users, output)


@contract.command("fields")
@click.argument("contract")
@prints
def list_fields(contract: str, output: str) -> None:
    """List the fields that partners of a version receive, and the backend's behind them. CONTRACT@VERSION."""
    client = connect()
    version = client.get(_version(client, contract))
    rows = [
        {"route": route["name"], "status": status, **pair}
        for route in version["routes"]
        for status, pairs in route["fields"].items()
        for pair in pairs
    ]
    if output == "table":
        shown = [
            {
                **one,
                "partner_field": one["partner"],
                "backend_field": one["backend"] if one["backend"] != one["partner"] else "=",
            }
            for one in rows
        ]
        show_groups(shown, ("route", "status"), ("partner_field", "backend_field"))
    else:
        show_rows(rows, ("route", "status", "partner", "backend"), output)


@contract.command("document")
@click.argument("contract")
@click.option("--application", help="Only what this application may call; name, PARTNER/NAME, or id.")
@click.option("--key", "kid", help="Only what a call with this key may reach; its kid.")
@excludes("application", "kid")
@prints
def show_document(contract: str, application: str | None, kid: str | None, output: str) -> None:
    """Print the OpenAPI document that partners of a version read; or what of it an application, or a key, may call.

    CONTRACT@VERSION. Without a version it is the newest, or the one that serves the application.
    """
    client = connect()
    reader = {"application": find_id(client, APPLICATION, application), "key": None if kid is None else kid_of(kid)}
    if any(reader.values()) and "@" not in contract:
        path = _version(client, _serving(client, contract, reader))
    else:
        path = _version(client, contract)
    document = client.get(f"{path}/document", reader)
    if output != "table":
        show_one(document, output)
        return
    click.echo(json.dumps(json.loads(document["document"]), indent=2, ensure_ascii=False))
    for one in document["left_out"]:
        spoken = fault_sentences(one["fault"])
        why = one["sentence"] if spoken is None else spoken.operator
        note(say("Left out: {operation}. {why}", operation=one["operation"], why=why))


def _serving(client: AdminClient, contract: str, reader: dict[str, str | None]) -> str:
    """Name the version that serves an application, or that of a key: CONTRACT@VERSION. Raises Failed."""
    application = reader["application"] or client.get(f"/keys/{reader['key']}")["application"]
    name = find(client, CONTRACT, contract)["name"]
    served = client.get(f"/applications/{application}/contracts")["items"]
    version = next((one["version"] for one in served if one["contract"] == name), None)
    if version is None:
        raise Failed(
            say("no version of {name} serves that application", name=name),
            remedy=say(
                "Name one, {name}@…; `{command}` lists them.", name=name, command=f"portazgo contract show {name}"
            ),
        )
    return f"{name}@{version}"


def _named(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "application": one["name"]} for one in rows]


def _show(version: dict[str, Any], output: str) -> None:
    show_one({**version, "state": state_word(version["state"])} if output == "table" else version, output)


def _version(client: AdminClient, written: str, *, newest: bool = True) -> str:
    """Give the path of a version: NAME@VERSION, or NAME for the newest. Raises Failed.

    Without `newest` a name is enough only where there is one version: what ends is named.
    """
    name, _, wanted = written.partition("@")
    found = find(client, CONTRACT, name)
    known = [one["name"] for one in found["versions"]]
    if not known:
        raise Failed(
            say("nothing of {name} is published yet", name=found["name"]),
            remedy=say("`{command}` does it.", command=f"portazgo contract publish {found['name']}"),
        )
    if wanted and wanted not in known:
        raise Failed(
            say("{name} has no version {version}", name=found["name"], version=wanted),
            remedy=did_you_mean(wanted, known).strip() or None,
        )
    if not (wanted or newest) and len(known) > 1:
        raise Failed(
            say("{name} has {count} versions: say which", name=found["name"], count=len(known)),
            remedy=", ".join(f"{found['name']}@{one}" for one in known[:_MOST_NAMED]),
            exit_code=Exit.USAGE,
        )
    return f"/contracts/{found['id']}/versions/{wanted or known[0]}"


def _holder(client: AdminClient, holders: dict[str, str | None]) -> dict[str, Any]:
    said = [(name, kind) for name, kind in _HOLDERS if holders[name] is not None]
    if len(said) != 1:
        raise click.UsageError("name one of --application, --partner and --plan")
    name, kind = said[0]
    return {name: find_id(client, kind, holders[name])}
