"""Issuers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from portazgo.declarative.domain import DEFAULT_ALGORITHM
from portazgo.declarative.rules.lines import Line, Step, Worlds, line
from portazgo.kit.durations import format_duration


def lines(step: Step, _worlds: Worlds) -> Iterator[Line]:
    """An issuer alone opens nothing; what backends believe is theirs."""
    if step.after is None:
        return
    if step.before is None:
        algorithm = "" if step.after["algorithm"] == DEFAULT_ALGORITHM else f" with {step.after['algorithm']}"
        yield line(step, "rest", f"signs as {step.after['url']}{algorithm}, with a key that signs at once")
    if step.changed("rotate_every_seconds"):
        every = step.after["rotate_every_seconds"]
        yield line(
            step,
            "rest",
            "keys are rotated by hand only" if every is None else f"keys are rotated every {_length(every)}",
        )


def _length(seconds: int) -> str:
    return format_duration(timedelta(seconds=seconds))
