"""Routes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from portazgo.declarative.domain import Ref, Terms, World
from portazgo.declarative.rules.lines import (
    Effect,
    Line,
    Step,
    Worlds,
    bytes_text,
    enumerated,
    gained,
    line,
    lost,
)
from portazgo.declarative.words import format_milliseconds

_WAITS = {"first_byte_ms": "first_byte", "idle_ms": "idle", "total_ms": "total"}


def lines(step: Step, worlds: Worlds) -> Iterator[Line]:
    """A new address and a new operation behind it expose; an address that goes breaks."""
    if step.after is None:
        assert step.before is not None  # noqa: S101 - a step has one or the other
        yield line(step, "breaks", f"{_address(step.before)} is gone", worlds.before.callers(step.ref))
    elif step.before is None:
        yield line(step, "exposes", _leads(step.after), worlds.after.callers(step.ref))
    else:
        yield from _changes(step, step.before, step.after, worlds)


def _changes(step: Step, before: Terms, after: Terms, worlds: Worlds) -> Iterator[Line]:
    had, has = worlds.before.callers(step.ref), worlds.after.callers(step.ref)
    if _address(before) != _address(after):
        yield line(step, "exposes", f"is found at {_address(after)}", has)
        yield line(step, "breaks", f"is no longer found at {_address(before)}", had)
    if any(step.changed(name) for name in ("backend", "backend_method", "backend_path")):
        sentence = f"leads to {_operation(after)}, was {_operation(before)}"
        yield line(step, "exposes", sentence, has)
    if step.changed("passthrough") or step.changed("contract"):
        yield from _passes(step, before, after, worlds)
    yield from _sets(step, before, after, worlds)
    for member, word in (("max_request_bytes", "requests"), ("max_response_bytes", "answers")):
        if step.changed(member):
            looser = _bound(after[member]) > _bound(before[member])
            sentence = f"{word} of up to {bytes_text(after[member])}, was {bytes_text(before[member])}"
            yield line(step, "exposes" if looser else "breaks", sentence, has if looser else had)
    yield from _tags(step, before["tags"], after["tags"], worlds)
    if step.changed("idempotency_key"):
        on = after["idempotency_key"]
        sentence = f"calls with an Idempotency-Key {'may be' if on else 'are not'} repeated"
        yield line(step, "exposes" if on else "breaks", sentence, has if on else had)
    for shorter, sentence in _waits(before, after, worlds):
        yield line(step, "breaks" if shorter else "rest", sentence, had if shorter else ())


def _passes(step: Step, before: Terms, after: Terms, worlds: Worlds) -> Iterator[Line]:
    """Less passes by a contract than as the backend has it; from one contract to another may be either."""
    sentence = f"{_served(after)}, was {_served(before)}"
    if not before["passthrough"]:
        yield line(step, "exposes", sentence, worlds.after.callers(step.ref))
    if not after["passthrough"]:
        yield line(step, "breaks", sentence, worlds.before.callers(step.ref))


def _served(terms: Terms) -> str:
    if terms["passthrough"]:
        return "bodies pass as the backend has them"
    return f"by the contract {terms['contract']}" if terms["contract"] else "only by versions that are pinned"


def _waits(before: Terms, after: Terms, worlds: Worlds) -> Iterator[tuple[bool, str]]:
    """Say which time-outs differ, and whether some call has less time than it had."""
    old, new = before["timeouts"] or {}, after["timeouts"] or {}
    for member, word in _WAITS.items():
        if (member in old, old.get(member)) == (member in new, new.get(member)):
            continue
        had, has = (
            _backends_waits(worlds.before.world, before, member),
            _backends_waits(worlds.after.world, after, member),
        )
        was = [_bound(old[member])] if member in old else had
        becomes = [_bound(new[member])] if member in new else has
        shorter = min(becomes, default=0) < max(was, default=0)
        yield shorter, f"{word} {_wait(new, member)}, was {_wait(old, member)}"


def _backends_waits(world: World, terms: Terms, member: str) -> list[float]:
    """Give the time-outs of the backend, in the environments that it has."""
    environments = world.get(Ref("backend", terms["backend"]), {}).get("environments", {})
    return [one["timeouts"][member] for one in environments.values()]


def _wait(timeouts: Mapping[str, int | None], member: str) -> str:
    if member not in timeouts:
        return "the backend's"
    value = timeouts[member]
    return "none" if value is None else format_milliseconds(value)


def _sets(step: Step, before: Terms, after: Terms, worlds: Worlds) -> Iterator[Line]:
    """What only widens or narrows, member by member."""
    had, has = worlds.before.callers(step.ref), worlds.after.callers(step.ref)
    for more in gained(before["environments"], after["environments"]):
        yield line(step, "exposes", f"opens to {more} keys", _in_environment(worlds.after.world, has, more))
    for less in lost(before["environments"], after["environments"]):
        yield line(step, "breaks", f"closes to {less} keys", _in_environment(worlds.before.world, had, less))
    if step.changed("scopes"):
        yield from _scopes(step, before["scopes"], after["scopes"], worlds)
    for member, word in (
        ("upgrades", "upgrades"),
        ("query", "query parameters"),
        ("request_headers", "request headers"),
        ("response_headers", "response headers"),
    ):
        old, new = _names(before[member]), _names(after[member])
        if gained(old, new):
            yield line(step, "exposes", f"{word} pass: {enumerated(gained(old, new))}", has)
        if lost(old, new):
            yield line(step, "breaks", f"{word} no longer pass: {enumerated(lost(old, new))}", had)


def _scopes(step: Step, before: list[str], after: list[str], worlds: Worlds) -> Iterator[Line]:
    sentence = f"asks for {_asked(after)}, asked for {_asked(before)}"
    effects: list[Effect] = []
    if not after or (before and gained(before, after)):
        effects.append("exposes")
    if not before or (after and lost(before, after)):
        effects.append("breaks")
    had, has = set(worlds.before.callers(step.ref)), set(worlds.after.callers(step.ref))
    for effect in effects:
        yield line(step, effect, sentence, sorted(has - had if effect == "exposes" else had - has))


def _tags(step: Step, before: list[str], after: list[str], worlds: Worlds) -> Iterator[Line]:
    """A tag opens the route to keys that are restricted to it; where there is none, it is a word like any other."""

    def keys_of(tags: list[str], callers: list[str]) -> list[str]:
        restricted = {name for tag in tags for name in worlds.tagged.get(tag, ())}
        return [name for name in callers if name in restricted]

    if more := gained(before, after):
        opened = keys_of(more, worlds.after.callers(step.ref))
        yield line(step, "exposes" if opened else "rest", f"bears the tag {enumerated(more)}", opened)
    if less := lost(before, after):
        closed = keys_of(less, worlds.before.callers(step.ref))
        yield line(step, "breaks", f"no longer bears the tag {enumerated(less)}", closed)


def _asked(scopes: list[str]) -> str:
    return f"the scope {' or '.join(scopes)}" if scopes else "no scope"


def _names(value: Any) -> list[str] | None:
    return None if value == "all" else list(value)


def _bound(value: int | None) -> float:
    return float("inf") if value is None else value


def _in_environment(world: World, names: list[str], environment: str) -> list[str]:
    return [name for name in names if world[Ref("application", name)]["environment"] == environment]


def _address(terms: Terms) -> str:
    hosts = f" on {enumerated(terms['hosts'])}" if terms["hosts"] else ""
    return f"{terms['method']} {terms['path']}{hosts}"


def _operation(terms: Terms) -> str:
    return f"{terms['backend']} {terms['backend_method']} {terms['backend_path']}"


def _leads(terms: Terms) -> str:
    where = "" if len(terms["environments"]) > 1 else f", {terms['environments'][0]} keys only"
    scopes = f", for {_asked(terms['scopes'])}" if terms["scopes"] else ""
    more = "".join(f", {one}" for one in _allows(terms))
    return f"{_address(terms)} → {_operation(terms)}{where}{scopes}{more}"


def _allows(terms: Terms) -> Iterator[str]:
    """Say what a route does that most don't."""
    if not terms["passthrough"]:
        yield _served(terms)
    if terms["upgrades"]:
        yield f"upgrades to {' or '.join(terms['upgrades'])}"
    if terms["tags"]:
        yield f"with the tag {enumerated(terms['tags'])}"
    if terms["idempotency_key"]:
        yield "repeats calls with an Idempotency-Key"
    for member in terms["timeouts"] or {}:
        yield f"{_WAITS[member]} {_wait(terms['timeouts'], member)}"
