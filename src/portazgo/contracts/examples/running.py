"""Putting bodies through a compiled contract, as a node would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from portazgo.contracts.compiling import CompiledContract, CompiledRoute
from portazgo.contracts.examples.trees import Difference, differences
from portazgo.contracts.language.refused import nearest


class Engine(Protocol):
    """What runs programs (docs/programs.md): the data plane's own code."""

    def project(self, program: bytes, root: int, body: bytes, /) -> bytes:
        """Project an answer. Raises ValueError(why, offset, place)."""

    def rewrite(self, program: bytes, root: int, body: bytes, values: bytes, /) -> bytes:
        """Rewrite a request. Raises ValueError(JSON of what is wrong)."""


@dataclass(frozen=True, slots=True)
class Example:
    """One body, and what must come of it. `status` None: a request of a partner's; else an answer of the backend's."""

    route: str
    status: int | None
    given: bytes
    expected: bytes | None = None
    """None: nothing was written down, or it must be refused."""
    refused: bool = False
    """Whether the body must not pass."""
    values: bytes = b"{}"
    """JSON of what templates of a request read: `{"partner": {"metadata": {"tier": "gold"}}}`."""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Passed:
    """What came of a body."""

    body: bytes | None
    refusal: str | None = None
    """Why nothing came of it: a sentence; None: it passed."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an example. It failed when anything differs from what was written down."""

    example: Example
    passed: Passed
    differences: list[Difference] = field(default_factory=list)
    """From what was expected to what came."""
    failure: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the contract does something else than the example says."""
        return self.failure is not None


def run(example: Example, contract: CompiledContract, engine: Engine) -> Result:
    """Put an example through a contract, and hold the outcome against what was written down."""
    route = contract.routes.get(example.route)
    if route is None:
        return Result(example, Passed(None), failure=_no_route(example.route, contract))
    passed = put_through(route, example.status, example.given, engine, values=example.values)
    if example.refused:
        failure = None if passed.refusal is not None else "it passed, and should have been refused"
        return Result(example, passed, failure=failure)
    if passed.refusal is not None:
        return Result(example, passed, failure=passed.refusal)
    if example.expected is None:
        return Result(example, passed)
    try:
        found = differences(example.expected, passed.body)
    except ValueError as problem:
        return Result(example, passed, failure=f"what is expected is no JSON: {problem}")
    failure = ("1 field differs" if len(found) == 1 else f"{len(found)} fields differ") if found else None
    return Result(example, passed, found, failure)


def _no_route(name: str, contract: CompiledContract) -> str:
    near = nearest(name, contract.routes)
    return f"the contract has no route {name}{f'; did you mean {near}?' if near else ''}"


@dataclass(frozen=True, slots=True)
class Compared:
    """One body under two versions."""

    before: Passed
    after: Passed
    differences: list[Difference]
    """From what came before to what comes now, in the names of whoever receives it."""


def compare(result: Result, old: CompiledContract, engine: Engine) -> Compared:
    """Put an example through an older version too, and say what differs by field. One without the route refuses."""
    example, after = result.example, result.passed
    route = old.routes.get(example.route)
    if route is None:
        before = Passed(None, _no_route(example.route, old))
    else:
        before = put_through(route, example.status, example.given, engine, values=example.values)
    return Compared(before, after, differences(before.body, after.body))


def put_through(
    route: CompiledRoute, status: int | None, body: bytes, engine: Engine, *, values: bytes = b"{}"
) -> Passed:
    """Put a body through a route: a request where there is no status. Nothing but projected JSON can be tried."""
    if status is None:
        return _request(route, body, values, engine)
    answer = _answer(route.wire["answers"], status)
    if answer is None or answer["body"]["kind"] == "problem":
        return Passed(None, "partners get a problem in place of this answer")
    if answer["body"]["kind"] != "json":
        return Passed(None, "the contract does not look into bodies of this answer")
    try:
        return Passed(engine.project(_program(route.wire["program"]), answer["body"]["root"], body))
    except ValueError as refused:
        return Passed(None, _violation(refused))


def _request(route: CompiledRoute, body: bytes, values: bytes, engine: Engine) -> Passed:
    rule = route.wire["request"]["body"]
    if rule is None or rule["kind"] != "json":
        return Passed(None, "the operation takes no JSON body")
    try:
        return Passed(engine.rewrite(_program(route.wire["request"]["program"]), rule["root"], body, values))
    except ValueError as refused:
        return Passed(None, str(refused))


def _answer(answers: list[dict[str, Any]], status: int) -> Mapping[str, Any] | None:
    """The first whose status fits, as nodes choose."""
    fitting = {str(status), f"{status // 100}XX", "default"}
    return next((answer for answer in answers if answer["status"] in fitting), None)


def _program(program: Mapping[str, Any]) -> bytes:
    return json.dumps(program).encode()


def _violation(refused: ValueError) -> str:
    if len(refused.args) == 3:  # noqa: PLR2004 - why, offset, place
        why, offset, place = refused.args
        return f"the answer does not fit: {why} at {place or 'the root'} (byte {offset})"
    return f"the answer does not fit: {refused}"
