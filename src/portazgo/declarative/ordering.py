"""In which order steps can be taken. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from portazgo.declarative.domain import KINDS, Kind, Terms
from portazgo.declarative.rules.lines import Step
from portazgo.routes.domain import Address, addresses


def in_order(steps: Sequence[Step]) -> Iterator[Step]:
    """Give the steps so that each finds what it needs and nothing is in its way.

    Contracts that go let go of their routes, and routes that go leave their addresses first; then things are made and
    changed, those that others name before them; then what is no longer named goes, in the opposite order. A route that
    waits for the address of one that waits for its own in turn is deleted and made anew.
    """
    for kind in _FIRST_TO_GO:
        yield from (step for step in steps if step.after is None and step.ref.kind == kind)
    for kind in KINDS:
        of_kind = [step for step in steps if step.after is not None and step.ref.kind == kind]
        yield from _untangled(of_kind) if kind == "route" else of_kind
    for kind in reversed(KINDS):
        if kind not in _FIRST_TO_GO:
            yield from (step for step in steps if step.after is None and step.ref.kind == kind)


_FIRST_TO_GO: tuple[Kind, ...] = ("contract", "route")


def _untangled(steps: Sequence[Step]) -> Iterator[Step]:
    waiting = list(steps)
    while waiting:
        free = [step for step in waiting if not _blocked(step, waiting)]
        if not free:
            # A ring: one of it gives its address up, and comes back when there is room.
            ring = next(step for step in waiting if step.before is not None)
            yield Step(ring.ref, ring.before, None)
            waiting[waiting.index(ring)] = Step(ring.ref, None, ring.after)
            continue
        yield from free
        waiting = [step for step in waiting if step not in free]


def _blocked(step: Step, waiting: Sequence[Step]) -> bool:
    wanted = _places(step.after)
    return any(other is not step and not wanted.isdisjoint(_places(other.before)) for other in waiting)


def _places(terms: Terms | None) -> set[Address]:
    return set() if terms is None else set(addresses(terms["hosts"], terms["method"], terms["path"]))
