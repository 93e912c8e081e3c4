"""`portazgo route`: routes of an API."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from portazgo.cli.contradictions import excludes
from portazgo.cli.find import API, BACKEND, ROUTE, find, find_id
from portazgo.cli.noun import Noun, asks, confirm, limit, limited, prints, show_deleted, show_list, show_named
from portazgo.cli.options import options
from portazgo.cli.output import show_one
from portazgo.cli.parameters import NO_END, duration, duration_or_none, given, milliseconds, short_duration
from portazgo.cli.session import connect
from portazgo.cli.words import say

if TYPE_CHECKING:
    from portazgo.client.admin import AdminClient

COLUMNS = ("name", "api", "method", "path", "backend", "backend_path")
NAMED = {"api": "/apis", "backend": "/backends"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

of_api = click.option("--api", help="Of which API; needed where several have a route of that name.")
_terms = options(
    click.option("--method", type=click.Choice(METHODS, case_sensitive=False), help="The partner's method."),
    click.option("--path", help="The partner's path, such as /v1/badges/{id}."),
    click.option("--backend", help="Where it leads."),
    click.option("--backend-method", type=click.Choice(METHODS, case_sensitive=False), help="When it is another."),
    click.option("--backend-path", help="The backend's path, such as /api/badges/{id}/."),
    click.option("--host", "hosts", multiple=True, help="Only on this host name. Repeat it."),
    click.option(
        "--environment",
        "environments",
        type=click.Choice(["live", "test"]),
        multiple=True,
        help="For which keys. Repeat it.  [default: both]",
    ),
    click.option("--scope", "scopes", multiple=True, help="A scope that is needed. Repeat it.  [default: none needed]"),
    click.option("--max-request-bytes", type=click.IntRange(min=0), help="Largest body of a request."),
    click.option("--max-response-bytes", type=click.IntRange(min=0), help="Largest body of an answer."),
    click.option("--query", multiple=True, metavar="NAME", help="Pass only this query parameter. Repeat it."),
    click.option("--request-header", "request_headers", multiple=True, help="Pass this header too. Repeat it."),
    click.option("--response-header", "response_headers", multiple=True, help="Let this header out too. Repeat it."),
    click.option(
        "--upgrade", "upgrades", type=click.Choice(["websocket"]), multiple=True, help="Let connections be upgraded."
    ),
    click.option(
        "--idempotency-key/--no-idempotency-key",
        default=None,
        help="A POST or PATCH with that header may be repeated when the backend fails.",
    ),
    click.option("--tag", "tags", multiple=True, help="A tag; keys may be restricted to it. Repeat it."),
    click.option("--first-byte-timeout", type=duration, help="How long the answer may take to begin."),
    click.option("--idle-timeout", type=duration, help="How long may pass between two parts of the answer."),
    click.option("--total-timeout", type=duration_or_none, metavar="DURATION", help="For the whole call; or none."),
)
_OF_CONTRACTS = ("query", "request_headers", "response_headers")
_TIMEOUTS = ("first_byte", "idle", "total")
_PASSTHROUGH_HELP = "Bodies pass as the backend sends them, or only what a contract says: to be said."


@click.group(cls=Noun)
def route() -> None:
    """Routes of an API. Write `credentials/badges-list` where a bare name isn't unique."""


@route.command("list")
@click.option("--api", help="Of this API only.")
@click.option("--tag", help="With this tag only.")
@limit(None)
@prints
def list_routes(api: str | None, tag: str | None, most: int | None, output: str) -> None:
    """List the routes."""
    client = connect()
    rows = limited(client, "/routes", {"api": find_id(client, API, api), "tag": tag}, most)
    show_list(client, rows, COLUMNS, output, named=NAMED)


@route.command("create")
@click.argument("name")
@click.option("--api", required=True, help="Of which API it is.")
@_terms
@click.option("--passthrough/--no-passthrough", required=True, default=None, help=_PASSTHROUGH_HELP)
@prints
def create_route(name: str, api: str, output: str, *, passthrough: bool, **terms: Any) -> None:
    """Make a route. It needs --method, --path, --backend and --backend-path."""
    missing = [
        f"--{word.replace('_', '-')}" for word in ("method", "path", "backend", "backend_path") if not terms[word]
    ]
    if missing:
        raise click.UsageError(f"give {', '.join(missing)} too")
    client = connect()
    terms["backend"] = find_id(client, BACKEND, terms["backend"])
    terms["timeouts"] = _timeouts(None, terms)
    new = {"name": name, "passthrough": passthrough, **given(**terms)}
    _show(client, client.post(f"/apis/{find_id(client, API, api)}/routes", new), output)


@route.command("show")
@click.argument("route")
@of_api
@prints
def show_route(route: str, api: str | None, output: str) -> None:
    """Show a route."""
    client = connect()
    _show(client, find(client, ROUTE, route, api), output)


@route.command("change")
@click.argument("route")
@of_api
@click.option("--name", help="The new name.")
@_terms
@click.option("--any-host", is_flag=True, help="On every host name again.")
@click.option("--all-query", is_flag=True, help="Pass every query parameter again.")
@click.option("--no-upgrade", is_flag=True, help="Let no connection be upgraded any more.")
@click.option("--no-tag", is_flag=True, help="Take all its tags away.")
@click.option("--backend-timeouts", is_flag=True, help="Wait as the backend says again.")
@click.option("--passthrough/--no-passthrough", default=None, help=_PASSTHROUGH_HELP)
@click.option("--no-contract", is_flag=True, help="Serve no version any more but to whom one is pinned.")
@asks
@prints
@excludes("any_host", "hosts")
@excludes("all_query", "query")
@excludes("no_upgrade", "upgrades")
@excludes("no_tag", "tags")
@excludes("backend_timeouts", *(f"{name}_timeout" for name in _TIMEOUTS))
def change_route(route: str, api: str | None, output: str, **terms: Any) -> None:
    """Change a route: what isn't given stays."""
    client = connect()
    found = find(client, ROUTE, route, api)
    again: dict[str, tuple[bool, Any]] = {
        "hosts": (terms.pop("any_host"), None),
        "query": (terms.pop("all_query"), "all"),
        "upgrades": (terms.pop("no_upgrade"), []),
        "tags": (terms.pop("no_tag"), []),
        "timeouts": (terms.pop("backend_timeouts"), None),
        "contract": (terms.pop("no_contract"), None),
    }
    terms["backend"] = find_id(client, BACKEND, terms["backend"])
    terms["timeouts"] = _timeouts(found["timeouts"], terms)
    changes = given(**terms) | {member: value for member, (wanted, value) in again.items() if wanted}
    if changes.get("passthrough") and not found["passthrough"]:
        confirm(say("Let the bodies of {name} pass as the backend has them?", name=found["name"]))
    _show(client, client.patch(f"/routes/{found['id']}", changes), output)


def _show(client: AdminClient, document: dict[str, Any], output: str) -> None:
    if output != "table":
        show_one(document, output)
        return
    shown = for_people(document)
    if document["contract"] is not None:
        shown["contract"] = _version_name(client, document)
    show_named(client, shown, output, NAMED)


def _version_name(client: AdminClient, route: dict[str, Any]) -> str:
    for contract in client.pages("/contracts", {"api": route["api"]}):
        for version in contract["versions"]:
            if version["id"] == route["contract"]:
                return f"{contract['name']}@{version['name']}"
    return str(route["contract"])


def for_people(route: dict[str, Any]) -> dict[str, Any]:
    """Give a route with its times as people write them, and without what a contract decides in its place."""
    waits = {
        name.removesuffix("_ms"): NO_END if value is None else short_duration(value)
        for name, value in (route["timeouts"] or {}).items()
    }
    # What the route says of these counts only while bodies pass as they are (docs/wire.md).
    decided = {} if route.get("passthrough", True) else dict.fromkeys(_OF_CONTRACTS, say("as the contract says"))
    return {**route, "timeouts": waits, **decided}


def _timeouts(before: dict[str, Any] | None, terms: dict[str, Any]) -> dict[str, Any] | None:
    """Take the time-outs out of the options; None: nothing is said of them."""
    said = {name: terms.pop(f"{name}_timeout") for name in _TIMEOUTS}
    waits = {
        f"{name}_ms": milliseconds(one) if isinstance(one, timedelta) else None
        for name, one in said.items()
        if one is not None
    }
    return {**(before or {}), **waits} if waits else None


@route.command("delete")
@click.argument("route")
@of_api
@asks
@prints
def delete_route(route: str, api: str | None, output: str) -> None:
    """Remove a route."""
    client = connect()
    found = find(client, ROUTE, route, api)
    confirm(say("Remove the route {name}?", name=found["name"]))
    client.delete(f"/routes/{found['id']}")
    show_deleted(found, output)
