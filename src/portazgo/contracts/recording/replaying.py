"""Puts recorded answers through two versions of a contract, and adds up by field what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from portazgo.contracts.examples.running import Passed, put_through
from portazgo.contracts.examples.trees import read, written

if TYPE_CHECKING:
    from portazgo.contracts.compiling import CompiledContract
    from portazgo.contracts.examples.running import Engine

FIELDS_AT_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Recorded:
    """A redacted answer, and how many came that were the same without their values."""

    route: str
    status: int
    body: bytes
    answers: int


@dataclass(slots=True)
class FieldReplayed:
    """One field of the partner's, and in how many values the versions agree. Arrays are transparent."""

    route: str
    status: int
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
        """Whether partners get anything else."""
        return bool(self.changed or self.appeared or self.gone)


@dataclass(slots=True)
class RefusedReplayed:
    """Recorded answers that one of the versions does not let pass, and why."""

    route: str
    status: int
    before: str | None
    after: str | None
    """None: it passes."""
    recorded: int = 0


@dataclass(slots=True)
class Replay:
    """What two versions make of recorded answers."""

    recorded: int = 0
    answers: int = 0
    """That they stand for."""
    fields: list[FieldReplayed] = field(default_factory=list)
    refused: list[RefusedReplayed] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether the versions make anything different of any."""
        return any(one.differs for one in self.fields) or any(one.before != one.after for one in self.refused)

    @property
    def breaking(self) -> bool:
        """Whether something that partners had is gone or another, or an answer no longer passes."""
        return any(one.changed or one.gone for one in self.fields) or any(
            one.before is None and one.after is not None for one in self.refused
        )


def replay(recorded: Iterable[Recorded], before: CompiledContract, after: CompiledContract, engine: Engine) -> Replay:
    """Put each through both versions, by the code that nodes run."""
    found = Replay()
    fields: dict[tuple[str, int, str], FieldReplayed] = {}
    refused: dict[tuple[str, int, str | None, str | None], RefusedReplayed] = {}
    for one in recorded:
        found.recorded += 1
        found.answers += one.answers
        old, new = _passed(one, before, engine), _passed(one, after, engine)
        if old.body is not None and new.body is not None:
            _compare(one, old.body, new.body, fields)
            continue
        key = (one.route, one.status, old.refusal, new.refusal)
        refused.setdefault(key, RefusedReplayed(*key)).recorded += 1
    # What differs comes first.
    found.fields = sorted(fields.values(), key=lambda one: (not one.differs, one.route, one.status))
    found.refused = list(refused.values())
    return found


def _passed(one: Recorded, contract: CompiledContract, engine: Engine) -> Passed:
    route = contract.routes.get(one.route)
    if route is None:
        return Passed(None, f"the contract has no route {one.route}")
    return put_through(route, one.status, one.body, engine)


def _compare(one: Recorded, before: bytes, after: bytes, fields: dict[tuple[str, int, str], FieldReplayed]) -> None:
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
