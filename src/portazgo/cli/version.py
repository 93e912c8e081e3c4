"""`portazgo version`."""

from __future__ import annotations

from importlib.metadata import version as installed_version

import click

from portazgo.cli.output import show_one


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def version(as_json: bool) -> None:
    """Print the version, and that of the native module with the sources that it was built from."""
    try:
        from portazgo._native import SOURCE_DIGEST, VERSION  # noqa: PLC0415 - it may not be built
    except ImportError:
        native, sources = None, None
    else:
        native, sources = VERSION, SOURCE_DIGEST
    if as_json:
        show_one({"version": installed_version("portazgo"), "native": native, "native_sources": sources}, "json")
        return
    built = f"native module {native} of the sources {sources[:12]}" if sources else "native module not built"
    click.echo(f"portazgo {installed_version('portazgo')} ({built})")
