"""Prints a plan: what it exposes and to whom, what it breaks and for whom, then the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from portazgo.cli.words import say
from portazgo.kit.printable import printable

Line = dict[str, Any]

_SIGNS = {"create": ("+", "green"), "change": ("~", "yellow"), "delete": ("-", "red")}
_WIDEST_NAME = 44
_NAMED_AT_MOST = 6


def show_plan(plan: dict[str, Any]) -> None:
    """Print it for people."""
    lines = [*plan["exposes"], *plan["breaks"], *plan["rest"]]
    width = min(max((len(_name(line)) for line in lines), default=0), _WIDEST_NAME)
    _section(say("Exposes"), "yellow", plan["exposes"], say("to {names}"), width)
    _section(say("Breaks"), "red", plan["breaks"], say("for {names}"), width)
    if plan["rest"]:
        click.secho(say("The rest"), bold=True)
        _lines(plan["rest"], "  ", width + 2)
        click.echo()
    _things(say("Takes over, though no apply of this file made it:"), plan["takes_over"])
    _things(say("Lets go of, and leaves as it is:"), plan["releases"])
    counts = plan["summary"]
    total = say("{created} to create, {changed} to change, {deleted} to delete.", **counts)
    click.echo(total if plan["differs"] else say("No differences."))


def _section(title: str, colour: str, lines: list[Line], to: str, width: int) -> None:
    if not lines:
        return
    click.secho(title, fg=colour, bold=True)
    for (names, count), group in _by_affected(lines):
        click.echo(f"  {to.replace('{names}', _enumerated(names, count)) if names else say('to nobody yet')}")
        _lines(group, "    ", width)
    click.echo()


def _by_affected(lines: list[Line]) -> Iterable[tuple[tuple[tuple[str, ...], int], list[Line]]]:
    groups: dict[tuple[tuple[str, ...], int], list[Line]] = {}
    for line in lines:
        groups.setdefault((tuple(line["affects"]), line["affected"]), []).append(line)
    return groups.items()


def _lines(lines: list[Line], indent: str, width: int) -> None:
    for line in lines:
        sign, colour = _SIGNS[line["action"]]
        click.echo(f"{indent}{click.style(sign, fg=colour)} {_name(line):<{width}}  {printable(line['sentence'])}")


def _things(title: str, things: list[Line]) -> None:
    if things:
        click.secho(title, bold=True)
        for thing in things:
            click.echo(f"  {_name(thing)}")
        click.echo()


def _name(line: Line) -> str:
    kind = "API" if line["kind"] == "api" else line["kind"]
    return f"{kind} {line['name']}"


def _enumerated(names: tuple[str, ...], count: int) -> str:
    shown = ", ".join(names[:_NAMED_AT_MOST])
    more = count - _NAMED_AT_MOST
    return shown if more <= 0 else say("{names} and {count} more", names=shown, count=more)
