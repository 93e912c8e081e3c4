"""Backends of HTTP/2 that leave, refuse, fail or stall: what is repeated, who is left out, what the records say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
from support.bare_gateway import wait_for
from support.hostile_http2 import Asked, HostileHttp2, Script, good
from support.http2 import INITIAL_WINDOW_SIZE
from support.partners import Got, call, calls
from support.snapshot_node import TIMEOUTS, SnapshotNode

NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM, ENHANCE_YOUR_CALM = 0, 2, 7, 11
RESET = "backend_reset_before_headers"
BODY = b"x" * 5_000
NO_BUDGET = {"budget_percent": 0, "least_per_second": 0}
OUT = {"failures": 3, "first_ms": 60_000}

# How many targets, with which settings of HTTP/2, and how they are called.
BACKENDS: dict[str, tuple[int, dict[int, int], dict[str, Any]]] = {
    "leaves": (1, {}, {"retry": NO_BUDGET}),
    "fails": (1, {}, {}),
    "half-ill": (2, {}, {"ejection": OUT}),
    "half-stalled": (2, {INITIAL_WINDOW_SIZE: 0}, {"ejection": OUT}),
    "narrow": (1, {INITIAL_WINDOW_SIZE: 1_000}, {}),
    "checked": (1, {}, {"check": {"path": "/check", "interval_ms": 100, "healthy": 2, "unhealthy": 2}}),
}


@dataclass
class Stage:
    """The backends before one node of one thread, and what each record must say: tries, and fault."""

    folder: Path
    targets: dict[str, list[HostileHttp2]] = field(default_factory=dict)
    expected: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        further = {}
        for name, (count, settings, forwarding) in BACKENDS.items():
            self.targets[name] = [self._stack.enter_context(HostileHttp2(settings=settings)) for _ in range(count)]
            further[name] = {
                "targets": [f"http://127.0.0.1:{target.port}" for target in self.targets[name]],
                "forwarding": {"http2": "prior_knowledge", **forwarding},
                "timeouts": {**TIMEOUTS, "first_byte_ms": 700, "idle_ms": 700},
            }
        self.targets["half-stalled"][1].settings = {}
        self.targets["checked"][0].scripts["check"] = good
        self.node = self._stack.enter_context(SnapshotNode(self.folder, "127.0.0.1:1", threads=1, further=further))
        return self

    def __exit__(self, *_: object) -> None:
        self.node.stop()
        self._stack.close()

    def play(self, path: str, script: Script, method: str = "POST", body: bytes = BODY) -> Got:
        """Ask once; every target of the backend answers by the script."""
        backend, _, name = path.partition("/")
        for target in self.targets[backend]:
            target.scripts[name] = script
        return call(self.node, path, method, body if method == "POST" else b"")

    def expect(self, got: Got, tries: int, fault: str | None) -> None:
        """Compare its record when the node has ended."""
        self.expected[got.fields["x-request-id"]] = (tries, fault)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("stage")) as running:
        yield running
    assert [target.trouble for targets in running.targets.values() for target in targets if target.trouble] == []
    records = {record["request_id"]: record for record in running.node.records()}
    found = {key: (records[key]["attempts"], records[key]["fault"]) for key in running.expected}
    assert found == running.expected


def first(once: Script) -> Script:
    """Do this for the first request, and answer well after that."""
    done: list[Asked] = []

    async def script(asked: Asked) -> None:
        if done:
            await good(asked)
        else:
            done.append(asked)
            await once(asked)

    return script


def leaving(reason: int, *, seen: bool = False) -> Script:
    """Leave the line without this stream, or with it."""

    async def script(asked: Asked) -> None:
        asked.line.leave(asked.stream if seen else max(asked.stream - 2, 0), reason)

    return script


def resetting(reason: int) -> Script:
    async def script(asked: Asked) -> None:
        asked.reset(reason)

    return script


def bodies(stage: Stage, path: str) -> list[bytes]:
    backend, _, name = path.partition("/")
    return [asked.body for target in stage.targets[backend] for asked in target.asked if asked.name == name]


def test_a_post_that_was_not_seen_goes_to_another_line_and_costs_nothing(stage: Stage) -> None:
    assert call(stage.node, "leaves/good").status == 200
    got = stage.play("leaves/graceful", first(leaving(NO_ERROR)))
    assert (got.status, got.body) == (200, b"good")
    # The budget is empty: it was not asked.
    stage.expect(got, 2, None)
    assert bodies(stage, "leaves/graceful") == [BODY] * 2
    lines = [asked.line.number for asked in stage.targets["leaves"][0].asked if asked.name == "graceful"]
    assert lines[0] != lines[1]


def test_a_backend_that_leaves_for_a_reason_has_failed(stage: Stage) -> None:
    assert call(stage.node, "leaves/good").status == 200
    got = stage.play("leaves/calm", first(leaving(ENHANCE_YOUR_CALM)))
    assert got.status == 502
    stage.expect(got, 1, RESET)


def test_a_long_body_is_not_sent_twice(stage: Stage) -> None:
    assert call(stage.node, "leaves/good").status == 200
    got = stage.play("leaves/long", first(leaving(NO_ERROR)), body=b"x" * 200_000)
    assert got.status == 502
    stage.expect(got, 1, RESET)


def test_a_line_that_is_left_again_and_again_ends_the_call(stage: Stage) -> None:
    before = len(stage.targets["fails"][0].lines)
    got = stage.play("fails/storm", leaving(NO_ERROR))
    assert got.status == 502
    stage.expect(got, 3, RESET)
    assert len(stage.targets["fails"][0].lines) <= before + 3
    assert call(stage.node, "fails/good").status == 200


def test_a_refused_stream_was_not_processed_so_any_method_is_repeated(stage: Stage) -> None:
    got = stage.play("fails/refuses", first(resetting(REFUSED_STREAM)))
    assert (got.status, got.body) == (200, b"good")
    stage.expect(got, 2, None)
    assert bodies(stage, "fails/refuses") == [BODY] * 2


def test_a_stream_that_was_reset_may_have_been_processed(stage: Stage) -> None:
    got = stage.play("fails/resets-post", first(resetting(INTERNAL_ERROR)))
    assert got.status == 502
    stage.expect(got, 1, RESET)
    got = stage.play("fails/resets-get", first(resetting(INTERNAL_ERROR)), "GET")
    assert got.status == 200
    stage.expect(got, 2, None)


def test_nothing_is_repeated_after_an_interim_answer(stage: Stage) -> None:
    async def interim(asked: Asked) -> None:
        asked.head(103)
        asked.reset(INTERNAL_ERROR)

    got = stage.play("fails/interim", first(interim), "GET")
    assert got.status == 502
    stage.expect(got, 1, RESET)


def test_an_answer_to_head_tells_the_length_that_another_would_have(stage: Stage) -> None:
    async def head(asked: Asked) -> None:
        assert dict(asked.fields)[":method"] == "HEAD"
        asked.head(200, ("content-length", "4000"), end=True)

    got = stage.play("fails/head", head, "HEAD")
    assert (got.status, got.fields["content-length"], got.body) == (200, "4000", b"")
    stage.expect(got, 1, None)


def test_a_target_that_resets_is_left_out(stage: Stage) -> None:
    ill, well = stage.targets["half-ill"]
    before = stage.node.metric("portazgo_target_ejected")
    ill.scripts["some"] = resetting(INTERNAL_ERROR)
    well.scripts["some"] = good
    for _ in range(8):
        assert call(stage.node, "half-ill/some").status == 200
    assert len(ill.asked) == OUT["failures"]
    assert stage.node.metric("portazgo_target_ejected") == before + 1


def test_a_target_that_takes_no_body_is_to_blame_for_it(stage: Stage) -> None:
    stalled, well = stage.targets["half-stalled"]
    stalled.opens_windows = False
    answers = calls(stage.node, ["half-stalled/good"] * 2)
    assert [got.status for got in answers] == [200, 200]
    before = stage.node.metric("portazgo_target_ejected")
    statuses = [stage.play("half-stalled/good", good).status for _ in range(8)]
    assert sorted(set(statuses)) == [200, 504]
    assert statuses.count(504) == OUT["failures"]
    assert stage.node.metric("portazgo_target_ejected") == before + 1
    assert len([asked for asked in well.asked if asked.body == BODY]) == statuses.count(200)


def test_a_body_goes_through_narrow_windows_whole(stage: Stage) -> None:
    body = bytes(number % 251 for number in range(300_000))
    assert stage.play("narrow/good", good, body=body).status == 200
    assert bodies(stage, "narrow/good") == [body]


def test_checks_speak_http_2_too(stage: Stage) -> None:
    (target,) = stage.targets["checked"]

    async def ill(asked: Asked) -> None:
        asked.head(503, end=True)

    wait_for(lambda: sum(asked.name == "check" for asked in target.asked) > 2, "checks")
    assert stage.node.metric("portazgo_target_healthy") == 1
    target.scripts["check"] = ill
    wait_for(lambda: stage.node.metric("portazgo_target_healthy") == 0, "an ill target")
    target.scripts["check"] = good
    wait_for(lambda: stage.node.metric("portazgo_target_healthy") == 1, "a healthy target")
    checked = next(asked for asked in target.asked if asked.name == "check")
    assert (checked.field("user-agent"), dict(checked.fields)[":path"]) == ("portazgo-health-check", "/check")
    assert len({asked.line.number for asked in target.asked if asked.name == "check"}) > 2
