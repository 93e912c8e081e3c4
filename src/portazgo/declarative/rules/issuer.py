"""Issuers."""

from __future__ import annotations

from collections.abc import Iterator

from portazgo.declarative.rules.lines import Line, Step, Worlds, line


def lines(step: Step, _worlds: Worlds) -> Iterator[Line]:
    """An issuer alone opens nothing; what backends believe is theirs."""
    if step.after is not None:
        yield line(step, "rest", f"signs as {step.after['url']}, with a key that signs at once")
