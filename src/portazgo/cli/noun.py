"""What the nouns share: a group that knows misspellings, the options for printing, asking before it is too late."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from portazgo.cli.exits import Exit
from portazgo.cli.options import options
from portazgo.cli.output import QUIET, Row, note, show_one, show_rows
from portazgo.cli.session import FORMATS, Failed, speaks_to_admin_api
from portazgo.cli.words import say, told

if TYPE_CHECKING:
    from portazgo.client.admin import AdminClient

P = ParamSpec("P")
R = TypeVar("R")

LARGEST_PAGE = 200
_WHOLE_SENTENCE = 500
_YES = "portazgo.yes"
_NO_INPUT = "portazgo.no-input"


class Noun(click.Group):
    """A noun with its verbs, in the order of its file; a misspelt verb is answered with the nearest."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the verbs."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs with their whole first sentence: half of one helps nobody."""
        shown = [(name, command) for name, command in self.commands.items() if not command.hidden]
        if shown:
            with formatter.section("Commands"):
                formatter.write_dl([(name, command.get_short_help_str(_WHOLE_SENTENCE)) for name, command in shown])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as problem:
            raise click.UsageError(f"{told(problem.message)}{did_you_mean(args[0], self.commands)}", ctx) from None


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """Name the nearest of what there is, as a question; empty when nothing is near."""
    import difflib  # noqa: PLC0415 - only when somebody mistyped

    near = difflib.get_close_matches(text, list(known), n=1)
    return " " + say("Did you mean {near!r}?", near=near[0]) if near else ""


def prints(command: Callable[P, R]) -> Callable[P, R]:
    """Give a command `-o/--output`, `--json` and `--quiet`, and have it turn refusals into sentences and exit codes."""
    return prints_also()(command)


def prints_also(*formats: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Give a command what `prints` does, with further formats that it writes itself."""
    return functools.partial(_prints, formats=(*FORMATS, *formats))


def _prints(command: Callable[P, R], formats: tuple[str, ...]) -> Callable[P, R]:
    return options(
        click.option("-o", "--output", type=click.Choice(formats), default="table", help="How to print."),
        click.option("--json", "output", flag_value="json", help="The same as -o json."),
        click.option("--quiet", is_flag=True, expose_value=False, callback=_keep(QUIET), help=_QUIET_HELP),
    )(speaks_to_admin_api(command))


_QUIET_HELP = "Print nothing but errors and the document."


def asks(command: Callable[P, R]) -> Callable[P, R]:
    """Give a command that can't be undone `--yes` and `--no-input`; it calls `confirm`."""
    return options(
        click.option("--yes", is_flag=True, expose_value=False, callback=_keep(_YES), help="Don't ask."),
        click.option("--no-input", is_flag=True, expose_value=False, callback=_keep(_NO_INPUT), help=_NO_HELP),
    )(command)


_NO_HELP = "Never ask: refuse (exit 6) what wants a yes."


def confirm(question: str) -> None:
    """Return when the person means it. Raises Failed (exit 6) when they don't, or when nobody can be asked."""
    meta = click.get_current_context().meta
    if meta.get(_YES):
        return
    if meta.get(_NO_INPUT) or not sys.stdin.isatty():
        raise Failed(
            say("nobody can be asked: {question}", question=question),
            remedy=say("Say --yes when it is meant."),
            exit_code=Exit.REFUSED,
        )
    if not click.confirm(question, err=True):
        raise Failed(say("nothing was done"), exit_code=Exit.REFUSED)


def show_list(
    client: AdminClient,
    rows: Iterable[Row],
    columns: tuple[str, ...],
    output: str,
    *,
    named: Mapping[str, str] | None = None,
    spare: Sequence[str] = ("id",),
) -> None:
    """Print a list. `named` says of which members a table shows names in place of ids, and where those names are listed.

    `spare` columns are left out where a line has no room for them.
    """
    if output != "table":
        show_rows(rows, columns, output)
        return
    listed = list(rows)
    show_rows(listed, columns, output, names=names_for(client, listed, named or {}), spare=spare)


def show_named(
    client: AdminClient,
    document: Row,
    output: str,
    named: Mapping[str, str],
    for_people: Callable[[Row], Row] = lambda document: document,
) -> None:
    """Print one document; for people with names in place of ids, and as `for_people` writes it."""
    if output == "table":
        shown = for_people(document)
        show_one(shown, output, names=names_for(client, [shown], named))
    else:
        show_one(document, output)


def show_deleted(document: Row, output: str) -> None:
    """Say that it is gone; programs get what it was."""
    if output == "table":
        note(say("Removed {name}.", name=document["name"]))
    else:
        show_one(document, output)


def names_for(client: AdminClient, rows: list[Row], named: Mapping[str, str]) -> dict[str, str]:
    """Look up the names of the ids in these members."""
    from portazgo.cli.cells import member  # noqa: PLC0415 - with the tables

    names: dict[str, str] = {}
    for path, listed_at in named.items():
        values = [member(row, path) for row in rows]
        wanted = {one for value in values for one in (value if isinstance(value, list) else [value]) if one}
        for item in client.pages(listed_at, {"limit": LARGEST_PAGE}) if wanted - names.keys() else ():
            if item["id"] in wanted:
                names[item["id"]] = item["name"]
            if wanted <= names.keys():
                break
    return names


def limited(client: AdminClient, path: str, query: Mapping[str, object], most: int | None) -> Iterable[Row]:
    """Give the items of a list, at most `most`; says on stderr when there are more."""
    wanted = {**query, "limit": LARGEST_PAGE if most is None else min(LARGEST_PAGE, most + 1)}
    for number, item in enumerate(client.pages(path, wanted, most=None if most is None else most + 1)):
        if number == most:
            note(say("There are more: --limit sets how many are shown."))
            return
        yield item


def limit(default: int | None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Add `--limit`."""
    shown = "all" if default is None else str(default)
    return click.option(
        "--limit",
        "most",
        type=click.IntRange(min=1),
        default=default,
        metavar="N",
        help=f"Most items to print.  [default: {shown}]",
    )


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        context.meta[name] = value

    return keep
