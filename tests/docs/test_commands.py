"""A command in the documents is one that exists, with options that it has."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from support.documents import PROJECT, commands, documents

from portazgo.cli.main import portazgo

NO_FILE = ("does not exist", "No such file or directory")
"""How the library says that a path, or a file to read from, is not there."""


def parse(command: click.Command, words: list[str], parent: click.Context | None = None) -> None:
    """Parse as the command line would, and run nothing. Raises click.UsageError."""
    name = command.name or "portazgo"
    with command.make_context(name, words, parent=parent) as context:
        if isinstance(command, click.Group):
            _, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert inner is not None
            parse(inner, rest, context)


def fault_of(words: list[str]) -> str | None:
    """What is wrong with a command, if anything."""
    try:
        parse(portazgo, words)
    except click.exceptions.Exit:
        return None  # --help
    except click.BadParameter as problem:
        # A file of the reader's isn't here; everything else about it counts.
        return None if any(said in problem.message for said in NO_FILE) else problem.format_message()
    except click.UsageError as problem:
        return problem.format_message()
    return None


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_command_in_the_documents_exists(document: Path) -> None:
    faults = [f"{line}: {line.text}: {fault}" for line, words in commands(document) if (fault := fault_of(words))]
    assert faults == []


def test_a_command_that_does_not_exist_is_found_out() -> None:
    assert fault_of(["up", "--gateway-port", "8080"]) is None
    assert fault_of(["up", "--gatewayport", "8080"]) is not None
    assert fault_of(["upp"]) is not None
