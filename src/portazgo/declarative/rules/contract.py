"""Schemas and contracts. Routes say in their own lines when they are given a contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from portazgo.declarative.domain import Ref, canonical
from portazgo.declarative.rules.lines import Line, Step, Worlds, enumerated, line


def schema_lines(step: Step, _worlds: Worlds) -> Iterator[Line]:
    """A schema alone changes nothing for anybody: what was published stays."""
    if step.after is None:
        yield line(step, "rest", "deleted")
    elif step.before is None:
        yield line(step, "rest", f"describes {step.after['backend']}")
    else:
        yield line(step, "rest", "another document; what was published stays as it is")


def lines(step: Step, worlds: Worlds) -> Iterator[Line]:
    """A new version shows and hides other fields, for all whom its routes serve by default."""
    if step.after is None:
        yield line(step, "rest", "deleted")
        return
    routes = {Ref("route", f"{step.after['api']}/{name}"): name for name in step.after["routes"]}
    if step.before is None:
        yield line(step, "rest", f"publishes a version for {enumerated(sorted(routes.values()))}")
        return
    touched = _touched(step.before, step.after)
    served = [ref for ref, name in routes.items() if name in touched and _serves(ref, step.ref, worlds)]
    sentence = f"publishes a version that differs for {enumerated(sorted(touched)) or 'no route'}"
    yield line(step, "exposes", sentence, worlds.after.callers(*served))
    gone = [name for name in step.before["routes"] if name not in step.after["routes"]]
    if gone:
        before = [Ref("route", f"{step.before['api']}/{name}") for name in gone]
        yield line(
            step, "breaks", f"no longer has the routes {enumerated(sorted(gone))}", worlds.before.callers(*before)
        )


def pins_lines(step: Step, affects: list[str]) -> Iterator[Line]:
    """Say which other versions serve the holder's calls: they show and hide other fields."""
    before = {} if step.before is None else step.before["contracts"]
    after = {} if step.after is None else step.after["contracts"]
    for api in sorted({*before, *after}):
        if before.get(api) != after.get(api):
            becomes = f"is served by {after[api]}" if api in after else "is served by no version of its own"
            was = f", was {before[api]}" if api in before else ""
            yield line(step, "exposes", f"the API {api} {becomes}{was}", affects)


def _touched(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    """Name the routes that say something else; mappings and the schema may mean any of them."""
    old, new = before["routes"], after["routes"]
    assert isinstance(old, Mapping)  # noqa: S101 - so are terms made
    assert isinstance(new, Mapping)  # noqa: S101 - likewise
    if any(canonical(before[name]) != canonical(after[name]) for name in ("mappings", "schema", "published")):
        return set(new)
    return {name for name in new if canonical(old.get(name)) != canonical(new[name])}


def _serves(route: Ref, contract: Ref, worlds: Worlds) -> bool:
    return str(worlds.after.world.get(route, {}).get("contract")) == contract.name
