"""Partners, and what partners' and applications' metadata tell backends."""

from __future__ import annotations

from collections.abc import Iterator

from portazgo.declarative.domain import World, canonical
from portazgo.declarative.rules.contract import pins_lines
from portazgo.declarative.rules.lines import Line, Step, Worlds, differing, enumerated, line, shown


def lines(step: Step, worlds: Worlds) -> Iterator[Line]:
    """Suspending breaks, resuming exposes, for every application; metadata tells backends something else."""
    before, after = worlds.before.of_partner(step.ref.name), worlds.after.of_partner(step.ref.name)
    if step.after is None:
        yield line(step, "rest", "deleted")
    elif step.before is None:
        yield line(step, "rest", "new" if step.after["status"] == "active" else "new, suspended")
    else:
        if step.changed("status"):
            yield (
                line(step, "exposes", "resumed", after)
                if step.after["status"] == "active"
                else line(step, "breaks", "suspended", before)
            )
        yield from metadata_lines(step, worlds, after)
        yield from pins_lines(step, after)


def metadata_lines(step: Step, worlds: Worlds, affects: list[str]) -> Iterator[Line]:
    """A member that a backend's claims read is what that backend decides by; others are notes."""
    assert step.before is not None  # noqa: S101 - of changes only
    assert step.after is not None  # noqa: S101 - likewise
    for name, was, becomes in differing(step.before["metadata"], step.after["metadata"]):
        sentence = f"metadata {name}: {shown(becomes)}, was {shown(was)}"
        readers = _readers(worlds.after.world, f"{{{step.ref.kind}.metadata.{name}}}")
        if readers:
            yield line(step, "exposes", f"{sentence}; tokens tell it to {enumerated(readers)}", affects)
        else:
            yield line(step, "rest", sentence)


def _readers(world: World, path: str) -> list[str]:
    return [ref.name for ref, terms in sorted(world.items()) if ref.kind == "backend" and path in canonical(terms)]
