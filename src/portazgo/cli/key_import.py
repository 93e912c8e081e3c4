"""`portazgo key import`: keys that another system made."""

from __future__ import annotations

from pathlib import Path

import click

from portazgo.cli.application import of_partner
from portazgo.cli.exits import Exit
from portazgo.cli.find import APPLICATION, find_id
from portazgo.cli.key import key
from portazgo.cli.noun import prints
from portazgo.cli.output import note, show_one, show_rows
from portazgo.cli.session import Failed, connect
from portazgo.cli.words import say

COLUMNS = ("line", "kid", "name", "status", "expires_at", "already_there")


@key.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--application", required=True, help="Whose keys they become: name, PARTNER/NAME, or id.")
@of_partner
@click.option(
    "--format",
    "form",
    type=click.Choice(["portazgo", "aws", "drf", "sha256"]),
    required=True,
    help="What the file is (docs/import-keys.md).",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
@prints
def import_keys(file: Path, application: str, partner: str | None, form: str, dry_run: bool, output: str) -> None:
    """Import keys of another system, which go on working for whoever holds them. A wrong line refuses all of FILE.

    Run it again when it was cut off: it makes what is missing, and skips what is there.
    """
    try:
        content = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        sentence = say("{file} is no text in UTF-8: save it as such.", file=str(file))
        raise Failed(sentence, exit_code=Exit.USAGE) from None
    client = connect()
    identifier = find_id(client, APPLICATION, application, partner)
    body = {"format": form, "content": content, "dry_run": dry_run}
    outcome = client.post(f"/applications/{identifier}/keys/import", body)
    if output == "table":
        show_rows(outcome["keys"], COLUMNS, output)
    else:
        show_one(outcome, output)
    for line in outcome["left_out"]:
        note(say("Line {line} was left out: {why}.", line=line["line"], why=line["why"]))
    if dry_run:
        note(say("Nothing was imported: it was a dry run."))
        return
    note(say("Keys made: {made}; there already: {there}.", made=outcome["made"], there=outcome["already_there"]))
    if form in {"portazgo", "aws"}:
        note(say("{file} may hold whole keys: delete it, and its copies, once the import works.", file=str(file)))
