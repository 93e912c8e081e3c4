"""How a command that failed says so: to people on stderr; to programs, beside it, as the document that they asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import click

from portazgo.cli.cells import shown
from portazgo.cli.exits import Exit
from portazgo.cli.session import Failed
from portazgo.cli.words import say, told

# Formats of one document. Lines and columns are for rows, and an error is none.
_DOCUMENTS = frozenset({"json", "yaml"})


def complain(problem: click.ClickException, words: Sequence[str]) -> int:
    """Say what kept a command from being done. Returns its exit code."""
    if isinstance(problem, click.exceptions.NoArgsIsHelpError):
        problem.show()
        return int(problem.exit_code)
    if isinstance(problem, click.UsageError) and problem.ctx is not None:
        _show_usage(problem.ctx)
    # https://no-color.org: where nothing is said, click looks whether stderr is a terminal.
    plain = False if os.environ.get("NO_COLOR") else None
    click.secho(f"{say('Error')}: {shown(_sentence(problem))}", fg="red", err=True, color=plain)
    remedy = problem.remedy if isinstance(problem, Failed) else None
    if remedy:
        click.echo(f"  {shown(remedy)}", err=True)
    _document(problem, words)
    return _exit_code(problem)


def asked_for(words: Sequence[str]) -> str | None:
    """Tell which format the words of a command ask for, whether or not the rest of them can be read; None: none."""
    found = None
    following = iter(words)
    for word in following:
        if word == "--":
            break
        if word == "--json":
            found = "json"
        elif word in {"-o", "--output"}:
            found = next(following, None)
        elif word.startswith("--output="):
            found = word.partition("=")[2]
        elif word.startswith("-o") and len(word) > len("-o"):
            found = word.removeprefix("-o")
    return found


def _show_usage(context: click.Context) -> None:
    usage = context.get_usage().removeprefix("Usage:").lstrip()
    click.echo(f"{say('Usage')}: {usage}", err=True)
    if context.command.get_help_option(context) is not None:
        command = f"{context.command_path} {context.help_option_names[-1]}"
        click.echo(say("Try '{command}' for help.", command=command) + "\n", err=True)


def _sentence(problem: click.ClickException) -> str:
    # What a command raises itself is in the reader's language already; what click says is English.
    return problem.message if isinstance(problem, Failed) else told(problem.format_message())


def _exit_code(problem: click.ClickException) -> int:
    return int(problem.code if isinstance(problem, Failed) else problem.exit_code)


def _document(problem: click.ClickException, words: Sequence[str]) -> None:
    from portazgo.cli import output  # noqa: PLC0415 - with what prints documents, when one is to be printed

    wanted = asked_for(words)
    # Where a document was printed before it failed, a second one would make both unreadable.
    if wanted in _DOCUMENTS and not (isinstance(problem, Failed) and problem.beside_a_document):
        output.show_one(dict(_members(problem)), wanted)


def _members(problem: click.ClickException) -> Iterator[tuple[str, Any]]:
    sentence = _sentence(problem)
    listed = isinstance(problem, Failed) and problem.problems
    # What people read in the lines below it, programs have in `problems`.
    yield "error", sentence.partition("\n")[0] if listed else sentence
    if not isinstance(problem, Failed):
        yield "code", "usage"
        yield "exit_code", _exit_code(problem)
        return
    yield "code", problem.error_code or Exit(problem.code).name.lower()
    yield "exit_code", _exit_code(problem)
    if problem.remedy:
        yield "remedy", problem.remedy
    if problem.problems:
        yield "problems", problem.problems
