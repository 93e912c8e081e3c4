"""Puts recorded answers and requests through two versions of a contract, and adds up by field what differs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from portazgo.contracts.examples.running import Passed, put_through
from portazgo.contracts.examples.trees import read, written
from portazgo.contracts.recording.requests import without_callers

if TYPE_CHECKING:
    from portazgo.contracts.compiling import CompiledContract, CompiledRoute
    from portazgo.contracts.examples.running import Engine

FIELDS_AT_MOST = 1_000
Kind = Literal["request", "answer"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A redacted body, and how many came that were the same without their values. No status: a request of a partner's."""

    route: str
    status: int | None
    body: bytes
    seen: int


def kind_of(status: int | None) -> Kind:
    """Tell what was recorded."""
    return "request" if status is None else "answer"


@dataclass(slots=True)
class FieldReplayed:
    """One field, and in how many values the versions agree. Arrays are transparent.

    Of an answer it is what partners receive, in their names; of a request what the backend receives, in its own.
    """

    route: str
    status: int | None
    field: str
    unchanged: int = 0
    changed: int = 0
    appeared: int = 0
    gone: int = 0
    before: str | None = None
    after: str | None = None
    """The first that differ, as JSON; None: nothing."""

    def add(self, before: str | None, after: str | None) -> None:
        """Count one value."""
        if before == after:
            self.unchanged += 1
            return
        if not self.differs:
            self.before, self.after = before, after
        if before is None:
            self.appeared += 1
        elif after is None:
            self.gone += 1
        else:
            self.changed += 1

    @property
    def differs(self) -> bool:
        """Whether whoever receives it gets anything else."""
        return bool(self.changed or self.appeared or self.gone)


@dataclass(slots=True)
class RefusedReplayed:
    """Recorded bodies that one of the versions does not let pass, and why."""

    route: str
    status: int | None
    before: str | None
    after: str | None
    """None: it passes."""
    recorded: int = 0

    @property
    def breaks(self) -> bool:
        """Whether what passed no longer does."""
        return self.before is None and self.after is not None


@dataclass(slots=True)
class Replay:
    """What two versions make of what was recorded."""

    recorded: int = 0
    answers: int = 0
    """That they stand for."""
    requests: int = 0
    """That they stand for."""
    fields: list[FieldReplayed] = field(default_factory=list)
    refused: list[RefusedReplayed] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether the versions make anything different of any."""
        return any(one.differs for one in self.fields) or any(one.before != one.after for one in self.refused)

    @property
    def breaking(self) -> bool:
        """Whether something that partners had is gone or another, or an answer or a request no longer passes.

        What the backend receives is between its operator and the contract's author.
        """
        shown = [one for one in self.fields if one.status is not None]
        return any(one.changed or one.gone for one in shown) or any(one.breaks for one in self.refused)


def replay(recorded: Iterable[Recorded], before: CompiledContract, after: CompiledContract, engine: Engine) -> Replay:
    """Put each through both versions, by the code that nodes run."""
    found = Replay()
    fields: dict[tuple[str, int | None, str], FieldReplayed] = {}
    refused: dict[tuple[str, int | None, str | None, str | None], RefusedReplayed] = {}
    old_routes, new_routes = (_without_callers(contract) for contract in (before, after))
    for one in recorded:
        found.recorded += 1
        if one.status is None:
            found.requests += one.seen
        else:
            found.answers += one.seen
        old, new = _passed(one, old_routes, engine), _passed(one, new_routes, engine)
        if old.body is not None and new.body is not None:
            _compare(one, old.body, new.body, fields)
            continue
        key = (one.route, one.status, old.refusal, new.refusal)
        refused.setdefault(key, RefusedReplayed(*key)).recorded += 1
    # What differs comes first.
    found.fields = sorted(fields.values(), key=lambda one: (not one.differs, one.route, one.status or 0))
    found.refused = list(refused.values())
    return found


def _without_callers(contract: CompiledContract) -> dict[str, CompiledRoute]:
    """The routes of a contract, with texts in place of what it fills in of callers, or by chance: each time the same."""
    return {
        name: replace(
            route,
            wire={
                **route.wire,
                "request": {**route.wire["request"], "program": without_callers(route.wire["request"]["program"])},
            },
        )
        for name, route in contract.routes.items()
    }


def _passed(one: Recorded, routes: Mapping[str, CompiledRoute], engine: Engine) -> Passed:
    route = routes.get(one.route)
    if route is None:
        return Passed(None, f"the contract has no route {one.route}")
    passed = put_through(route, one.status, one.body, engine)
    return passed if one.status is not None or passed.refusal is None else Passed(None, _told(passed.refusal))


def _told(refusal: str) -> str:
    """What is wrong with a request and where, as a sentence: the engine writes JSON."""
    try:
        errors = json.loads(refusal)["errors"]
        return "; ".join(f"{one['code']} at {one['pointer'] or 'the root'}: {one['detail']}" for one in errors)
    except (ValueError, LookupError, TypeError):
        return refusal


def _compare(
    one: Recorded, before: bytes, after: bytes, fields: dict[tuple[str, int | None, str], FieldReplayed]
) -> None:
    old, new = (dict(_leaves(read(body), (), "")) for body in (before, after))
    for place in [*old, *(place for place in new if place not in old)]:
        name = old[place][0] if place in old else new[place][0]
        key = (one.route, one.status, name)
        if key not in fields and len(fields) >= FIELDS_AT_MOST:
            continue
        counted = fields.setdefault(key, FieldReplayed(*key))
        counted.add(*(values[place][1] if place in values else None for values in (old, new)))


def _leaves(
    value: Any, place: tuple[str | int, ...], name: str
) -> Iterator[tuple[tuple[str | int, ...], tuple[str, str]]]:
    """Give each value that has no members by its place, with the field's name and the JSON."""
    if isinstance(value, dict) and value:
        for member, inner in value.items():
            yield from _leaves(inner, (*place, member), f"{name}.{member}" if name else member)
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*place, index), name)
    else:
        yield place, (name or "(body)", written(value))
