"""`portazgo version`."""

from __future__ import annotations

from importlib.metadata import version as installed_version

import click


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(f"portazgo {installed_version('portazgo')}")
