"""`portazgo recover`: after an older database was restored, take from the nodes what it lost, and begin a new history."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portazgo.cli.exits import Exit
from portazgo.cli.noun import asks, confirm
from portazgo.cli.output import show_one, show_rows
from portazgo.cli.parameters import duration
from portazgo.cli.session import Failed, load_settings, output_options
from portazgo.cli.tending import tends
from portazgo.cli.words import say
from portazgo.kit.clock import from_microseconds, rfc3339

if TYPE_CHECKING:
    from portazgo.care.recovery.planning import Plan, Step

TELLER_COLUMNS = ("node", "label", "revision", "revoked", "astray")
STEP_COLUMNS = ("operation", "id", "name", "ends_at", "told_by")
LOST_COLUMNS = ("kind", "id", "name")
MOST_SHOWN = 50


@click.command()
@click.option(
    "--node-folder",
    "folders",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    help="The data folder of a node, or a copy of it: of one that does not run any more. Repeat it.",
)
@click.option(
    "--wait", type=duration, default="30s", show_default=True, help="How long running nodes are waited for. 0s: not."
)
@click.option("--without-silent", is_flag=True, help="Go on without the nodes that told nothing.")
@click.option(
    "--without",
    metavar="NODE",
    multiple=True,
    help="Leave out what this node tells: one that was broken into. Its id, or its label. Repeat it.",
)
@click.option(
    "--adopt-history",
    "adopted",
    metavar="ID",
    multiple=True,
    help="A history that the database does not know, but that was this deployment's after the backup. Repeat it.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@asks
@output_options
@tends
def recover(
    folders: tuple[Path, ...],
    wait: timedelta,
    output: str,
    *,
    without_silent: bool,
    dry_run: bool,
    quiet: bool,
    **named: tuple[str, ...],
) -> int | None:
    """Take from the nodes what a restored database lost, revocations first, and begin a new history.

    No control plane and no worker may run meanwhile. Nodes that run are asked through PORTAZGO_INTERNAL_LISTEN; they go
    on serving. Everything that was closed since the backup is closed again; what was opened or made since is listed.
    """
    from portazgo.care.recovery.recover import carry_out, recovery  # noqa: PLC0415 - databases, only where needed

    def waiting(missing: dict[str, str]) -> None:
        if not quiet:
            names = ", ".join(label or node for node, label in missing.items()) or say("any node")
            click.echo(say("Waiting up to {seconds} s for {names} …", seconds=f"{seconds:.0f}", names=names), err=True)

    seconds = wait.total_seconds()
    with recovery(load_settings(), folders, **named, wait_seconds=seconds, waiting=waiting) as plan:
        if dry_run or output == "table":
            _show(plan, output)
        if dry_run:
            return None
        _refuse(plan, without_silent=without_silent)
        confirm(say("Close these {count} again, and begin a new history?", count=len(plan.steps)))
        begun, left = carry_out(plan)
    document = {
        "history": begun.history,
        "revision": begun.revision,
        "closed": len(plan.steps) - len(left),
        "buried": len(plan.graves.lookups),
        "left": left,
    }
    show_one(document if output == "table" else {**_document(plan), **document}, output)
    if not quiet:
        click.echo(say("Start the control plane now; nodes take its snapshot by themselves."), err=True)
    return Exit.UNHEALTHY if left else None


def _refuse(plan: Plan, *, without_silent: bool) -> None:
    if plan.silent and not without_silent:
        names = ", ".join(label or node for node, label in plan.silent.items())
        raise Failed(
            say(
                "not every node has told what it knows: {names}; a key that only they know as revoked would live on "
                "others",
                names=names,
            ),
            remedy=say("Start them, name their folders with --node-folder, or go on with --without-silent."),
            exit_code=Exit.REFUSED,
        )
    if plan.strangers:
        names = ", ".join(f"{one.called} ({one.history})" for one in plan.strangers)
        raise Failed(
            say("nodes follow a history that this database does not know: {names}", names=names),
            remedy=say(
                "When it is this deployment's, of a time after the backup: --adopt-history ID. Else: --without NODE."
            ),
            exit_code=Exit.REFUSED,
        )
    if not plan.needed:
        raise Failed(
            say("there is nothing to recover: no node knows more than the database"),
            remedy=say("Start the control plane; the nodes follow it by themselves."),
            exit_code=Exit.REFUSED,
        )


def _show(plan: Plan, output: str) -> None:
    document = _document(plan)
    if output != "table":
        show_one(document, output)
        return
    _section(say("What nodes told:"), document["told_by"], TELLER_COLUMNS)
    _section(say("Told nothing:"), document["silent"], ("node", "label"))
    _section(say("Closed again:"), document["steps"], STEP_COLUMNS)
    uncompared = [{"kid": kid} for kid in document["uncompared"]]
    _section(say("Perhaps rotated since the backup; the pepper was changed, so look yourself:"), uncompared, ("kid",))
    _section(say("Opened since the backup, and left closed:"), document["left_closed"], STEP_COLUMNS)
    _section(say("Made since the backup, and lost (their keys stop working):"), document["lost"], LOST_COLUMNS)
    dead = [{"kid": kid} for kid in document["dead_unknown"]]
    graves = [{"kid": kid} for kid in document["graves"]]
    _section(say("Imported, revoked and lost (a file that holds them will be refused):"), graves, ("kid",))
    _section(say("Revoked, and unknown to the database (written to revocations.log):"), dead, ("kid",))
    erased = [{"id": key} for key in document["erased_unknown"]]
    _section(say("Erased, and unknown to the database (written to revocations.log):"), erased, ("id",))


def _section(title: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    if not rows:
        return
    click.echo(title)
    show_rows(rows[:MOST_SHOWN], columns, "table")
    if len(rows) > MOST_SHOWN:
        click.echo(say("and {count} more (-o json shows all)", count=len(rows) - MOST_SHOWN))


def _document(plan: Plan) -> dict[str, Any]:
    return {
        "ends": plan.history,
        "needed": plan.needed,
        "told_by": [
            {
                "node": one.node,
                "label": one.called,
                "history": one.history,
                "revision": one.revision,
                "revoked": len(one.dead),
                "astray": one.node in plan.astray,
            }
            for one in plan.tellers
        ],
        "silent": [{"node": node, "label": label} for node, label in plan.silent.items()],
        "strangers": [one.node for one in plan.strangers],
        "left_out": list(plan.left_out),
        "steps": [_told(step) for step in plan.steps],
        "left_closed": [_told(step) for step in plan.left_closed],
        "uncompared": list(plan.uncompared),
        "graves": sorted(set(plan.graves.lookups.values())),
        "lost": [{"kind": one.kind, "id": one.id, "name": one.name} for one in plan.lost],
        "dead_unknown": list(plan.dead_unknown),
        "erased_unknown": list(plan.erased_unknown),
    }


def _told(step: Step) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operation": step.operation,
        "id": step.id,
        "name": step.name,
        "told_by": list(step.told_by),
    }
    if step.secret:
        told |= {"secret": step.secret, "ends_at": rfc3339(from_microseconds(step.ends_at_us))}
    return {**told, "networks": list(step.networks)} if step.networks else told
