"""`portazgo api`: published sets of routes."""

from __future__ import annotations

from typing import Any

import click

from portazgo.cli.find import API, BACKEND, find, find_id
from portazgo.cli.noun import Noun, asks, confirm, limit, limited, prints, show_deleted, show_list
from portazgo.cli.options import of_openapi, openapi_source
from portazgo.cli.output import note, show_one, show_rows
from portazgo.cli.parameters import prefixes
from portazgo.cli.session import connect
from portazgo.cli.words import outcome_word, say, told

COLUMNS = ("name", "created_at", "id")
OUTCOME_COLUMNS = ("outcome", "route", "operation", "why")


@click.group(cls=Noun)
def api() -> None:
    """Published sets of routes; import them from OpenAPI."""


@api.command("list")
@limit(None)
@prints
def list_apis(most: int | None, output: str) -> None:
    """List the APIs."""
    client = connect()
    show_list(client, limited(client, "/apis", {}, most), COLUMNS, output)


@api.command("create")
@click.argument("name")
@prints
def create_api(name: str, output: str) -> None:
    """Make an API without routes."""
    show_one(connect().post("/apis", {"name": name}), output)


@api.command("show")
@click.argument("api")
@prints
def show_api(api: str, output: str) -> None:
    """Show an API; `portazgo route list --api NAME` lists its routes."""
    show_one(find(connect(), API, api), output)


@api.command("import")
@click.argument("api")
@of_openapi
@click.option("--backend", required=True, help="What the operations belong to.")
@click.option("--tag", "tags", multiple=True, help="Operations with this tag. Repeat it.")
@click.option(
    "--path", "paths", multiple=True, help="Operations of this path of the backend; * stands for any text. Repeat it."
)
@click.option("--operation", "operations", multiple=True, help="The operation with this operationId. Repeat it.")
@click.option(
    "--map",
    "prefix_map",
    type=prefixes,
    multiple=True,
    metavar="FROM=TO",
    help="Publish paths otherwise, such as /api=/v1.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be.")
@prints
def import_routes(api: str, url: str | None, file: Any, backend: str, output: str, **picked: Any) -> None:
    """Make or update routes of an OpenAPI document's operations: those that a --tag, --path or --operation names, or all."""
    source = openapi_source(url, file)
    client = connect()
    order = {
        "backend": find_id(client, BACKEND, backend),
        "pick": {name: list(picked[name]) for name in ("tags", "paths", "operations")},
        "prefix_map": dict(picked["prefix_map"]),
        "dry_run": picked["dry_run"],
        **source,
    }
    report = client.post(f"/apis/{find_id(client, API, api)}/import", order)
    _show_report(report, output, dry_run=picked["dry_run"])


@api.command("delete")
@click.argument("api")
@asks
@prints
def delete_api(api: str, output: str) -> None:
    """Remove an API that has no route and no contract, and that no plan opens."""
    client = connect()
    found = find(client, API, api)
    confirm(say("Remove the API {name}?", name=found["name"]))
    client.delete(f"/apis/{found['id']}")
    show_deleted(found, output)


def _show_report(report: dict[str, Any], output: str, *, dry_run: bool) -> None:
    if output in {"table", "csv"}:
        columns = OUTCOME_COLUMNS if report["skipped"] or output == "csv" else OUTCOME_COLUMNS[:2]
        outcomes = _outcomes(report)
        if output == "table":
            outcomes = [{**one, "outcome": outcome_word(one["outcome"])} for one in outcomes]
        show_rows(outcomes, columns, output)
    else:
        show_one(report, output)
    counts = say(
        "{created} created, {changed} changed, {unchanged} unchanged, {skipped} skipped",
        **{name: len(report[name]) for name in ("created", "changed", "unchanged", "skipped")},
    )
    note(say("Would be: {counts}.", counts=counts) if dry_run else say("Done: {counts}.", counts=counts))
    for warning in report["warnings"]:
        note(say("Warning: {warning}", warning=told(warning)))


def _outcomes(report: dict[str, Any]) -> list[dict[str, Any]]:
    routes = [
        {"outcome": outcome, "route": name}
        for outcome in ("created", "changed", "unchanged")
        for name in report[outcome]
    ]
    return routes + [
        {
            "outcome": "skipped",
            "route": one["operation_id"],
            "operation": f"{one['method']} {one['path']}",
            "why": one["reason"],
        }
        for one in report["skipped"]
    ]
