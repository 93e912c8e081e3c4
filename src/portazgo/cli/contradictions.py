"""Options that contradict each other. Whoever gives both is told so: either could be the one that was meant."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click
from click.core import ParameterSource

P = ParamSpec("P")
R = TypeVar("R")


def excludes(switch: str, *others: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Have a command refuse `switch` beside any of `others`; all are names of its parameters. Raises UsageError."""

    def decorate(command: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(command)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            said = _said(click.get_current_context(), switch, *others)
            if switch in said and len(said) > 1:
                one, other, *_ = said.values()
                raise click.UsageError(f"{one} and {other} contradict each other: give one of them")
            return command(*args, **kwargs)

        return wrapped

    return decorate


def _said(context: click.Context, *names: str) -> dict[str, str]:
    """Give those of the parameters that were given on the command line, as they are written there."""
    options = {one.name: one.opts[0] for one in context.command.params}
    return {name: options[name] for name in names if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
