"""Plans: APIs, scopes, throttles. Also what moving from one plan to another means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from portazgo.declarative.domain import Ref, Terms, World
from portazgo.declarative.rules.lines import (
    ALL,
    Effect,
    Line,
    Step,
    Worlds,
    counted,
    enumerated,
    gained,
    line,
    lost,
    on_plan,
    routes_of,
)
from portazgo.declarative.words import format_rate


def lines(step: Step, worlds: Worlds) -> Iterator[Line]:
    """What a plan opens more of, and less of; alone, without applications, it opens nothing."""
    if step.after is None:
        yield line(step, "rest", "deleted")
    elif step.before is None:
        yield line(step, "rest", described(worlds.after, step.after))
    else:
        had, has = on_plan(worlds.before, step.ref.name), on_plan(worlds.after, step.ref.name)
        for effect, sentence in differences(worlds, step.before, step.after):
            yield line(step, effect, sentence, had if effect == "breaks" else has)


def described(world: World, terms: Terms, application: Terms | None = None) -> str:
    """Say in a line what a plan gives, or what it gives an application."""
    there = [ref for ref in world if ref.kind == "route" and ref.parent in terms["apis"]]
    routes = counted(len(there), "route")
    if application is not None and len(open_to := routes_of(world, application)) < len(there):
        routes = f"{len(open_to)} of {routes}"
    opens = f"{routes} of {enumerated(terms['apis'])}" if terms["apis"] else "no API"
    scopes = "" if terms["scopes"] is None else f", scopes {enumerated(terms['scopes']) or 'none'}"
    by_window = sorted(terms["throttles"], key=lambda one: int(one["window_seconds"]))
    return f"{opens}{scopes}, {enumerated([_rate(one) for one in by_window]) or 'without throttle'}"


def differences(worlds: Worlds, before: Terms, after: Terms) -> Iterator[tuple[Effect, str]]:
    """Say what going from one plan's terms to another's gives and takes."""
    for api in gained(before["apis"], after["apis"]):
        yield "exposes", f"opens the API {api} ({_routes(worlds.after, api)})"
    for api in lost(before["apis"], after["apis"]):
        yield "breaks", f"closes the API {api} ({_routes(worlds.before, api)})"
    if more := gained(before["scopes"], after["scopes"]):
        yield "exposes", "grants all scopes" if more == [ALL] else f"grants the scopes {enumerated(more)}"
    if less := lost(before["scopes"], after["scopes"]):
        kept = f" but {enumerated(after['scopes'])}" if less == [ALL] and after["scopes"] else ""
        yield "breaks", f"takes all scopes{kept}" if less == [ALL] else f"takes the scopes {enumerated(less)}"
    yield from _throttles(before["throttles"], after["throttles"])


def _throttles(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Effect, str]]:
    old, new = {one["name"]: one for one in before}, {one["name"]: one for one in after}
    for name in sorted({*old, *new}):
        was, becomes = old.get(name), new.get(name)
        if was is None:
            yield "breaks", f"throttles to {_rate(new[name])} ({name})"
        elif becomes is None:
            yield "exposes", f"no longer throttles to {_rate(old[name])} ({name})"
        elif was != becomes:
            sentence = f"{name}: {_rate(becomes)}, was {_rate(was)}"
            for effect in _directions(was, becomes):
                yield effect, sentence


def _directions(was: Mapping[str, Any], becomes: Mapping[str, Any]) -> list[Effect]:
    """Tell whether a throttle is looser, tighter, or (more in the long run, fewer at once) both."""
    # Cross-multiplied: quotients of large numbers would round.
    rate = becomes["quota"] * was["window_seconds"] - was["quota"] * becomes["window_seconds"]
    at_once = (becomes["burst"] or becomes["quota"]) - (was["burst"] or was["quota"])
    effects: list[Effect] = []
    if rate > 0 or at_once > 0:
        effects.append("exposes")
    if rate < 0 or at_once < 0:
        effects.append("breaks")
    # Same rate, same burst, spelt another way: 60/min with a burst of 60.
    return effects or ["rest"]


def _rate(one: Mapping[str, Any]) -> str:
    burst = f", {one['burst']} at once" if one["burst"] is not None else ""
    return format_rate(one["quota"], one["window_seconds"]) + burst


def _routes(world: World, api: str) -> str:
    return counted(sum(1 for ref in world if ref.kind == "route" and ref.parent == api), "route")


def terms_of(world: World, plan: str | None) -> Terms:
    """Give the terms of a plan that there is."""
    return world[Ref("plan", plan or "")]
