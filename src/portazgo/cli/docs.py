"""Writes docs/cli.md from the command line itself.

`python -m portazgo.cli.docs [--check]`: with --check it writes nothing and exits 1 when the page is stale.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import click

from portazgo.cli.exits import Exit
from portazgo.cli.main import portazgo
from portazgo.cli.registry import COMMANDS

PROJECT = Path(__file__).resolve().parents[3]
PAGE = PROJECT / "docs" / "cli.md"
NOTICE = "Generated from src/portazgo/cli/ by `make gen`; do not edit."

_INTRODUCTION = """\
# Command line

<!-- {notice} -->

`portazgo NOUN VERB`, with the words of the admin API. Nouns speak to the admin API over HTTP: `PORTAZGO_CONTROL_URL` says
where it is, `PORTAZGO_ADMIN_TOKEN_FILE` which file holds the token ([settings](settings.md)). On the machine that runs
Portazgo both are found by themselves.

- **Names or ids.** A name is enough where it is unique; applications and routes are also written `acme/crm` and
  `credentials/badges-list`, or with `--partner` and `--api`. A misspelt name is answered with the nearest one.
- **Times** are RFC 3339, or a duration that counts from now: back for `--since`, ahead for `--expires`. Durations are
  written `30s`, `10m`, `1h`, `7d`.
- **`name=value`**: a value that reads as JSON is that (`seats=12`, `beta=true`, `code='"12"'`), any other is text.
- **Stdout holds one document** in the format of `-o`; progress, warnings and questions go to stderr. What fails is a sentence
  there; with `-o json` or `yaml` it is a document on stdout too, unless one is there already: `error` (the sentence), `code`
  (stable), `exit_code`, and as needed `remedy` and `problems` (each with `message` and its place: `file`, `line` and `column`,
  or `pointer`).
- **Language.** `PORTAZGO_LANG=es` has the command line speak Spanish: tables, questions, sentences, and what is said of wrong
  arguments and of contracts. Help is English, and so is what the control plane says of other nouns, where nobody has translated
  it yet.
- **Colours** are used on a terminal only, and not where `NO_COLOR` is set.

## Formats

| `-o` | what it prints |
|---|---|
| `table` | for people: names in place of ids, short times in UTC; nothing is folded into files and pipes |
| `json` | the API's document, or a list of documents; `--json` is the same |
| `jsonl` | one document a line, as they arrive |
| `csv` | the columns of the table with the API's values; nested ones as JSON; a `'` before what looks like a formula |
| `yaml` | the same as json, in YAML |

`--quiet` leaves out everything but errors and the document.

## Exit codes

| code | what it says |
|---|---|
{exits}

What can't be taken back (revoke, withdraw, retire, delete) asks first. `--yes` answers; where nobody can be asked, or with
`--no-input`, it is refused with exit code {refused}.
"""

_EXITS = {
    Exit.DONE: "done",
    Exit.FAILED: "failed: there is no such thing, or the control plane can't be reached",
    Exit.USAGE: "usage: an argument, a setting or a payload is wrong",
    Exit.DIFFERENCES: "there are differences (`diff`)",
    Exit.LOGIN: "no admin token, one that isn't valid, or one that may not do this",
    Exit.CONFLICT: "it conflicts with what is there",
    Exit.REFUSED: "a guard refused it: it exposes or destroys, and nobody said that this is meant",
    Exit.UNHEALTHY: "unhealthy, or not proven in time (`key revoke --wait`, `backend test`, `usage balance`)",
    Exit.INTERRUPTED: "interrupted (Ctrl-C)",
}


# Explained once, above: formats, and what can't be taken back.
_EXPLAINED = ("output", "quiet", "yes", "no_input")


def docs_page() -> str:
    """Write docs/cli.md: one section per command, in the order of `portazgo --help`."""
    exits = "\n".join(f"| {code.value} | {meaning} |" for code, meaning in _EXITS.items())
    lines = [_INTRODUCTION.format(notice=NOTICE, exits=exits, refused=Exit.REFUSED.value)]
    context = click.Context(portazgo, info_name="portazgo")
    for section, entries in groupby(COMMANDS.items(), key=lambda item: item[1].section):
        lines += [f"## {section}", ""]
        for name, _ in entries:
            command = portazgo.get_command(context, name)
            assert command is not None  # noqa: S101 - the registry's own names
            lines += _command(command, click.Context(command, parent=context, info_name=name))
    return "\n".join(lines).rstrip() + "\n"


def main(arguments: list[str]) -> int:
    """Write or check. Returns the exit code."""
    page = docs_page()
    if PAGE.exists() and PAGE.read_text("utf-8") == page:
        return 0
    if "--check" in arguments:
        sys.stderr.write(f"{PAGE.relative_to(PROJECT)} is stale: run `make gen`\n")
        return 1
    PAGE.write_text(page, "utf-8")
    return 0


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    level = "###" if context.parent is not None and context.parent.parent is None else "####"
    usage = " ".join([context.command_path, *_usage(command, context)])
    yield from (f"{level} {context.command_path}", "", _paragraphs(command.help), "")
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None  # noqa: S101 - the group's own names
            yield from _command(inner, click.Context(inner, parent=context, info_name=name))
        return
    # Not a fenced block: what stands in one is a command that runs (tests/docs).
    yield from (f"`{usage}`", "")
    rows = [
        row for parameter in command.params if parameter.name not in _EXPLAINED for row in _option(parameter, context)
    ]
    if rows:
        yield from ("| option | |", "|---|---|", *rows, "")


def _usage(command: click.Command, context: click.Context) -> list[str]:
    return [piece for parameter in command.get_params(context) for piece in parameter.get_usage_pieces(context)] + (
        ["[OPTIONS]"] if any(isinstance(one, click.Option) for one in command.params) else []
    )


def _option(parameter: click.Parameter, context: click.Context) -> Iterator[str]:
    record = parameter.get_help_record(context)
    if record is not None and isinstance(parameter, click.Option):
        names, text = (part.replace("|", "\\|") for part in record)
        yield f"| `{names}` | {text} |"


def _paragraphs(text: str | None) -> str:
    """Give a docstring without its line breaks, which stand where the code breaks."""
    paragraphs = (text or "").replace("\b\n", "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
