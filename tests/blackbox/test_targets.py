"""Several targets, those that fail and those that are full: what partners get, what targets see, what the records say."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self
from urllib.request import urlopen

import pytest
from support.bare_gateway import wait_for
from support.hostile_backend import GOOD, HostileBackend, Script, bytes_then, reset_after, slowly
from support.ports import free_port
from support.snapshot_node import TIMEOUTS, SnapshotNode

ILL = bytes_then(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
WELL = bytes_then(GOOD)
RESETS = reset_after(b"")
SECONDS_OUT = 2.0
SECONDS_OPEN = 2.0
OUT = {"failures": 5, "first_ms": int(SECONDS_OUT * 1000)}
CHECK = {"path": "/check", "interval_ms": 100, "timeout_ms": 500, "healthy": 2, "unhealthy": 2}
OFF: dict[str, Any] = {"ejection": None}
SMALL, LARGE = b"s" * 60_000, b"l" * 200_000

# Targets, and how they are called. A target that is None is a port where nobody listens.
BACKENDS: dict[str, tuple[int, dict[str, Any]]] = {
    "weights": (2, {**OFF, "weights": [3, 1]}),
    "least": (2, {**OFF, "balance": "least_in_flight"}),
    "half-ill": (2, {"ejection": OUT}),
    "all-ill": (2, {"ejection": {**OUT, "failures": 2, "most_percent": 100}}),
    "half-gone": (1, {"ejection": OUT}),
    "checked": (2, {**OFF, "check": CHECK}),
    "breaker": (2, {**OFF, "breaker": {"least_calls": 4, "window_ms": 60_000, "open_ms": int(SECONDS_OPEN * 1000)}}),
    "retry": (2, OFF),
    "keyed": (2, OFF),
    "no-retry": (2, {**OFF, "retry": {"attempts": 1}}),
    "no-budget": (2, {**OFF, "retry": {"budget_percent": 0, "least_per_second": 0}}),
    "alone": (1, {}),
    "half-hung": (1, {"ejection": OUT}),
    "capped": (1, {"pool": {"connections": 2, "waiting": 50, "wait_ms": 10_000}}),
    "full": (1, {"pool": {"connections": 1, "waiting": 1, "wait_ms": 300}}),
}


async def after_a_while(writer: asyncio.StreamWriter) -> bool:
    """Answer late, and be free at once after that."""
    await asyncio.sleep(0.05)
    writer.write(GOOD)
    return True


@dataclass(frozen=True, slots=True)
class Got:
    """An answer."""

    status: int
    body: bytes
    retry_after: str | None
    request_id: str


@dataclass
class Stage:
    """The backends before one node with two threads; records are read when it has ended."""

    folder: Path
    targets: dict[str, list[HostileBackend]] = field(default_factory=dict)
    attempts: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    """What the record of a request must say: tries, and fault."""
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        further = {}
        for name, (count, forwarding) in BACKENDS.items():
            self.targets[name] = [self._stack.enter_context(HostileBackend()) for _ in range(count)]
            urls = [f"http://127.0.0.1:{target.port}" for target in self.targets[name]]
            further[name] = {"targets": urls, "forwarding": forwarding}
        further["half-gone"]["targets"] = [f"http://127.0.0.1:{free_port()}", *further["half-gone"]["targets"]]
        hung = f"http://127.0.0.1:{self._hung()}"
        quick = {"timeouts": {**TIMEOUTS, "connect_ms": 200}}
        further["hung"] = {"targets": [hung], **quick}
        further["half-hung"] = {**further["half-hung"], "targets": [hung, *further["half-hung"]["targets"]], **quick}
        for target in self.targets["checked"]:
            target.scripts["check"] = bytes_then(GOOD, stays=False)
        self.node = self._stack.enter_context(SnapshotNode(self.folder, "127.0.0.1:1", further=further))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _hung(self) -> int:
        """Give a port where connections are never made: its queue is full."""
        listener = self._stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = int(listener.getsockname()[1])
        for _ in range(4):
            caller = self._stack.enter_context(socket.socket())
            caller.settimeout(0)
            caller.connect_ex(("127.0.0.1", port))
        return port

    def call(
        self, backend: str, script: str = "good", method: str = "GET", body: bytes | None = None, **headers: str
    ) -> Got:
        """One call over a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.node.port, timeout=20)
        connection.request(method, f"/v1/{backend}/{script}", body=body, headers={"X-Api-Key": self.node.key} | headers)
        answer = connection.getresponse()
        found = answer.headers
        got = Got(answer.status, answer.read(), found["Retry-After"], found["X-Request-Id"])
        connection.close()
        return got

    def calls(self, backend: str, count: int, script: str = "good", method: str = "GET") -> list[int]:
        """The statuses of calls one after the other."""
        return [self.call(backend, script, method).status for _ in range(count)]

    def at_once(self, backend: str, count: int, script: str) -> list[Got]:
        """The answers of calls that begin together."""
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(lambda _: self.call(backend, script), range(count)))

    def asked(self, backend: str, script: str = "good") -> list[int]:
        """How often each target was asked for it."""
        return [Counter(name for _, name in target.carried)[script] for target in self.targets[backend]]

    def script(self, backend: str, name: str, *answers: Script) -> None:
        """Give it to the targets, one each."""
        for target, answer in zip(self.targets[backend], answers, strict=True):
            target.scripts[name] = answer

    def standing(self, name: str, backend: str) -> list[int]:
        """The rows of a metric that are this backend's."""
        with urlopen(f"http://127.0.0.1:{self.node.admin_port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return [int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f'{name}{{backend="{backend}",')]

    def expect(self, got: Got, attempts: int, fault: str | None) -> None:
        """Note what the record must say."""
        self.attempts[got.request_id] = (attempts, fault)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One node for all cases; what records must say is compared when it has ended."""
    with Stage(tmp_path_factory.mktemp("targets")) as running:
        yield running
        running.node.stop()
        recorded = {
            record["request_id"]: (record["attempts"], record["fault"])
            for record in running.node.records()
            if record["request_id"] in running.attempts
        }
        assert recorded == running.attempts
        no_call_reached_a_backend_more_often_than_it_may(running)


def no_call_reached_a_backend_more_often_than_it_may(stage: Stage) -> None:
    """Compare all records with what the backends themselves noted."""
    seen = Counter(name for targets in stage.targets.values() for target in targets for name in target.request_ids)
    records = {record["request_id"]: record for record in stage.node.records()}
    assert seen.keys() <= records.keys()
    assert [name for name, count in seen.items() if count > records[name]["attempts"]] == []
    paths = stage.node.paths()
    doubled = {(records[name]["method"], paths[records[name]["route"]]) for name, count in seen.items() if count > 1}
    assert doubled, "nothing was repeated"
    assert {path for method, path in doubled if method == "POST"} <= {"/v1/keyed/{id}"}


def test_turns_go_by_weight_whatever_thread_asks(stage: Stage) -> None:
    assert set(stage.calls("weights", 40)) == {200}
    assert stage.asked("weights") == [30, 10]


def test_a_busy_target_gets_no_more_while_another_is_free(stage: Stage) -> None:
    gate = threading.Event()

    async def slow_one(writer: asyncio.StreamWriter) -> bool:
        await asyncio.to_thread(gate.wait, 9)
        writer.write(GOOD)
        return True

    stage.script("least", "slow", slow_one, slow_one)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(stage.call, "least", "slow")
        try:
            wait_for(lambda: sum(stage.asked("least", "slow")) == 1, "the slow call")
            busy = stage.asked("least", "slow").index(1)
            assert set(stage.calls("least", 6)) == {200}
            assert stage.asked("least")[busy] == 0
            assert sum(stage.standing("portazgo_target_in_flight", "least")) == 1
        finally:
            gate.set()
        assert slow.result().status == 200


def test_a_target_that_answers_for_nobody_is_left_out_and_comes_back(stage: Stage) -> None:
    stage.script("half-ill", "ill", ILL, WELL)
    assert Counter(stage.calls("half-ill", 10, "ill")) == {200: 5, 503: 5}
    assert set(stage.calls("half-ill", 10, "ill")) == {200}
    assert stage.standing("portazgo_target_ejected", "half-ill") == [1, 0]
    time.sleep(SECONDS_OUT)
    assert 503 in stage.calls("half-ill", 2, "ill")


def test_the_last_target_is_never_left_out(stage: Stage) -> None:
    stage.script("all-ill", "ill", ILL, ILL)
    assert stage.calls("all-ill", 20, "ill") == [503] * 20
    assert sum(stage.asked("all-ill", "ill")) == 20


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_notices_a_target_where_nobody_listens(stage: Stage, method: str) -> None:
    assert set(stage.calls("half-gone", 20, method=method)) == {200}


def test_a_target_that_fails_its_checks_is_not_called_until_it_passes_them(stage: Stage) -> None:
    stage.script("checked", "check", bytes_then(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), WELL)

    def only_the_second() -> bool:
        before = stage.asked("checked")[0]
        return set(stage.calls("checked", 4)) == {200} and stage.asked("checked")[0] == before

    wait_for(only_the_second, "the first target's leaving")
    assert stage.standing("portazgo_target_healthy", "checked") == [0, 1]
    ill = f"http://127.0.0.1:{stage.targets['checked'][0].port}"
    with urlopen(f"http://127.0.0.1:{stage.node.admin_port}/health/ready", timeout=10) as answer:
        assert (
            f"the target {ill} of checked (live) fails its check: status 500" in json.loads(answer.read())["warnings"]
        )

    def told() -> list[tuple[str, str | None]]:
        lines = map(json.loads, (stage.folder / "gateway.log").read_text().splitlines())
        return [(line["message"], line.get("why")) for line in lines if line.get("target") == ill]

    fell, rose = "a target fails its health check", "a target passes its health check again"
    wait_for(lambda: told() == [(fell, "status 500")], "the line in the log")
    stage.script("checked", "check", WELL, WELL)
    wait_for(lambda: not only_the_second(), "the first target's return")
    wait_for(lambda: told() == [(fell, "status 500"), (rose, None)], "the lines in the log")


def test_where_all_fail_their_checks_all_are_called(stage: Stage) -> None:
    stage.script("checked", "check", ILL, ILL)
    wait_for(lambda: stage.standing("portazgo_target_healthy", "checked") == [0, 0], "the fall of both")
    before = stage.asked("checked")
    assert set(stage.calls("checked", 8)) == {200}
    assert all(after > some for after, some in zip(stage.asked("checked"), before, strict=True))


def test_an_open_circuit_answers_for_a_backend_that_fails_and_probes_close_it(stage: Stage) -> None:
    stage.script("breaker", "ill", ILL, ILL)
    assert stage.calls("breaker", 4, "ill") == [503] * 4
    asked = sum(stage.asked("breaker", "ill"))
    refused = stage.call("breaker", "ill")
    assert (refused.status, b'"backend_unavailable"' in refused.body) == (503, True)
    assert refused.retry_after in {"1", "2"}
    stage.expect(refused, 0, "circuit_open")
    assert sum(stage.asked("breaker", "ill")) == asked
    assert stage.standing("portazgo_circuit_state", "breaker") == [0, 1, 0]
    time.sleep(SECONDS_OPEN)
    # A probe that fails opens it again.
    assert stage.call("breaker", "ill").retry_after is None
    stage.expect(stage.call("breaker"), 0, "circuit_open")
    time.sleep(SECONDS_OPEN)
    assert stage.calls("breaker", 6) == [200] * 6


def test_what_breaks_off_is_tried_again_elsewhere_where_that_is_safe(stage: Stage) -> None:
    stage.script("retry", "breaks", RESETS, RESETS)
    stage.script("retry", "half", RESETS, WELL)
    for _ in range(2):
        stage.call("retry")
    tries = {stage.call("retry", "half").status for _ in range(4)}
    assert tries == {200}
    given_up = stage.call("retry", "breaks")
    assert given_up.status == 502
    stage.expect(given_up, 3, "backend_reset_before_headers")
    post = stage.call("retry", "breaks", "POST", b"once")
    assert post.status == 502
    stage.expect(post, 1, "backend_reset_before_headers")
    assert [target.bodies.count(b"once") for target in stage.targets["retry"]].count(1) == 1


@pytest.mark.parametrize(("body", "status"), [(SMALL, 200), (LARGE, 502)], ids=["small", "large"])
def test_a_small_body_is_sent_again_whole_and_a_large_one_never(stage: Stage, body: bytes, status: int) -> None:
    name = f"put-{len(body)}"
    stage.script("retry", name, RESETS, WELL)
    answers = [stage.call("retry", name, "PUT", body) for _ in range(2)]
    assert sorted(got.status for got in answers) == sorted([200, status])
    first, second = (target.bodies.count(body) for target in stage.targets["retry"])
    assert (first >= 1, second) == (True, 2 if status == 200 else 1)


@pytest.mark.parametrize("backend", ["keyed", "retry"])
def test_a_post_with_a_key_is_sent_again_where_the_route_counts_on_it(stage: Stage, backend: str) -> None:
    stage.script(backend, "keyed", RESETS, WELL)
    keyed = {"Idempotency-Key": "8e03978e"}
    answers = [stage.call(backend, "keyed", "POST", b"pay", **keyed) for _ in range(2)]
    assert sorted(got.status for got in answers) == ([200, 200] if backend == "keyed" else [200, 502])
    unkeyed = [stage.call(backend, "keyed", "POST", b"pay") for _ in range(2)]
    assert sorted(got.status for got in unkeyed) == [200, 502]


def test_a_body_that_is_still_coming_goes_on_to_the_next_target(stage: Stage) -> None:
    stage.script("retry", "early", RESETS, RESETS)
    first, second = (b"1" * 3000, b"2" * 3000)
    for target in stage.targets["retry"]:
        target.impatient.add("early")
    with socket.create_connection(("127.0.0.1", stage.node.port), 10) as connection:
        head = f"PUT /v1/retry/early HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {stage.node.key}\r\n"
        connection.sendall(f"{head}Content-Length: 6000\r\nConnection: close\r\n\r\n".encode() + first)
        wait_for(lambda: sum(stage.asked("retry", "early")) == 1, "the first target")
        for target in stage.targets["retry"]:
            target.scripts["early"] = WELL if "early" not in {name for _, name in target.carried} else RESETS
            target.impatient.discard("early")
        wait_for(lambda: sum(stage.asked("retry", "early")) == 2, "the second target")
        connection.sendall(second)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert sum(target.bodies.count(first + second) for target in stage.targets["retry"]) == 1


def test_a_target_that_takes_no_connection_costs_its_time_and_no_call(stage: Stage) -> None:
    answers = [stage.call("half-hung", method=method) for method in ("GET", "POST", "GET", "POST")]
    assert [got.status for got in answers] == [200] * 4
    alone = stage.call("hung")
    assert alone.status == 504
    stage.expect(alone, 1, "connect_timeout")


@pytest.mark.parametrize("backend", ["no-retry", "no-budget"])
def test_nothing_is_tried_again_beyond_what_was_set(stage: Stage, backend: str) -> None:
    stage.script(backend, "half", RESETS, WELL)
    answers = [stage.call(backend, "half") for _ in range(2)]
    assert sorted(got.status for got in answers) == [200, 502]
    for got in answers:
        stage.expect(got, 1, None if got.status == 200 else "backend_reset_before_headers")


def test_a_kept_connection_that_is_closed_costs_what_may_be_repeated_nothing(stage: Stage) -> None:
    carried: set[Any] = set()

    async def once(writer: asyncio.StreamWriter) -> bool:
        peer = writer.get_extra_info("peername")
        if peer in carried:
            return await RESETS(writer)
        carried.add(peer)
        return await WELL(writer)

    stage.script("no-budget", "once", once, once)
    assert set(stage.calls("no-budget", 12, "once")) == {200}
    # Others than those that were answered were sent over a kept connection first.
    assert sum(stage.asked("no-budget", "once")) > 12
    posts = Counter(stage.calls("no-budget", 6, "once", "POST"))
    # What must not be repeated is told, once for each time that the backend saw it.
    assert posts[200] + posts[502] == 6
    assert posts[502] > 0


def test_one_target_is_tried_again_after_a_pause(stage: Stage) -> None:
    began = time.monotonic()
    stage.script("alone", "breaks", RESETS)
    got = stage.call("alone", "breaks")
    assert (got.status, stage.asked("alone", "breaks")) == (502, [3])
    assert time.monotonic() - began >= 0.075
    stage.expect(got, 3, "backend_reset_before_headers")


def test_what_is_kept_is_closed_when_its_time_is_over(stage: Stage) -> None:
    assert stage.call("alone").status == 200
    assert stage.node.metric("portazgo_backend_idle") > 0
    wait_for(lambda: stage.node.metric("portazgo_backend_idle") == 0, "the end of idle connections")
    assert stage.call("alone").status == 200
    carriers = [connection for connection, name in stage.targets["alone"][0].carried if name == "good"]
    assert len(set(carriers)) == len(carriers)


def test_a_cap_holds_over_all_threads_and_who_waits_is_served(stage: Stage) -> None:
    stage.script("capped", "slow", after_a_while)
    for _ in range(3):
        assert {got.status for got in stage.at_once("capped", 12, "slow")} == {200}
    assert stage.targets["capped"][0].at_once == 2
    assert stage.asked("capped", "slow") == [36]


def test_who_finds_no_place_or_waits_too_long_is_told_when_to_come_again(stage: Stage) -> None:
    stage.script("full", "slow", slowly(b"", GOOD, pause=1.0))
    answers = stage.at_once("full", 4, "slow")
    assert Counter(got.status for got in answers) == {200: 1, 503: 3}
    assert stage.standing("portazgo_target_waiting", "full") == [0]
    for got in answers:
        if got.status == 503:
            assert (b'"backend_unavailable"' in got.body, got.retry_after) == (True, "1")
            stage.expect(got, 0, "backend_connections_exhausted")
    assert stage.call("full").status == 200
