"""How a node compares answers with schemas, and what it tells of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

from portazgo.contracts.drift.finding import FINDINGS_AT_MOST
from portazgo.kit.http import Answer, Unreachable
from portazgo.node.drift import ASKED_AGAIN_SECONDS, TELL_SECONDS, TOLD_AT_ONCE, DriftReporter

AT_US = 1_795_683_600_000_000
AT = "2026-11-26T09:00:00.000000Z"
ROUTE = "01990000-0000-7000-8000-0000000000a1"
EXPECTED = {
    "schema_version": 3,
    "answers": {"200": 0},
    "rows": [{"types": ["object"], "members": {"id": [1, True]}}, {"types": ["integer"]}],
}
NEEDLE = "NEEDLE-value"


class Control:
    """A node and its control plane."""

    node_id, epoch = "node", "epoch"

    def __init__(self) -> None:
        self.waiting: list[tuple[int, str, int | None, int, bytes, bool]] = []
        self.expected = Answer(200, {}, json.dumps(EXPECTED).encode())
        self.asked: list[int] = []
        self.told: list[list[dict[str, Any]]] = []
        self.said: list[bool] = []
        self.recorded: list[dict[str, Any]] = []
        self.taken = True
        self.time = 0.0

    def samples(self, _: float, most: int) -> list[tuple[int, str, int | None, int, bytes, bool]]:
        now, self.waiting = self.waiting[:most], self.waiting[most:]
        return now

    def record_requests(self, contract_version: int, route: str, recorded: bool) -> bool:
        assert (contract_version, route) == (7, ROUTE)
        self.said.append(recorded)
        return True

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        assert headers == {"X-Portazgo-Node": "node", "X-Portazgo-Epoch": "epoch"}
        if method == "GET":
            assert query is not None
            known = query["known"]
            assert (path, dict(query)) == (
                "/internal/v1/expectations",
                {"contract_version": 7, "route": ROUTE, "known": known},
            )
            self.asked.append(known)
            return self.expected
        assert (method, body["epoch"]) == ("POST", "epoch")
        if not self.taken:
            raise Unreachable("http://127.0.0.1", "refused")
        if path == "/internal/v1/recordings":
            self.recorded.append(body)
            return Answer(204, {}, b"")
        assert path == "/internal/v1/drift"
        self.told.append(body["findings"])
        return Answer(204, {}, b"")

    def monotonic(self) -> float:
        return self.time

    def answers(self, *documents: Any, at_us: int = AT_US) -> None:
        self.waiting += [
            (7, ROUTE, 200, at_us, one if isinstance(one, bytes) else json.dumps(one).encode(), True)
            for one in documents
        ]


def looking(control: Control) -> DriftReporter:
    reporter = DriftReporter(control, control, control.monotonic)
    reporter.look(0)
    return reporter


def passes(control: Control, reporter: DriftReporter, seconds: float = TELL_SECONDS) -> None:
    control.time += seconds
    reporter.look(0)


def test_answers_are_added_up_and_told_after_some_seconds_without_a_value() -> None:
    control = Control()
    reporter = looking(control)
    control.answers({"id": NEEDLE, "extra": NEEDLE}, {"id": 1})
    control.answers({"id": NEEDLE}, at_us=AT_US + 1_000_000)
    reporter.look(0)
    assert control.told == []
    passes(control, reporter)
    ((new, retyped),) = [sorted(told, key=lambda one: one["kind"]) for told in control.told]
    about = {"contract_version": 7, "route": ROUTE, "schema_version": 3, "status": 200}
    assert retyped == {
        **about,
        "kind": "retyped",
        "path": "id",
        "found": "string",
        "expected": "integer",
        "answers": 2,
        "first_seen": AT,
        "last_seen": "2026-11-26T09:00:01.000000Z",
    }
    assert (new["path"], new["found"], new["answers"]) == ("extra", "string", 1)
    assert NEEDLE not in json.dumps(control.told)
    passes(control, reporter)
    assert len(control.told) == 1


def test_what_was_not_taken_is_told_with_the_next() -> None:
    control = Control()
    reporter = looking(control)
    control.taken = False
    control.answers({"id": "x"})
    passes(control, reporter)
    control.taken = True
    control.answers({"id": "x"})
    passes(control, reporter)
    assert [one["answers"] for one in control.told[0]] == [2]


def test_the_schema_is_asked_for_again_by_the_number_that_is_known() -> None:
    control = Control()
    reporter = looking(control)
    for _ in range(3):
        control.answers({"id": "x"})
        reporter.look(0)
    assert control.asked == [0]
    control.expected = Answer(204, {}, b"")
    control.answers({"id": "x"})
    passes(control, reporter, ASKED_AGAIN_SECONDS)
    assert control.asked == [0, 3]
    assert control.told[0][0]["answers"] == 4
    # Gone, or of a control plane that does not know the question: then nothing is compared.
    control.expected = Answer(404, {}, b"")
    control.answers({"id": "x"})
    passes(control, reporter, ASKED_AGAIN_SECONDS)
    passes(control, reporter)
    assert (control.asked, len(control.told)) == ([0, 3, 3], 1)


def test_what_can_not_be_read_is_left() -> None:
    control = Control()
    reporter = looking(control)
    control.answers(b"<html>", b"", b"[" * 50_000, {"id": 1})
    reporter.look(0)
    control.expected = Answer(200, {}, b'{"schema_version": 4, "rows": [], "answers": {"200": 9}}')
    control.answers({"id": "x"})
    passes(control, reporter, ASKED_AGAIN_SECONDS)
    assert control.told == []


def test_a_report_is_bounded_and_further_ones_tell_the_rest() -> None:
    control = Control()
    reporter = looking(control)
    names = [f"{first}{second}" for first in "ghijklmnop" for second in "qrstuvwxyz"]
    members = {name: [number + 1, True] for number, name in enumerate(names)}
    rows = [{"types": ["object"], "members": members}, *({"types": ["integer"]} for _ in names)]
    control.expected = Answer(
        200, {}, json.dumps({"schema_version": 3, "answers": {"default": 0}, "rows": rows}).encode()
    )
    for status in range(200, 210):
        control.waiting.append((7, ROUTE, status, AT_US, b"{}", True))
    for _ in range(4):
        reporter.look(0)
    passes(control, reporter)
    assert len(control.told[0]) == TOLD_AT_ONCE
    told = [(one["status"], one["path"]) for report in control.told for one in report]
    assert len(told) == len(set(told)) == 10 * FINDINGS_AT_MOST


PROGRAM = {
    "nodes": [
        {"object": {"members": [{"in": "id", "node": 1, "out": "id", "required": True}], "unknown": "refuse"}},
        {"string": True},
    ],
    "depth": 64,
}
NO_WORDS: dict[str, list[str]] = {"words": [], "paths": [], "prefixes": []}


def asks_for_requests(**told: Any) -> Answer:
    recording = {**NO_WORDS, "request": {"root": 0, "program": PROGRAM, **told}}
    return Answer(200, {}, json.dumps({**EXPECTED, "recording": recording}).encode())


def test_a_request_is_asked_about_then_told_without_a_value_once_with_a_count() -> None:
    control = Control()
    control.expected = asks_for_requests()
    reporter = looking(control)
    control.waiting = [(7, ROUTE, None, AT_US, body, True) for body in (b"", b'{"id": "NEEDLE"}', b'{"id": "needle"}')]
    control.waiting += [(7, ROUTE, None, AT_US, b'{"id": "x", "id": "x"}', True)]
    passes(control, reporter)
    assert control.said == [True] * 4
    (report,) = control.recorded
    about = {"contract_version": 7, "route": ROUTE, "first_seen": AT, "last_seen": AT}
    assert report["answers"] == []
    (told,) = report["requests"]
    assert told == {**about, "document": '{"id": "xxxx"}', "requests": 2}
    passes(control, reporter)
    assert len(control.recorded) == 1


def test_requests_are_let_alone_where_they_are_not_recorded_or_not_by_this_control_plane() -> None:
    without = [
        Answer(404, {}, b"{}"),
        Answer(200, {}, json.dumps(EXPECTED).encode()),
        Answer(200, {}, json.dumps({**EXPECTED, "recording": NO_WORDS}).encode()),
        Answer(200, {}, json.dumps({**EXPECTED, "recording": {**NO_WORDS, "request": None}}).encode()),
    ]
    for expected in without:
        control = Control()
        control.expected = expected
        control.waiting = [(7, ROUTE, None, AT_US, b'{"id": "NEEDLE"}', True)]
        passes(control, looking(control))
        assert (control.said, control.recorded) == ([False], []), expected


def test_nothing_is_said_where_nobody_knows_or_the_program_is_none() -> None:
    broken: list[dict[str, Any]] = [{"root": 9}, {"root": "0"}, {"program": {"nodes": 7}}, {"program": 7}]
    for expected in (Answer(503, {}, b""), *(asks_for_requests(**told) for told in broken)):
        control = Control()
        control.expected = expected
        control.waiting = [(7, ROUTE, None, AT_US, b'{"id": "NEEDLE"}', True)]
        passes(control, looking(control))
        assert (control.said, control.recorded) == ([], []), expected


def test_a_thread_goes_on_whatever_happens_and_ends_when_told_to() -> None:
    stopping = threading.Event()

    class Failing(Control):
        """Its answers can't be taken."""

        def samples(self, _: float, most: int) -> list[tuple[int, str, int | None, int, bytes, bool]]:
            stopping.set()
            raise RuntimeError(NEEDLE, most)

    control = Failing()
    DriftReporter(control, control, control.monotonic).run(stopping)
    assert control.told == []
