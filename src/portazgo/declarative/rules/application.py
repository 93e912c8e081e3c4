"""Applications."""

from __future__ import annotations

from collections.abc import Iterator

from portazgo.declarative.domain import Terms
from portazgo.declarative.rules.contract import pins_lines
from portazgo.declarative.rules.lines import Line, Step, Worlds, line
from portazgo.declarative.rules.partner import metadata_lines
from portazgo.declarative.rules.plan import described, differences, terms_of


def lines(step: Step, worlds: Worlds) -> Iterator[Line]:
    """What it may call more, and what it may call no longer."""
    name = step.ref.name
    was_in = step.before is not None and worlds.before.is_active(step.ref)
    is_in = step.after is not None and worlds.after.is_active(step.ref)
    if step.after is None:
        yield line(step, "breaks" if was_in else "rest", "deleted", [name] if was_in else [])
    elif step.before is None:
        yield line(step, "exposes" if is_in else "rest", _new(step.after, worlds), [name] if is_in else [])
    else:
        yield from _changes(step, step.before, step.after, worlds)


def _changes(step: Step, before: Terms, after: Terms, worlds: Worlds) -> Iterator[Line]:
    affects = [step.ref.name]
    if step.changed("status"):
        yield (
            line(step, "exposes", "resumed", affects)
            if after["status"] == "active"
            else line(step, "breaks", "suspended", affects)
        )
    if step.changed("plan"):
        yield from _moves(step, before["plan"], after["plan"], worlds)
    yield from metadata_lines(step, worlds, affects)
    yield from pins_lines(step, affects)


def _moves(step: Step, before: str | None, after: str | None, worlds: Worlds) -> Iterator[Line]:
    affects = [step.ref.name]
    if before is None:
        gives = described(worlds.after, terms_of(worlds.after, after), step.after)
        yield line(step, "exposes", f"plan {after}: {gives}", affects)
    elif after is None:
        yield line(step, "breaks", f"no plan, was {before}: it may call nothing", affects)
    else:
        old, new = terms_of(worlds.before, before), terms_of(worlds.after, after)
        moves = f"plan {after}, was {before}"
        found = [line(step, effect, f"{moves}: {what}", affects) for effect, what in differences(worlds, old, new)]
        yield from found or [line(step, "rest", f"{moves}, which gives the same")]


def _new(terms: Terms, worlds: Worlds) -> str:
    if terms["plan"] is None:
        return f"new, {terms['environment']}, without a plan: it may call nothing"
    suspended = ", suspended" if terms["status"] != "active" else ""
    gives = described(worlds.after, terms_of(worlds.after, terms["plan"]), terms)
    return f"new, {terms['environment']}{suspended}, on plan {terms['plan']}: {gives}"
