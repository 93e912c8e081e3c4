"""Plans: APIs, scopes, throttles. Also what moving from one plan to another means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from portazgo.declarative.domain import Ref, Terms
from portazgo.declarative.rules.access import Access
from portazgo.declarative.rules.contract import pins_lines
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
)
from portazgo.declarative.words import format_rate
from portazgo.kit.durations import format_duration
from portazgo.plans.rotation import RotationPolicy


def lines(step: Step, worlds: Worlds) -> Iterator[Line]:
    """What a plan opens more of, and less of; alone, without applications, it opens nothing."""
    if step.after is None:
        yield line(step, "rest", "deleted")
    elif step.before is None:
        yield line(step, "rest", described(worlds.after, step.after))
    else:
        had, has = worlds.before.on_plan(step.ref.name), worlds.after.on_plan(step.ref.name)
        for effect, sentence in differences(worlds, step.before, step.after):
            yield line(step, effect, sentence, had if effect == "breaks" else has)
        yield from pins_lines(step, has)


def described(access: Access, terms: Terms, application: Terms | None = None) -> str:
    """Say in a line what a plan gives, or what it gives an application."""
    there = len(access.routes_of_apis(terms["apis"]))
    routes = counted(there, "route")
    if application is not None:
        open_to = len(access.routes_for(application["plan"], application["environment"]))
        routes = routes if open_to == there else f"{open_to} of {routes}"
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
    yield from _rotation(before["rotation"], after["rotation"])


def _rotation(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Iterator[tuple[Effect, str]]:
    """Say what becomes of old secrets. To end them (sooner) breaks whoever does not rotate; to end them later exposes."""
    if before == after:
        return
    was, becomes = _end_of(before), _end_of(after)
    effect: Effect = "rest" if was == becomes else "breaks" if becomes < was else "exposes"
    yield effect, _rotation_in_words(RotationPolicy.stored(after))


def _end_of(rotation: Mapping[str, Any] | None) -> timedelta:
    """Tell how old a secret can become."""
    policy = RotationPolicy.stored(rotation)
    return timedelta.max if policy is None or policy.end_after is None else policy.every + policy.end_after


def _rotation_in_words(policy: RotationPolicy | None) -> str:
    if policy is None:
        return "keys are no longer rotated by a schedule"
    every = f"keys are to be rotated every {format_duration(policy.every)}"
    ends = "" if policy.end_after is None else f"; secrets end {format_duration(policy.end_after)} after they were due"
    grace = "" if policy.grace is None else f"; grace {format_duration(policy.grace)}"
    return every + ends + grace


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


def _routes(access: Access, api: str) -> str:
    return counted(len(access.routes_of_apis([api])), "route")


def terms_of(access: Access, plan: str | None) -> Terms:
    """Give the terms of a plan that there is."""
    return access.world[Ref("plan", plan or "")]
