"""More than a node can do: it refuses early and cheaply, serves the rest, and recovers.

Promised is a goodput of at least 90 % of the capacity at twice the capacity (bench/overload.py); here, on shared machines,
75 % is asserted, of what is served per second that the gateway works. Promised is, too, that a partner at its limit
raises the p99 of another by at most 20 %; five times are asserted.
"""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support import http2
from support.bare_gateway import API_KEY, BareGateway, Origin, backend_to, wait_for
from support.overload import (
    HEAD,
    LIMITED_KEY,
    PATH,
    FastOrigin,
    Generator,
    Load,
    connected,
    cpu_seconds,
    limited_partner,
    place,
    result,
)

pytestmark = pytest.mark.alone

WHOAMI = "/.well-known/portazgo/whoami"
CONNECTIONS, MANY = 1000, 3000
LEAST_PART = 0.75
TIMES_SLOWER, NOTICEABLE_US = 5, 50_000


def ask(gateway: BareGateway, path: str = PATH) -> tuple[int, dict[str, str], bytes]:
    """Call once, over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    try:
        connection.request("GET", path, headers={"X-Api-Key": API_KEY})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


@contextmanager
def to_itself(gateway: BareGateway, origin: FastOrigin) -> Iterator[None]:
    """The gateway has a core that origin and generators leave alone: it is what the load has to wait for."""
    cores = os.sched_getaffinity(0)
    place([gateway.pid], {min(cores)})
    place([os.getpid(), origin.pid], (cores - {min(cores)}) or cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def has_room(gateway: BareGateway) -> bool:
    """Whether a connection is served; one for which there is no descriptor is reset."""
    try:
        return ask(gateway)[0] == 200
    except ConnectionError:
        return False


@contextmanager
def silent_backend() -> Iterator[str]:
    """A backend that the kernel connects to, and that says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def refused_in_records(gateway: BareGateway) -> int:
    return sum(record["count"] for record in gateway.records() if record["kind"] == "refused_aggregate")


@contextmanager
def opened(gateway: BareGateway, count: int, first: bytes = b"") -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        connections = [stack.enter_context(connected(gateway)) for _ in range(count)]
        for connection in connections:
            connection.sendall(first)
        yield connections


def test_at_twice_the_capacity_it_is_still_served(tmp_path: Path) -> None:
    generator = Generator(tmp_path)
    with (
        FastOrigin(tmp_path / "origin") as origin,
        BareGateway(tmp_path / "gateway", backend_to(origin.url)) as gateway,
    ):

        def run(**load: float) -> tuple[Load, float]:
            """Returns what the generator saw, and the calls served per second that the gateway worked."""
            before = cpu_seconds(gateway.pid)
            seen = generator.run(gateway.port, connections=CONNECTIONS, seconds=2, **load)
            return seen, seen.good / (cpu_seconds(gateway.pid) - before)

        # With as many connections as later: they alone make each call dearer. What others take of the cores is left out.
        alone, capacity = run()
        over, served = run(rate=2 * capacity)
        print(f"\nalone {alone}\nat twice {over}: {served / capacity:.2f} of {capacity:.0f} per second of work")
        assert served >= LEAST_PART * capacity
        refused = alone.refused + over.refused
        # More: some were refused after the generator had looked its last.
        wait_for(lambda: refused_in_records(gateway) >= refused, "an aggregate of the refusals", 30)
        # It was the load's fault, and is over with it.
        wait_for(lambda: ask(gateway)[0] == 200, "the first answer after it", 5)
        assert {ask(gateway)[0] for _ in range(20)} == {200}


def test_a_standing_queue_is_refused_in_part_and_cheaply(tmp_path: Path) -> None:
    generator = Generator(tmp_path)
    with (
        FastOrigin(tmp_path / "origin") as origin,
        BareGateway(tmp_path / "gateway", backend_to(origin.url), PORTAZGO_MAX_BACKLOG="1ms") as gateway,
        to_itself(gateway, origin),
    ):
        good = refused = 0
        for _ in range(12):
            many = generator.run(gateway.port, connections=MANY, seconds=2.5)
            good, refused = good + many.good, refused + many.refused
            # Others on the gateway's core may leave it no queue of its own.
            if refused:
                break
        assert 2 * good > refused > 0, (good, refused)
        # They are counted, each once, and have taken no slot.
        wait_for(lambda: refused_in_records(gateway) >= refused, "an aggregate of the refusals", 30)
        faults = Counter(record["fault"] for record in gateway.records() if record["kind"] == "request")
        assert faults["gateway_overloaded"] == 0


def test_a_partner_beyond_its_limit_hardly_delays_another(tmp_path: Path) -> None:
    generator = Generator(tmp_path)
    with (
        FastOrigin(tmp_path / "origin") as origin,
        BareGateway(tmp_path / "gateway", backend_to(origin.url), further=limited_partner(50)) as gateway,
    ):
        alone = generator.run(gateway.port, connections=16, seconds=2, rate=200)
        flood = generator.start(gateway.port, connections=16, seconds=3, rate=1000, key=LIMITED_KEY)
        beside = generator.run(gateway.port, connections=16, seconds=2, rate=200)
        flooded = result(flood, 3)
        print(f"\nalone {alone}\nbeside {beside}\nflood {flooded}")
        assert (beside.refused, beside.errors) == (0, 0)
        # It is at its limit, and is told so.
        assert flooded.refused > 5 * flooded.good > 0
        assert beside.p99_us <= max(TIMES_SLOWER * alone.p99_us, NOTICEABLE_US)


def test_what_is_in_flight_is_bounded_and_who_is_refused_is_told_and_held_to_it(tmp_path: Path) -> None:
    with (
        silent_backend() as url,
        BareGateway(tmp_path, backend_to(url), PORTAZGO_MAX_IN_FLIGHT="3") as gateway,
        opened(gateway, 3, HEAD + b"\r\n"),
    ):
        wait_for(lambda: ask(gateway, "/nowhere")[0] == 503, "three in flight")
        connection = connected(gateway)
        answers = []
        for _ in range(2):
            began = time.monotonic()
            connection.sendall(HEAD + b"\r\n")
            answers.append((connection.recv(65_536), time.monotonic() - began))
        connection.close()
        for answer, _ in answers:
            head, _, body = answer.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503")
            assert b"retry-after: 1" in head.lower()
            assert b"connection: close" not in head.lower()
            assert json.loads(body)["code"] == "gateway_unavailable"
        # The second was asked before Retry-After was over, and is read only then.
        assert answers[0][1] < answers[1][1]
        assert 0.3 < answers[1][1] < 10
        wait_for(lambda: refused_in_records(gateway) >= 3, "the refusals")


def test_streams_of_http_2_too_many_are_refused_one_by_one_and_their_neighbours_are_served(tmp_path: Path) -> None:
    fields = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", PATH), ("x-api-key", API_KEY)]
    with (
        silent_backend() as url,
        BareGateway(tmp_path, backend_to(url), PORTAZGO_MAX_IN_FLIGHT="3") as gateway,
        http2.Connection.plain(gateway.port, seconds=20) as connection,
    ):
        held = [connection.request(fields) for _ in range(3)]
        refused = [connection.finish(connection.request(fields)) for _ in range(20)]
        for answer in refused:
            assert (answer.status, dict(answer.fields)["retry-after"]) == (503, "1")
            assert json.loads(answer.body)["code"] == "gateway_unavailable"
        # Who held on gets the answer that is due, the connection goes on, and there is room again.
        assert [connection.finish(stream).status for stream in held] == [504] * 3
        assert connection.finish(connection.request([*fields[:3], (":path", WHOAMI), fields[4]])).status == 200
        assert not connection.closed
        wait_for(lambda: refused_in_records(gateway) == len(refused), "the refusals")
        faults = Counter(record["fault"] for record in gateway.records() if record["kind"] == "request")
        assert faults["gateway_overloaded"] == 0


def test_a_burst_of_new_connections_waits_in_the_kernel_and_not_for_its_next_packet(tmp_path: Path) -> None:
    with Origin() as origin, BareGateway(tmp_path, backend_to(origin.url)) as gateway:
        os.kill(gateway.pid, signal.SIGSTOP)
        try:
            # Nobody accepts: what the kernel's queue does not hold waits 1 s for its second SYN, and 2 s more for its third.
            connections = [socket.create_connection(("127.0.0.1", gateway.port), timeout=0.9) for _ in range(400)]
        finally:
            os.kill(gateway.pid, signal.SIGCONT)
        for connection in connections:
            connection.close()
        wait_for(lambda: ask(gateway)[0] == 200, "an answer after the burst")


def test_a_connection_too_many_is_told_by_a_503_and_the_next_one_is_welcome(tmp_path: Path) -> None:
    with Origin() as origin, BareGateway(tmp_path, backend_to(origin.url), PORTAZGO_MAX_CONNECTIONS="5") as gateway:
        with opened(gateway, 5, b"GET"):
            wait_for(lambda: ask(gateway)[0] == 503, "five connections")
            status, headers, body = ask(gateway)
            assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "close")
            assert json.loads(body)["code"] == "gateway_unavailable"
        wait_for(lambda: ask(gateway)[0] == 200, "room for one")


def test_short_memory_refuses_and_still_serves_a_few(tmp_path: Path) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(silent_backend())
        gateway = stack.enter_context(BareGateway(tmp_path, backend_to(url), PORTAZGO_MAX_MEMORY="64MiB"))
        # Heads that are nearly as large as they may be, and never end.
        stack.enter_context(opened(gateway, 1200, HEAD + b"X-Long: " + b"x" * 60_000))
        waiting = stack.enter_context(opened(gateway, 20, HEAD + b"\r\n"))
        wait_for(lambda: ask(gateway, "/nowhere")[0] == 503, "short memory", 20)
        _, headers, _ = ask(gateway, "/nowhere")
        # Its memory is wanted back.
        assert headers["connection"] == "close"
        for connection in waiting:
            connection.close()
        # What holds the memory can end: a few are always served.
        wait_for(lambda: ask(gateway, "/nowhere")[0] != 503, "room for a few")


def is_turned_away(connection: socket.socket) -> bool:
    connection.settimeout(0)
    try:
        return connection.recv(4096) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_file_descriptors_run_out_and_come_back(tmp_path: Path) -> None:
    with Origin() as origin, BareGateway(tmp_path, backend_to(origin.url)) as gateway:
        assert ask(gateway)[0] == 200
        used = len(list(Path(f"/proc/{gateway.pid}/fd").iterdir()))
        resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (used + 100, used + 100))
        time.sleep(0.5)
        with ExitStack() as stack:
            connections = [stack.enter_context(connected(gateway)) for _ in range(200)]
            wait_for(lambda: sum(map(is_turned_away, connections)) >= 50, "the end of those that are too many")
            # Descriptors are left for what serves: one of the connections that are in gets its answer, and a record.
            connections[0].settimeout(20)
            connections[0].sendall(HEAD + b"\r\n")
            assert connections[0].recv(4096).startswith(b"HTTP/1.1 200")
            wait_for(lambda: sum(record["status_sent"] == 200 for record in gateway.records()) == 2, "the record", 10)
        wait_for(lambda: has_room(gateway), "room again")
        assert {ask(gateway)[0] for _ in range(10)} == {200}
        assert not gateway.has_ended
