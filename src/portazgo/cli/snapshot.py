"""`portazgo snapshot save`: what nodes serve from, as a file."""

from __future__ import annotations

from pathlib import Path

import click

from portazgo.cli.output import show_one
from portazgo.cli.session import load_settings, output_options
from portazgo.cli.tending import tends


@click.group()
def snapshot() -> None:
    """Save what nodes serve from, for a node that runs without a control plane."""


@snapshot.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@output_options
@tends
def save(file: Path, output: str, *, quiet: bool) -> None:
    """Save the newest snapshot to FILE, with this machine's node token.

    `portazgo gateway --snapshot FILE` serves it. The file holds no key and no secret in the clear; a node needs the
    deployment's master key for it.
    """
    from portazgo.care.snapshot_file import save_snapshot  # noqa: PLC0415 - HTTP and the native module, only where needed

    saved = save_snapshot(load_settings(), file.absolute())
    if not quiet:
        click.echo("A node without a control plane serves it: portazgo gateway --snapshot FILE", err=True)
    show_one(
        {"file": str(saved.file), "history": saved.history, "revision": saved.revision, "bytes": saved.bytes}, output
    )
