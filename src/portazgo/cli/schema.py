"""`portazgo schema`: OpenAPI documents of backends, which contracts are over."""

from __future__ import annotations

import itertools
from typing import Any

import click

from portazgo.cli.cells import shown
from portazgo.cli.find import BACKEND, SCHEMA, find, find_id
from portazgo.cli.noun import Noun, asks, confirm, limit, limited, prints, show_deleted, show_list, show_named
from portazgo.cli.options import of_openapi, openapi_source
from portazgo.cli.output import note, show_one, show_pairs, show_rows, show_text
from portazgo.cli.session import connect
from portazgo.cli.words import label, outcome_word, say, told

COLUMNS = ("name", "backend", "version", "operations", "imported_at", "source")
OPERATION_COLUMNS = ("operation_id", "method", "path", "tags")
VERSION_COLUMNS = ("version", "imported_at", "operations", "size_bytes", "sha256", "source")
DRIFT_COLUMNS = (
    *("schema_name", "operation", "status", "kind", "path", "found", "expected"),
    *("answers", "first_seen", "last_seen"),
)
NAMED = {"backend": "/backends"}

of_version = click.option("--version", type=click.IntRange(min=1), help="Which import.  [default: the newest]")


@click.group(cls=Noun)
def schema() -> None:
    """OpenAPI documents of backends. Contracts are written over them."""


@schema.command("import")
@click.argument("name")
@click.option("--backend", required=True, help="What it describes.")
@of_openapi
@click.option("--dry-run", is_flag=True, help="Only say what would be.")
@prints
def import_schema(name: str, backend: str, url: str | None, file: Any, output: str, *, dry_run: bool) -> None:
    """Keep a backend's OpenAPI document under a name, or its next version; nothing that was published changes."""
    source = openapi_source(url, file)
    client = connect()
    order = {"name": name, "backend": find_id(client, BACKEND, backend), "dry_run": dry_run, **source}
    _show_report(client.post("/schemas", order), output, dry_run=dry_run)


@schema.command("list")
@click.option("--backend", help="Of this backend only.")
@limit(None)
@prints
def list_schemas(backend: str | None, most: int | None, output: str) -> None:
    """List the schemas."""
    client = connect()
    rows = limited(client, "/schemas", {"backend": find_id(client, BACKEND, backend)}, most)
    if output == "table":
        rows = [_newest(row) for row in rows]
    show_list(client, rows, COLUMNS, output, named=NAMED, spare=("source",))


@schema.command("show")
@click.argument("schema")
@prints
def show_schema(schema: str, output: str) -> None:
    """Show a schema and the versions of it that are kept."""
    client = connect()
    found = find(client, SCHEMA, schema)
    if output != "table":
        show_one(found, output)
        return
    show_named(client, {name: value for name, value in found.items() if name != "versions"}, output, NAMED)
    click.echo()
    rows = [{**one, "version": one["number"]} for one in found["versions"]]
    show_rows(rows, VERSION_COLUMNS, output, spare=("sha256", "source"))


@schema.command("operations")
@click.argument("schema")
@of_version
@prints
def list_operations(schema: str, version: int | None, output: str) -> None:
    """List a schema's operations, whose ids contracts name."""
    client = connect()
    found = client.get(f"/schemas/{find_id(client, SCHEMA, schema)}/operations", {"version": version})
    show_rows(found["operations"], OPERATION_COLUMNS, output, spare=("tags",))


@schema.command("document")
@click.argument("schema")
@of_version
@prints
def show_document(schema: str, version: int | None, output: str) -> None:
    """Print a schema's document as it was imported."""
    client = connect()
    found = client.get(f"/schemas/{find_id(client, SCHEMA, schema)}/document", {"version": version})
    show_text(found, "document", output)


@schema.command("drift")
@click.argument("schema", required=False)
@limit(None)
@prints
def list_drift(schema: str | None, most: int | None, output: str) -> None:
    """List in what backends' answers differ from their schemas, as nodes saw it in samples: places and types, no values."""
    client = connect()
    rows = limited(client, "/schemas/drift", {"schema": find_id(client, SCHEMA, schema)}, most)
    if output != "table":
        show_rows(rows, DRIFT_COLUMNS, output)
        return
    found = list(rows)
    if not found:
        note(say("Nothing differs in the answers that were looked at."))
        return
    rows = [{**row, "kind": label(row["kind"]), "place": _place(row)} for row in found]
    # A path is a route's elsewhere, and is called so in Spanish.
    show_rows(rows, tuple("place" if column == "path" else column for column in DRIFT_COLUMNS), output)
    for row in found:
        for effect in row["effects"]:
            sentence = told(effect["sentence"])
            click.echo(shown(f"{effect['contract']}: {effect['route']}: {label(effect['outcome'])}: {sentence}"))


@schema.command("delete")
@click.argument("schema")
@asks
@prints
def delete_schema(schema: str, output: str) -> None:
    """Remove a schema that no contract is over."""
    client = connect()
    found = find(client, SCHEMA, schema)
    confirm(say("Remove the schema {name}?", name=found["name"]))
    client.delete(f"/schemas/{found['id']}")
    show_deleted(found, output)


def _place(row: dict[str, Any]) -> str:
    """Say of a new member that its name is not told: it may be a value."""
    around, _, name = row["path"].rpartition(".")
    if row["kind"] != "new" or name != "*":
        return str(row["path"])
    what = say("a member of unknown name")
    return f"{around}: {what}" if around else what


def _sentence(change: dict[str, Any]) -> str:
    """Say what became of a place of the document; from what to what stands at the end of the API's sentence."""
    where = " ".join(part for part in (told(change["place"]), change["path"]) if part)
    said = change["kind"].replace("_", " ")
    _, _, detail = change["sentence"].partition(f": {said} (")
    detail = f" ({told(detail.removesuffix(')'))})" if detail else ""
    return f"{change['operation']}{': ' if where else ''}{where}: {told(said)}{detail}"


def _newest(row: dict[str, Any]) -> dict[str, Any]:
    newest = row["versions"][0]
    return {**row, **newest, "version": newest["number"]}


def _show_report(report: dict[str, Any], output: str, *, dry_run: bool) -> None:
    if output != "table":
        show_one(report, output)
        return
    words = {"outcome": outcome_word(report["outcome"]), "version": report["version"], "count": report["operations"]}
    done = say("{outcome}: version {version}, {count} operations.", **words)
    note(say("Would be {what}", what=done) if dry_run else done)
    for change in report["changes"]:
        click.echo(shown(_sentence(change)))
    effects = sorted(report["effects"], key=lambda one: (one["contract"], one["outcome"]))
    for contract, some in itertools.groupby(effects, lambda one: one["contract"]):
        click.echo("\n" + contract)
        show_pairs((label(one["outcome"]), f"{one['route']}: {told(one['sentence'])}") for one in some)
    for warning in report["warnings"]:
        note(say("Warning: {warning}", warning=told(warning)))
