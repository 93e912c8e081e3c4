"""`portazgo plan`: which APIs and throttles an application has."""

from __future__ import annotations

from typing import Any

import click

from portazgo.cli.contradictions import excludes
from portazgo.cli.find import API, PLAN, find, find_id
from portazgo.cli.noun import Noun, asks, confirm, limit, limited, prints, show_deleted, show_list, show_named
from portazgo.cli.parameters import given
from portazgo.cli.session import connect
from portazgo.cli.words import say

COLUMNS = ("name", "apis", "throttles", "scopes", "rotation", "id")
NAMED = {"apis": "/apis"}
EVERY = click.option(
    "--rotate-every", "every", metavar="TIME", help="How old a key's secret may grow until it is due, such as 90d."
)
GRACE = click.option(
    "--rotation-grace",
    "grace",
    metavar="TIME",
    help="How long an old secret works where a rotation says nothing.  [default: the operator's]",
)
END_AFTER = click.option(
    "--end-overdue-after",
    "end_after",
    metavar="TIME",
    help="End a secret that is due so long after its owner was told, unless it is rotated.  [default: never]",
)


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
@EVERY
@GRACE
@END_AFTER
@prints
def create_plan(
    name: str,
    apis: tuple[str, ...],
    rates: tuple[str, ...],
    scopes: tuple[str, ...],
    output: str,
    **lengths: str | None,
) -> None:
    """Make a plan."""
    client = connect()
    new = {
        "name": name,
        "apis": [find_id(client, API, api) for api in apis],
        "rates": list(rates),
        "scopes": list(scopes) or None,
        "rotation": _rotation({}, lengths),
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
@EVERY
@GRACE
@END_AFTER
@click.option("--keep-overdue", is_flag=True, help="Secrets that are due go on working.")
@click.option("--no-rotation", is_flag=True, help="Keys are rotated when somebody wants to.")
@prints
@excludes("all_scopes", "scopes")
@excludes("no_throttles", "rates")
@excludes("no_rotation", "every", "grace", "end_after", "keep_overdue")
@excludes("keep_overdue", "end_after")
def change_plan(plan: str, output: str, **wanted: Any) -> None:
    """Give a plan new terms, which hold for all its applications at once: what isn't given stays."""
    client = connect()
    found = find(client, PLAN, plan)
    apis = [find_id(client, API, api) for api in wanted["apis"]] or found["apis"]
    apis = apis + [find_id(client, API, api) for api in wanted["added"]]
    scopes = list(wanted["scopes"]) or found["scopes"]
    lengths = {name: wanted[name] for name in ("every", "grace", "end_after")}
    kept = {**(found["rotation"] or {}), **({"end_after": None} if wanted["keep_overdue"] else {})}
    terms = {
        "name": wanted["name"] or found["name"],
        "apis": apis,
        "scopes": None if wanted["all_scopes"] else scopes,
        "throttles": [] if wanted["rates"] or wanted["no_throttles"] else found["throttles"],
        "rates": list(wanted["rates"]),
        "rotation": None if wanted["no_rotation"] else _rotation(kept, lengths),
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


def _rotation(before: dict[str, Any], lengths: dict[str, Any]) -> dict[str, Any] | None:
    """Give the rotation that a plan shall have: as before, but for what was given."""
    rotation = {**before, **given(**lengths)}
    if rotation and not rotation.get("every"):
        raise click.UsageError("say how often keys are to be rotated, too: --rotate-every 90d")
    return rotation or None
