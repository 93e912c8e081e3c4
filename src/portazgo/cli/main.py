"""The `portazgo` command: a click group whose commands are imported when they run."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, cast

import click
from click.shell_completion import CompletionItem

from portazgo.cli.complaints import complain
from portazgo.cli.exits import Exit
from portazgo.cli.registry import COMMANDS
from portazgo.cli.words import say, told


class LazyGroup(click.Group):
    """Imports the module of a command when that command is called, and not to list it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the registry."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command, or None when there is none of that name."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, name = entry.target.split(":")
        return cast("click.Command", getattr(importlib.import_module(module), name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a misspelt one is answered with the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as problem:
            from portazgo.cli.noun import did_you_mean  # noqa: PLC0415 - only when somebody mistyped

            hint = did_you_mean(args[0], COMMANDS) if args else ""
            raise click.UsageError(f"{told(problem.message)}{hint}", ctx) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name from the registry's lines, or an option."""
        options = click.Command.shell_complete(self, ctx, incomplete)
        named = [(name, entry) for name, entry in COMMANDS.items() if name.startswith(incomplete)]
        return [CompletionItem(name, help=entry.help) for name, entry in named] + options

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by section, from the registry's lines."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, entry in COMMANDS.items():
            sections.setdefault(entry.section, []).append((name, entry.help))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows)


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Start with `portazgo demo`. Settings: docs/settings.md. Exit codes: docs/cli.md.",
)
def portazgo() -> None:
    """Portazgo, a partner API gateway: API keys in, your backend's JWT out, every call recorded."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Returns the exit code."""
    # https://no-color.org: click asks its context; what draws tables looks by itself (`output.colours`).
    plain: dict[str, Any] = {"color": False} if os.environ.get("NO_COLOR") else {}
    try:
        outcome: Any = portazgo.main(args=arguments, prog_name="portazgo", standalone_mode=False, **plain)
    except click.exceptions.Abort:
        click.echo(say("Interrupted."), err=True)
        return Exit.INTERRUPTED
    except click.ClickException as problem:
        return complain(problem, sys.argv[1:] if arguments is None else arguments)
    except BrokenPipeError:
        # `portazgo trace list | head`: the reader has what it wanted.
        sys.stderr.close()
        return Exit.DONE
    return int(outcome) if isinstance(outcome, int) else Exit.DONE
