"""`portazgo check`, `diff`, `apply`, `export`, `rollback`: portazgo.yaml (docs/portazgo-yaml.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from portazgo.cli.exits import Exit
from portazgo.cli.noun import asks, confirm, limit, limited, prints
from portazgo.cli.options import options
from portazgo.cli.output import note, show_one, show_rows
from portazgo.cli.plan_output import show_plan
from portazgo.cli.session import Failed, connect
from portazgo.cli.words import say, told

if TYPE_CHECKING:
    from portazgo.client.admin import AdminClient
    from portazgo.declarative.file.places import Finding
    from portazgo.declarative.file.reading import Reading

P = ParamSpec("P")
R = TypeVar("R")

APPLIES_COLUMNS = ("number", "name", "at", "actor_name", "revision", "restores", "summary")
_PATH = click.Path(path_type=Path)


_of_file = click.option(
    "-f", "--file", type=_PATH, default="portazgo.yaml", show_default=True, help="The file; it may include others."
)
_takes_over = options(
    click.option("--adopt", is_flag=True, help="Take over what no file owns, though it differs."),
    click.option(
        "--take-from", multiple=True, metavar="NAME", help="Take over what the file of this name owns; repeat it."
    ),
)


@click.command()
@_of_file
@click.option(
    "--offline",
    is_flag=True,
    help="Don't ask the control plane: what exists there stays unknown. Contracts are compiled where the file has all of it.",
)
@prints
def check(file: Path, *, offline: bool, output: str) -> int:
    """Check portazgo.yaml: everything that is wrong, with its place, at once (exit 2)."""
    reading = _read(file)
    findings = _everything_wrong(reading, None if offline else _connected(reading))
    warnings = reading.warnings + (_outside(reading) if offline else [])
    if output != "table":
        show_one(
            {
                "ok": not findings,
                "problems": [one.document() for one in findings],
                "warnings": [one.document() for one in warnings],
            },
            output,
        )
        return Exit.USAGE if findings else Exit.DONE
    _warn(warnings)
    _refuse(findings, file)
    note(say("{file} is fine.", file=file))
    return Exit.DONE


@click.command()
@_of_file
@_takes_over
@prints
def diff(file: Path, *, adopt: bool, take_from: tuple[str, ...], output: str) -> int:
    """Show what applying would change: what it exposes, what it breaks and for whom, the rest (exit 3: differences)."""
    _, plan = _planned(file, adopt=adopt, take_from=take_from)
    _show(plan, output)
    return Exit.DIFFERENCES if plan["differs"] else Exit.DONE


@click.command()
@_of_file
@_takes_over
@click.option("--dry-run", is_flag=True, help="Show what would be done, and don't do it.")
@asks
@prints
def apply(file: Path, *, adopt: bool, take_from: tuple[str, ...], dry_run: bool, output: str) -> int:
    """Make the deployment as portazgo.yaml says: all of it as one revision, or nothing."""
    reading, plan = _planned(file, adopt=adopt, take_from=take_from)
    body = {"document": reading.tree, "adopt": adopt, "take_from": list(take_from)}
    return _carry_out("/declarative/apply", body, plan, dry_run=dry_run, output=output)


@click.command()
@click.option("--name", help="The owner label that the file gets; needed where several files own something.")
@prints
def export(name: str | None, *, output: str) -> int:
    """Write what exists as portazgo.yaml, but for what other files own; secrets and keys are never in it."""
    document = connect().get("/declarative/export", {"name": name} if name else {})["document"]
    if output in {"table", "yaml"}:
        from portazgo.declarative.file.writing import write_yaml  # noqa: PLC0415 - where YAML is written

        click.echo(write_yaml(document), nl=False)
    else:
        show_one(document, output)
    return Exit.DONE


@click.command()
@click.argument("number", type=click.IntRange(min=1), required=False)
@click.option("--name", help="Of which file; needed where several were applied and no number is given.")
@click.option("--list", "listing", is_flag=True, help="List what was applied, newest first.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and don't do it.")
@limit(20)
@asks
@prints
def rollback(
    number: int | None, *, name: str | None, listing: bool, dry_run: bool, most: int | None, output: str
) -> int:
    """Go back to what apply NUMBER left; without it, to the one before the last."""
    client = connect()
    if listing:
        query = {"name": name} if name else {}
        show_rows(limited(client, "/declarative/applies", query, most), APPLIES_COLUMNS, output)
        return Exit.DONE
    body: dict[str, Any] = {"to": number, "name": name}
    outcome = client.post("/declarative/rollback", {**body, "dry_run": True})
    body = {"to": outcome["restores"]}
    note(say("Back to what apply {number} left:", number=outcome["restores"]))
    code = _carry_out("/declarative/rollback", body, outcome["plan"], dry_run=dry_run, output=output)
    if not dry_run:
        note(say("The file still says otherwise: `portazgo diff` shows it."))
    return code


def _carry_out(path: str, body: dict[str, Any], plan: dict[str, Any], *, dry_run: bool, output: str) -> int:
    """Show the plan, ask where it is guarded, and have exactly that plan carried out."""
    has_work = plan["differs"] or plan["takes_over"] or plan["releases"]
    if output == "table":
        show_plan(plan)
    if dry_run or not has_work:
        if output != "table":
            show_one({"applied": False, "number": None, "revision": None, "restores": None, "plan": plan}, output)
        return Exit.DONE
    if plan["guarded"]:
        confirm(say("Apply this?"))
    outcome = connect().post(path, {**body, "fingerprint": plan["fingerprint"], "confirmed": True})
    if output != "table":
        show_one(outcome, output)
    elif outcome["revision"] is None:
        note(say("Applied ({number}): nothing but who owns what.", number=outcome["number"]))
    else:
        note(say("Applied ({number}) as revision {revision}.", number=outcome["number"], revision=outcome["revision"]))
    return Exit.DONE


def _planned(file: Path, *, adopt: bool, take_from: tuple[str, ...]) -> tuple[Reading, dict[str, Any]]:
    """Read the file and have the control plane plan it. Raises Failed (exit 2) with everything that is wrong."""
    from portazgo.client.admin import Answered  # noqa: PLC0415 - HTTP is imported by the commands that speak it

    reading = _read(file)
    _warn(reading.warnings)
    if reading.findings:
        _refuse(_everything_wrong(reading, _connected(reading)), file)
    try:
        body = {"document": reading.tree, "adopt": adopt, "take_from": list(take_from)}
        return reading, connect().post("/declarative/diff", body)
    except Answered as problem:
        if problem.problem.get("code") != "document_invalid":
            raise
        _refuse(reading.find(_problems(problem.problem["errors"])), file)
        raise


def _read(file: Path) -> Reading:
    from portazgo.declarative.file.reading import NoFile, read_file  # noqa: PLC0415 - pydantic and YAML take their time

    try:
        return read_file(file)
    except NoFile as problem:
        raise Failed(
            told(str(problem)),
            remedy=say("Name the file with --file, or write one: `portazgo export` makes it of what exists."),
            exit_code=Exit.USAGE,
        ) from None


def _connected(reading: Reading) -> AdminClient | None:
    """Connect; where that fails and the file is wrong anyway, what is wrong is worth more than why."""
    try:
        return connect()
    except Failed:
        if reading.findings:
            return None
        raise


def _everything_wrong(reading: Reading, client: AdminClient | None) -> list[Finding]:
    """Put together what the reading found and what judging the document finds, by the server or, without one, here."""
    from portazgo.declarative.contracts import problems_of_file  # noqa: PLC0415 - with the reading
    from portazgo.declarative.judging import judge  # noqa: PLC0415 - likewise
    from portazgo.kit.http import Unreachable  # noqa: PLC0415 - likewise

    findings = list(reading.findings)
    if reading.is_broken:
        return _spoken(findings)
    document, own = judge(reading.tree, None)
    if document is not None and not own:
        own = list(problems_of_file(document))
    if client is not None and isinstance(reading.tree, dict):
        try:
            own = _problems(client.post("/declarative/check", {"document": reading.tree})["problems"])
        except Unreachable:
            if not findings and not own:
                raise
    found = dict.fromkeys([*findings, *reading.find(own)])
    return _spoken(sorted(found, key=lambda one: one.place))


def _outside(reading: Reading) -> list[Finding]:
    from portazgo.declarative.judging import outside  # noqa: PLC0415 - with the reading

    return [] if reading.is_broken else reading.find(outside(reading.tree))


def _problems(errors: list[dict[str, str]]) -> list[Any]:
    from portazgo.declarative.problems import Problem  # noqa: PLC0415 - with the reading

    return [Problem(one["pointer"], one["message"]) for one in errors]


def _spoken(findings: Iterable[Finding]) -> list[Finding]:
    """Say findings in the reader's language, as far as somebody has put them into it."""
    return [replace(one, message=told(one.message)) for one in findings]


def _warn(warnings: list[Finding]) -> None:
    for warning in _spoken(warnings):
        note(say("Warning: {warning}", warning=warning))


def _refuse(findings: list[Finding], file: Path) -> None:
    """Raise Failed (exit 2) with everything that is wrong, when something is."""
    if findings:
        for finding in findings:
            click.echo(str(finding), err=True)
        many = say("{count} problems in {file}", count=len(findings), file=file)
        raise Failed(
            say("1 problem in {file}", file=file) if len(findings) == 1 else many,
            exit_code=Exit.USAGE,
            problems=[one.document() for one in findings],
        )


def _show(plan: dict[str, Any], output: str) -> None:
    if output == "table":
        show_plan(plan)
    else:
        show_one(plan, output)
