"""`portazgo plan`: which APIs and throttles an application has."""

from __future__ import annotations

from typing import Any

import click

from portazgo.cli.contradictions import excludes
from portazgo.cli.find import API, PLAN, find, find_id
from portazgo.cli.noun import Noun, asks, confirm, limit, limited, prints, show_deleted, show_list, show_named
from portazgo.cli.session import connect
from portazgo.cli.words import say

COLUMNS = ("name", "apis", "throttles", "scopes", "id")
NAMED = {"apis": "/apis"}


@click.group(cls=Noun)
def plan() -> None:
    """Which APIs an application may call, and how often."""


@plan.command("list")
@limit(None)
@prints
def list_plans(most: int | None, output: str) -> None:
    """List the plans."""
    client = connect()
    show_list(client, limited(client, "/plans", {}, most), COLUMNS, output, named=NAMED)


@plan.command("create")
@click.argument("name")
@click.option("--api", "apis", multiple=True, help="What may be called. Repeat it.")
@click.option("--rate", "rates", multiple=True, help="How often a key may call, such as 600/min. Repeat it.")
@click.option("--scope", "scopes", multiple=True, help="A scope that it grants. Repeat it.  [default: all]")
@prints
def create_plan(name: str, apis: tuple[str, ...], rates: tuple[str, ...], scopes: tuple[str, ...], output: str) -> None:
    """Make a plan."""
    client = connect()
    new = {
        "name": name,
        "apis": [find_id(client, API, api) for api in apis],
        "rates": list(rates),
        "scopes": list(scopes) or None,
    }
    show_named(client, client.post("/plans", new), output, NAMED)


@plan.command("show")
@click.argument("plan")
@prints
def show_plan(plan: str, output: str) -> None:
    """Show a plan."""
    client = connect()
    show_named(client, find(client, PLAN, plan), output, NAMED)


@plan.command("change")
@click.argument("plan")
@click.option("--name", help="The new name.")
@click.option("--api", "apis", multiple=True, help="What may be called, in place of before. Repeat it.")
@click.option("--add-api", "added", multiple=True, help="What may be called besides. Repeat it.")
@click.option("--rate", "rates", multiple=True, help="How often a key may call, in place of before. Repeat it.")
@click.option("--scope", "scopes", multiple=True, help="What it grants, in place of before. Repeat it.")
@click.option("--all-scopes", is_flag=True, help="It grants every scope again.")
@click.option("--no-throttles", is_flag=True, help="Keys may call as often as they like.")
@prints
@excludes("all_scopes", "scopes")
@excludes("no_throttles", "rates")
def change_plan(plan: str, output: str, **wanted: Any) -> None:
    """Give a plan new terms, which hold for all its applications at once: what isn't given stays."""
    client = connect()
    found = find(client, PLAN, plan)
    apis = [find_id(client, API, api) for api in wanted["apis"]] or found["apis"]
    apis = apis + [find_id(client, API, api) for api in wanted["added"]]
    scopes = list(wanted["scopes"]) or found["scopes"]
    terms = {
        "name": wanted["name"] or found["name"],
        "apis": apis,
        "scopes": None if wanted["all_scopes"] else scopes,
        "throttles": [] if wanted["rates"] or wanted["no_throttles"] else found["throttles"],
        "rates": list(wanted["rates"]),
    }
    show_named(client, client.put(f"/plans/{found['id']}", terms), output, NAMED)


@plan.command("delete")
@click.argument("plan")
@asks
@prints
def delete_plan(plan: str, output: str) -> None:
    """Remove a plan that no application is on."""
    client = connect()
    found = find(client, PLAN, plan)
    confirm(say("Remove the plan {name}?", name=found["name"]))
    client.delete(f"/plans/{found['id']}")
    show_deleted(found, output)
