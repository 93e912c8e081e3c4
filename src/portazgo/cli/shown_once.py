"""What is shown once: a secret alone in its line, so that a double click, or a pipe, takes all of it and nothing else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from portazgo.cli.cells import members
from portazgo.cli.noun import names_for
from portazgo.cli.output import note, show_one

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from portazgo.client.admin import AdminClient

    Pairs = Callable[[AdminClient, dict[str, Any]], Iterator[tuple[str, str]]]


def show_once(
    client: AdminClient,
    document: dict[str, Any],
    secret: str,
    output: str,
    named: Mapping[str, str],
    warning: str,
    *,
    pairs: Pairs | None = None,
) -> None:
    """Print what was just made. `secret` names the member that nobody will see again; `pairs` writes the others for people.

    For people stdout has the secret and nothing else; what is known of it, and the warning, go to stderr. Programs that
    ask for a format get one document, the secret in it.
    """
    if output != "table":
        show_one({secret: document[secret], **document}, output)
    else:
        known = {name: value for name, value in document.items() if name != secret}
        lines = list(pairs(client, known) if pairs else members(known, names_for(client, [known], named)))
        width = max(len(name) for name, _ in lines)
        for name, text in lines:
            note(f"{name:<{width}}  {text}")
        note("")
        sys.stderr.flush()
        # Never wrapped, coloured or indented: a terminal breaks the line where it must, and copies it whole.
        click.echo(document[secret])
        sys.stdout.flush()
        note("")
    note(warning)
