"""APIs: what they open is told by their routes and the plans."""

from __future__ import annotations

from collections.abc import Iterator

from portazgo.declarative.rules.lines import Line, Step, Worlds, line


def lines(step: Step, _worlds: Worlds) -> Iterator[Line]:
    """Only that it comes or goes."""
    yield line(step, "rest", "new" if step.action == "create" else "deleted")
