"""When a node tells the control plane of logins that fail: at a change, and every minute while any does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from portazgo.kit.http import Answer, Unreachable
from portazgo.node.reporting import AGAIN_SECONDS, TOLD_AT_MOST, LoginReporter

OF = "2026-11-26T09:00:00.000000Z"
OF_US = 1_795_683_600_000_000


class Control:
    """A node and its control plane."""

    node_id, epoch = "node", "epoch"

    def __init__(self) -> None:
        self.failures: list[dict[str, Any]] = []
        self.status: int | None = 204
        self.told: list[list[dict[str, Any]]] = []
        self.time = 0.0

    def stats(self) -> str:
        place = {"backend": "insignia", "environment": "live", "succeeded": 0, "failed": 1, "failing": 1}
        return json.dumps({"logins": [{**place, "failures": self.failures}]})

    def request(self, method: str, path: str, *, body: Any, headers: Mapping[str, str]) -> Answer:
        assert (method, path, body["epoch"]) == ("POST", "/internal/v1/logins", "epoch")
        assert headers == {"X-Portazgo-Node": "node", "X-Portazgo-Epoch": "epoch"}
        if self.status is None:
            raise Unreachable("http://127.0.0.1", "refused")
        self.told.append(body["failing"])
        return Answer(self.status, {}, b"")

    def monotonic(self) -> float:
        return self.time


def fails(**further: Any) -> dict[str, Any]:
    return {"whose": "all calls", "why": "It is away.", "since_us": OF_US, "at_us": OF_US, "next_us": None, **further}


def test_a_change_is_told_at_once_and_what_stays_every_minute() -> None:
    control = Control()
    reporter = LoginReporter(control, control, control.monotonic)
    reporter.look()
    assert control.told == []
    control.failures = [fails()]
    reporter.look()
    (told,) = control.told[-1]
    about = {"backend": "insignia", "environment": "live", "whose": "all calls", "why": "It is away."}
    assert told == {**about, "since": OF, "at": OF, "next_at": None}
    # It was tried again, and nothing else is new.
    control.failures = [fails(at_us=OF_US + 5_000_000, next_us=OF_US + 9_000_000)]
    reporter.look()
    assert len(control.told) == 1
    control.time = AGAIN_SECONDS
    reporter.look()
    (told,) = control.told[-1]
    assert (told["at"], told["next_at"]) == ("2026-11-26T09:00:05.000000Z", "2026-11-26T09:00:09.000000Z")
    control.failures = [fails(why="It was refused: 401.")]
    reporter.look()
    control.failures = []
    reporter.look()
    assert [len(told) for told in control.told] == [1, 1, 1, 0]
    control.time *= 9
    reporter.look()
    assert len(control.told) == 4


def test_what_was_not_taken_is_told_again() -> None:
    control = Control()
    reporter = LoginReporter(control, control, control.monotonic)
    control.failures, control.status = [fails()], None
    reporter.look()
    control.status = 409
    reporter.look()
    control.status = 204
    reporter.look()
    reporter.look()
    assert len(control.told) == 2


def test_a_report_is_bounded() -> None:
    control = Control()
    control.failures = [fails(whose=f"{number}" * 900, why="w" * 9_000) for number in range(TOLD_AT_MOST + 5)]
    LoginReporter(control, control, control.monotonic).look()
    (told,) = control.told
    assert len(told) == TOLD_AT_MOST
    assert {(len(one["whose"]), len(one["why"])) for one in told} == {(200, 500)}
