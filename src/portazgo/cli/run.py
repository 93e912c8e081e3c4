"""`portazgo up`, `demo`, `gateway`, `control`, `worker`, `migrate`: the roles as commands."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from portazgo.cli.exits import Exit
from portazgo.cli.session import Failed, load_settings

if TYPE_CHECKING:
    from portazgo.settings import Settings

logger = logging.getLogger(__name__)

Command = TypeVar("Command", bound=Callable[..., object])


def _flags(*names: str) -> Callable[[Command], Command]:
    """Add a flag for each of these settings; what isn't given is read from the other sources."""

    def decorate(command: Command) -> Command:
        for name in reversed(names):
            option = f"--{name.replace('_', '-')}"
            command = click.option(option, name, default=None, help=f"Sets PORTAZGO_{name.upper()}.")(command)
        return command

    return decorate


def _play(role: Callable[[Settings], int], flags: dict[str, str | None]) -> int:
    """Prepare this process for a role and play it; what keeps it from starting becomes a sentence."""
    from portazgo.kit.errors import StartRefused  # noqa: PLC0415 - the roles' imports are the roles'
    from portazgo.kit.logs import configure_logs  # noqa: PLC0415
    from portazgo.kit.parent import SUPERVISED, die_with_parent  # noqa: PLC0415
    from portazgo.settings import misspelt  # noqa: PLC0415

    die_with_parent()
    # Databases, slabs, segments, logs: nothing that a role writes is for other users of this machine.
    os.umask(0o077)
    settings = load_settings(flags)
    # The parts of a group are processes of their own: they read what was given here from their environment.
    os.environ.update({f"PORTAZGO_{name.upper()}": text for name, text in flags.items() if text is not None})
    configure_logs(settings.log_format)
    # The parts of a group have its environment: it is told once.
    for sentence in () if SUPERVISED.is_set() else misspelt(os.environ):
        logger.warning(sentence, extra={"remedy": "docs/settings.md lists the settings"})
    try:
        return role(settings)
    except StartRefused as problem:
        raise Failed(problem.sentence, remedy=problem.remedy, exit_code=Exit.USAGE) from None


@click.command()
@_flags("data_dir", "gateway_listen", "control_listen", "gateway_port", "control_port")
def up(**flags: str | None) -> int:
    """Run everything in one place: control plane, gateway, worker. Ctrl-C ends all of it."""
    from portazgo.roles.up import run_up  # noqa: PLC0415

    return _play(run_up, flags)


@click.command()
@_flags("data_dir", "gateway_port", "control_port", "backend_port")
def demo(**flags: str | None) -> int:
    """Run everything with a demo backend behind it, a partner, and a key that works."""
    from portazgo.roles.demo import run_demo  # noqa: PLC0415

    return _play(run_demo, flags)


@click.command()
@_flags("data_dir", "gateway_listen", "admin_listen", "internal_url", "node_token_file", "threads")
@click.option(
    "--snapshot",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Serve this snapshot file and no control plane; needs the same wrapping key.",
)
@click.option(
    "--take-over",
    is_flag=True,
    help="Take the place of the node that runs in this folder, without a dropped call; where none runs, just start.",
)
def gateway(snapshot: Path | None, *, take_over: bool, **flags: str | None) -> int:
    """Run a gateway node alone."""
    from portazgo.roles.gateway import run_gateway  # noqa: PLC0415

    return _play(lambda settings: run_gateway(settings, snapshot_file=snapshot, take_over=take_over), flags)


@click.command()
@_flags("data_dir", "control_listen", "internal_listen", "state_url", "ledger_url")
def control(**flags: str | None) -> int:
    """Run the control plane alone: admin API, and the internal listener for nodes."""
    from portazgo.roles.control import run_control  # noqa: PLC0415

    return _play(run_control, flags)


@click.command()
@_flags("data_dir", "state_url", "ledger_url")
def worker(**flags: str | None) -> int:
    """Run the background jobs alone."""
    from portazgo.roles.worker import run_worker  # noqa: PLC0415

    return _play(run_worker, flags)


@click.command()
@_flags("data_dir", "state_url", "ledger_url")
def migrate(**flags: str | None) -> int:
    """Make or update the databases; on the first run also the issuer, an admin token and a node token."""
    from portazgo.roles.migrate import run_migrate  # noqa: PLC0415

    return _play(run_migrate, flags)
