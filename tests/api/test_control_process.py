"""The control role as a process: both ports, the waiting polls, its memory, its end."""

from __future__ import annotations

import contextlib
import resource
import select
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.control import ControlProcess, FeedClient, lines_of, pss_megabytes

from portazgo.accounts.domain import SYSTEM
from portazgo.control import connections
from portazgo.control.connections import connections_at_most, node_connections_at_most
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.kit.http import Answer, JsonClient
from portazgo.kit.secret import Secret
from portazgo.nodes.models import Node
from portazgo.nodes.tokens import create_node_token
from portazgo.settings import Settings
from portazgo.snapshot.feed import head_now
from portazgo.snapshot.log import change

WAITING_NODES = 50
IDLE_CONNECTIONS = 150
# The signal comes while waitress closes a connection, where it lets no exception through.
SIGNAL_WHILE_CLOSING = """
import os, signal
from waitress.buffers import OverflowableBuffer
OverflowableBuffer.close = lambda _: os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.fixture
def node_token(database: None) -> str:
    return create_node_token(SYSTEM, "test", "", clock=SYSTEM_CLOCK)[1].reveal()


def revoke(kid: str) -> int:
    with change(SYSTEM, "key.revoked", kid) as recorded:
        recorded.security("revoke_key", kid)
    return recorded.revision


def poll(threads: ThreadPoolExecutor, node: FeedClient, seconds: int) -> Future[Answer]:
    """Poll from where the log is now: a control plane that starts writes a data key."""
    now = head_now()  # here: a thread that asks keeps one of the database's few connections
    return threads.submit(node.changes, now.history, now.revision, now.hash, now.security, seconds)


def with_few_descriptors(settings: Settings, state_url: str | None) -> ControlProcess:
    few = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))\n"
    return ControlProcess(settings, state_url, prelude=few).start()


def come(count: int) -> None:
    """Wait until so many nodes have asked."""
    deadline = time.monotonic() + 20
    while Node.objects.count() < count:
        assert time.monotonic() < deadline, f"{Node.objects.count()} nodes have asked"
        time.sleep(0.05)


def test_a_waiting_poll_hears_of_a_change_of_another_process_at_once(control: ControlProcess, node_token: str) -> None:
    node = FeedClient(control.internal_url, node_token)
    before = head_now().revision
    with ThreadPoolExecutor() as threads:
        waiting = poll(threads, node, 20)
        time.sleep(0.5)
        started = time.monotonic()
        revoke("aaaaaaaaaa")
        answer = waiting.result()
    # PostgreSQL notifies; between processes on SQLite the 1 s poll is what wakes.
    assert time.monotonic() - started < 7.5
    assert answer.status == 200
    head, line, entry, last = lines_of(answer)
    assert (head["from"], head["revision"], line["revision"]) == (before, before + 1, before + 1)
    assert entry["security"]["operation"] == "revoke_key"
    assert last == {"end": True, "count": 2}
    assert answer.headers["X-Portazgo-Head"] == str(before + 1)
    assert abs(int(answer.headers["X-Portazgo-Time"]) / 1e6 - time.time()) < 5


def test_a_node_that_dies_while_it_hands_something_in_is_no_error(control: ControlProcess, node_token: str) -> None:
    node = FeedClient(control.internal_url, node_token)
    place = urlsplit(control.internal_url)
    head = f"POST /internal/v1/receipts HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {node_token}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in node.headers.items())
    with socket.create_connection((place.hostname or "", place.port or 0)) as dying:
        dying.sendall(f"{head}Content-Length: 500\r\n\r\nhalf".encode())
        time.sleep(0.5)

    # What comes later is answered, so what came before was read.
    assert node.receipt().status == 204
    time.sleep(0.5)
    assert [line for line in control.log if line.get("level") == "error"] == []


def test_a_change_through_the_admin_api_wakes_in_the_same_process(
    control: ControlProcess, node_token: str, admin_token: str
) -> None:
    node, admin = FeedClient(control.internal_url, node_token), JsonClient(control.control_url, Secret(admin_token))
    revoke("aaaaaaaaaa")
    with ThreadPoolExecutor() as threads:
        waiting = poll(threads, node, 1)
        answered = admin.request("GET", "/api/v1/nodes")
        assert answered.status == 200
        assert waiting.result().status == 204


def test_many_waiting_nodes_hold_no_thread_and_all_hear(
    control: ControlProcess, node_token: str, admin_token: str
) -> None:
    admin = JsonClient(control.control_url, Secret(admin_token))
    with ThreadPoolExecutor(WAITING_NODES) as threads:
        nodes = [FeedClient(control.internal_url, node_token) for _ in range(WAITING_NODES)]
        waiting = [poll(threads, node, 30) for node in nodes]
        come(WAITING_NODES)
        started = time.monotonic()
        assert admin.request("GET", "/api/v1/tokens").status == 200
        assert time.monotonic() - started < 5
        revoke("aaaaaaaaaa")
        answers = [one.result() for one in waiting]
    assert {answer.status for answer in answers} == {200}


def test_sigterm_answers_the_waiting_polls_and_ends_within_five_seconds(
    control: ControlProcess, node_token: str
) -> None:
    node = FeedClient(control.internal_url, node_token)
    with ThreadPoolExecutor() as threads:
        waiting = poll(threads, node, 50)
        come(1)
        started = time.monotonic()
        assert control.stop() == 0
        assert time.monotonic() - started < 5
        assert waiting.result().status == 204


def test_a_signal_that_comes_while_a_connection_is_closed_ends_the_process_too(
    database: None, settings: Settings, state_url: str | None
) -> None:
    process = ControlProcess(settings, state_url, prelude=SIGNAL_WHILE_CLOSING).start()
    where = urlsplit(process.control_url)
    socket.create_connection((where.hostname, where.port), timeout=5).close()
    assert process.wait() == 0


def test_the_process_stays_small(settings: Settings, state_url: str | None, admin_token: str, node_token: str) -> None:
    # Started anew: one that is forked shares its pages.
    control = ControlProcess(settings, state_url).start()
    try:
        admin = JsonClient(control.control_url, Secret(admin_token))
        for _ in range(1_000):
            assert admin.request("GET", "/api/v1/nodes").status == 200
        assert admin.request("GET", "/api/v1/openapi.json").status == 200
        assert FeedClient(control.internal_url, node_token).snapshot().status == 200
        assert pss_megabytes(control.pid) <= 130
    finally:
        control.stop()


def test_a_segment_whose_first_number_is_none_is_refused(control: ControlProcess, node_token: str) -> None:
    node = FeedClient(control.internal_url, node_token)
    client = JsonClient(control.internal_url, Secret(node_token))
    for first in ("", "-1", "1e3", "\u0661", "9" * 19, "9" * 5_000):
        query = {"node": node.node, "epoch": node.epoch, "first": first}
        answer = client.request("POST", "/internal/v1/segments", query=query, headers=node.headers)
        assert (answer.status, answer.json()["code"]) == (422, "segment_place_invalid"), first


def test_connections_that_send_nothing_keep_nobody_out_and_are_closed_soon(control: ControlProcess) -> None:
    where = urlsplit(control.control_url)
    address = (where.hostname, where.port)
    with contextlib.ExitStack() as open_ones:
        idle = [open_ones.enter_context(socket.create_connection(address, timeout=5)) for _ in range(IDLE_CONNECTIONS)]
        time.sleep(0.5)
        for _ in range(3):
            assert JsonClient(control.control_url).request("GET", "/health").status == 200
        # All of them were answered beside those that send nothing, and not after these were closed.
        assert select.select(idle, [], [], 0)[0] == []
        # Ten seconds without a byte, and the next round that looks for such.
        idle[0].settimeout(25)
        assert idle[0].recv(1) == b""


def test_room_for_connections_leaves_descriptors_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_limit(descriptors: int) -> tuple[int, int]:
        monkeypatch.setattr(resource, "getrlimit", lambda _: (descriptors, descriptors))
        return connections_at_most(), node_connections_at_most()

    found = [with_limit(limit) for limit in (256, 1_024, 65_536, resource.RLIM_INFINITY)]
    assert found == [(100, 100), (512, 384), (1_000, 10_000), (1_000, 10_000)]


@pytest.mark.parametrize(
    ("sent", "rest"),
    [(b"GET /health HTTP/1.1\r\nHost: a\r\nX: ", b"a"), (b"\r\n\r\n", b"\r\n\r\n")],
    ids=["head", "nothing"],
)
def test_a_request_that_comes_a_byte_at_a_time_is_not_waited_for(
    control: ControlProcess, sent: bytes, rest: bytes
) -> None:
    with contextlib.ExitStack() as opened:
        slow = [
            opened.enter_context(socket.create_connection(_address(url), timeout=5))
            for url in (control.control_url, control.internal_url)
        ]
        # The second has asked before: what comes after an answer is no sooner there than a first request.
        slow[1].sendall(b"GET /internal/v1/changes HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b" 422 " in slow[1].recv(65_536)
        deadline = time.monotonic() + connections.HEAD_SECONDS * 2.5
        while slow and time.monotonic() < deadline:
            slow = [one for one in slow if not _is_closed(one)]
            for one in slow:
                with contextlib.suppress(OSError):
                    one.sendall(sent)
            sent = rest
            time.sleep(1)
        assert slow == []


def test_a_body_may_take_longer_than_a_head(control: ControlProcess) -> None:
    with socket.create_connection(_address(control.control_url), timeout=30) as slow:
        head = (
            "POST /api/v1/partners HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"
        )
        slow.sendall(head.encode())
        for byte in b"{}             ":
            time.sleep(connections.HEAD_SECONDS * 1.6 / 15)
            slow.sendall(bytes([byte]))
        assert b" 401 " in slow.recv(65_536)


def test_connections_that_send_nothing_take_no_room_from_nodes(
    settings: Settings, state_url: str | None, node_token: str
) -> None:
    control = with_few_descriptors(settings, state_url)
    try:
        node = FeedClient(control.internal_url, node_token)
        now = head_now()
        with ThreadPoolExecutor(1) as threads, contextlib.ExitStack() as opened:
            waiting = poll(threads, node, 20)
            time.sleep(0.5)
            for _ in range(400):
                opened.enter_context(socket.create_connection(_address(control.internal_url), timeout=5))
            other = FeedClient(control.internal_url, node_token)
            assert other.changes(now.history, now.revision, now.hash, now.security, 0).status == 204
            assert JsonClient(control.control_url).request("GET", "/health").status == 200
            # Who waits for news keeps its place.
            assert not waiting.done()
            revoke("0000000001")
            assert waiting.result(5).status == 200
    finally:
        control.stop()


def _address(url: str) -> tuple[str | None, int | None]:
    where = urlsplit(url)
    return where.hostname, where.port


def _is_closed(one: socket.socket) -> bool:
    if not select.select([one], [], [], 0)[0]:
        return False
    try:
        return one.recv(65_536) == b""
    except OSError:
        return True


def test_it_says_that_it_is_healthy(control: ControlProcess) -> None:
    answer = JsonClient(control.control_url).request("GET", "/health")
    assert (answer.status, answer.json()["status"]) == (200, "ok")


def test_bodies_that_never_end_take_neither_memory_nor_descriptors(
    settings: Settings, state_url: str | None, node_token: str
) -> None:
    control = with_few_descriptors(settings, state_url)
    head = b"POST /api/v1/partners HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
    try:
        now = head_now()
        node = FeedClient(control.internal_url, node_token)
        assert node.changes(now.history, now.revision, now.hash, now.security, 0).status == 204
        before = pss_megabytes(control.pid)
        with contextlib.ExitStack() as opened:
            sending = []
            for _ in range(95):
                one = opened.enter_context(socket.create_connection(_address(control.control_url), timeout=5))
                with contextlib.suppress(OSError):
                    one.sendall(head + b" " * 600_000)
                sending.append(one)
            time.sleep(1)
            assert JsonClient(control.control_url).request("GET", "/health").status == 200
            assert node.changes(now.history, now.revision, now.hash, now.security, 0).status == 204
            assert len([one for one in sending if not _is_closed(one)]) == connections.LARGE_BODIES_AT_MOST
            # Each that is left: its socket, and the file of its body.
            assert len(list(Path(f"/proc/{control.pid}/fd").iterdir())) < 2 * connections.LARGE_BODIES_AT_MOST + 60
            assert pss_megabytes(control.pid) < before + 30
            last = sending[-1]
            last.sendall(b" " * 400_000)
            last.settimeout(10)
            assert b" 401 " in last.recv(65_536)
    finally:
        control.stop()
