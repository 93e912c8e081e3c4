"""Whatever happens to a request, it leaves one record that says so; and nothing secret leaves any trace.

PORTAZGO_TEST_UPLOAD_MEGABYTES sets how large uploads are (48 here, 200 in soak).
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from support.command import portazgo
from support.control import pss_megabytes
from support.deployment import Deployment
from support.http2 import Connection
from support.key import OwnKey, own_key
from support.origin import BIG_BYTES, Origin

from portazgo.client.admin import Answered
from portazgo.kit.http import JsonClient
from portazgo.kit.secret import Secret
from portazgo.roles.parts import portazgo_command

VISIBLE_SECONDS = 2 * 5
MOST_NODE_MEGABYTES = 60
GATEWAY_HOLDS_BYTES = 8 * 1024 * 1024
UPLOAD_BYTES = int(os.environ.get("PORTAZGO_TEST_UPLOAD_MEGABYTES", "48")) * 1024 * 1024


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    """The backend at byte level."""
    with Origin() as running:
        yield running


@pytest.fixture(scope="module")
def key(deployment: Deployment, origin: Origin) -> OwnKey:
    """A key for the raw routes, without throttles."""
    return own_key(deployment, "raw", origin.publish(deployment))


def connect(deployment: Deployment) -> socket.socket:
    """Open a bare connection to the gateway."""
    return socket.create_connection(("127.0.0.1", deployment.gateway_port), timeout=20)


def head(key: OwnKey, path: str, method: str = "GET", **further: str) -> bytes:
    """Write a request's head."""
    lines = [f"{method} {path} HTTP/1.1", "Host: gateway", f"X-Api-Key: {key.whole}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in further.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def read_answer(stream: Any, *, body: bool = True) -> tuple[int, dict[str, str], bytes]:
    """Read one answer with a Content-Length from a buffered stream."""
    status = int(stream.readline().split()[1])
    headers = {}
    while line := stream.readline().strip():
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    return status, headers, stream.read(int(headers.get("content-length", 0))) if body else b""


def facts(trace: dict[str, Any], *names: str) -> tuple[Any, ...]:
    """Some members of a record."""
    return tuple(trace[name] for name in names)


def test_requests_without_a_usable_head_or_key_leave_a_record_each(deployment: Deployment, key: OwnKey) -> None:
    no_key = deployment.call("/v1/raw/echo", X_Api_Key="")
    unknown = deployment.call("/v1/nowhere/at-all", X_Api_Key=key.whole)
    wrong_method = deployment.call("/v1/raw/echo", method="DELETE", X_Api_Key=key.whole)
    assert facts(deployment.trace(no_key.request_id), "fault", "status_sent", "kid") == ("key_missing", 401, None)
    assert facts(deployment.trace(unknown.request_id), "fault", "status_sent") == ("route_unknown", 404)
    assert facts(deployment.trace(wrong_method.request_id), "fault", "status_sent") == ("method_not_allowed", 405)
    for refused in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"GET /v1/raw/echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ):
        with connect(deployment) as connection:
            connection.sendall(refused + b"\r\n\r\n")
            status, headers, _ = read_answer(connection.makefile("rb"))
        assert status == 400
        assert facts(deployment.trace(headers["x-request-id"]), "status_sent", "billable", "kid") == (400, False, None)


def test_each_of_several_requests_on_one_connection_has_a_record_also_when_they_came_at_once(
    deployment: Deployment, key: OwnKey
) -> None:
    with connect(deployment) as connection:
        stream = connection.makefile("rb")
        connection.sendall(head(key, "/v1/raw/echo") * 3 + head(key, "/v1/nowhere") + head(key, "/v1/raw/echo"))
        answers = [read_answer(stream) for _ in range(5)]
        connection.sendall(head(key, "/v1/raw/echo"))
        answers.append(read_answer(stream))
    assert [status for status, _, _ in answers] == [200, 200, 200, 404, 200, 200]
    traces = [deployment.trace(headers["x-request-id"]) for _, headers, _ in answers]
    assert len({trace["request_id"] for trace in traces}) == 6
    assert [trace["status_sent"] for trace in traces] == [200, 200, 200, 404, 200, 200]
    assert {trace["delivery"] for trace in traces} == {"complete"}
    assert len({(trace["client_address"], trace["node"]) for trace in traces}) == 1


def test_head_is_answered_without_a_body_and_recorded(deployment: Deployment, key: OwnKey) -> None:
    with connect(deployment) as connection:
        stream = connection.makefile("rb")
        connection.sendall(head(key, "/v1/raw/echo-head", "HEAD") + head(key, "/v1/raw/echo"))
        status, headers, _ = read_answer(stream, body=False)
        following, _, body = read_answer(stream)
    assert (status, following, json.loads(body)) == (200, 200, {"echo": True})
    trace = deployment.trace(headers["x-request-id"])
    assert facts(trace, "method", "status_sent", "delivery", "fault") == ("HEAD", 200, "complete", None)


@pytest.mark.parametrize("reset", [False, True])
def test_a_client_that_leaves_in_the_middle_of_its_request_is_recorded_so(
    deployment: Deployment, key: OwnKey, origin: Origin, *, reset: bool
) -> None:
    name, before = f"left-early-{reset}", origin.taken
    with connect(deployment) as connection:
        connection.sendall(head(key, "/v1/raw/upload", "POST", Content_Length="1000000", X_Request_Id=name))
        connection.sendall(b"x" * 300_000)
        # With a reset the kernel throws away what the gateway has not read yet.
        deployment.wait_for(lambda: origin.taken > before, "the upload at the backend")
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    trace = the_trace(deployment, name)
    assert facts(trace, "fault", "blame", "billable") == ("client_aborted", "partner_network", False)
    assert 0 < trace["bytes_in"] < 1_000_000
    # Who only stops sending may still read: it is told, and the record says that. Who is gone can't be.
    told = (499, "complete") if not reset else (trace["status_sent"], "aborted" if trace["status_sent"] else "none")
    assert facts(trace, "status_sent", "delivery") == told


def test_a_client_that_leaves_in_the_middle_of_its_answer_is_recorded_so(deployment: Deployment, key: OwnKey) -> None:
    with connect(deployment) as connection:
        connection.sendall(head(key, "/v1/raw/big", X_Request_Id="left-late"))
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
    trace = the_trace(deployment, "left-late")
    assert facts(trace, "fault", "delivery", "status_sent") == ("client_aborted", "aborted", 200)
    assert trace["bytes_out"] < BIG_BYTES


def the_trace(deployment: Deployment, client_request_id: str) -> dict[str, Any]:
    """Wait for the one record of a request that got no answer to read our id from."""
    found: list[dict[str, Any]] = []

    def look() -> bool:
        found[:] = deployment.admin.get("/traces", {"client_request_id": client_request_id})["items"]
        return bool(found)

    deployment.wait_for(look, f"the record of {client_request_id}", 15)
    assert len(found) == 1
    return found[0]


def test_a_client_that_sends_its_head_letter_by_letter_is_served(deployment: Deployment, key: OwnKey) -> None:
    with connect(deployment) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head(key, "/v1/raw/echo"):
            connection.sendall(bytes([byte]))
            time.sleep(0.005)
        status, headers, _ = read_answer(connection.makefile("rb"))
    trace = deployment.trace(headers["x-request-id"])
    assert (status, *facts(trace, "status_sent", "delivery")) == (200, 200, "complete")
    # The call began with its first byte, not with its last.
    assert trace["duration_ms"] > 500


def kernel_holds_at_most() -> int:
    """What the sockets of two connections may buffer, sending and receiving, when the kernel tunes them to the full."""
    limits = (Path(f"/proc/sys/net/ipv4/tcp_{side}mem").read_text().split()[2] for side in ("r", "w"))
    return 2 * sum(map(int, limits))


@pytest.mark.parametrize("path", ["/v1/raw/big", "/v1/raw/big-in-chunks"])
def test_an_answer_of_200_mb_streams_past_a_slow_reader_in_bounded_memory(
    deployment: Deployment, key: OwnKey, origin: Origin, path: str
) -> None:
    node = deployment.processes["gateway"].pid
    connection = HTTPConnection("127.0.0.1", deployment.gateway_port, timeout=30)
    with closing(connection):
        connection.request("GET", path, headers={"X-Api-Key": key.whole})
        answer = connection.getresponse()
        received = len(answer.read(1_000_000))
        time.sleep(1)
        # Who reads slowly holds the backend back, not the gateway's memory.
        assert origin.sent - received < kernel_holds_at_most() + GATEWAY_HOLDS_BYTES < BIG_BYTES
        held = pss_megabytes(node)
        while piece := answer.read(1 << 20):
            received += len(piece)
        peak = highest_megabytes(node)
    print(f"{held:.1f} MB while the reader paused, {peak:.1f} MB at most")
    assert received == BIG_BYTES
    assert held < MOST_NODE_MEGABYTES
    assert peak < MOST_NODE_MEGABYTES + 20  # resident, with what it shares
    trace = deployment.trace(answer.headers["X-Request-Id"])
    assert facts(trace, "delivery", "fault", "backend_bytes_in") == ("complete", None, BIG_BYTES)
    assert trace["bytes_out"] >= BIG_BYTES


@pytest.mark.parametrize("path", ["/v1/raw/upload", "/v1/raw/upload-slowly"])
@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_arrives_whole_in_bounded_memory(
    deployment: Deployment, key: OwnKey, path: str, *, chunked: bool
) -> None:
    piece = bytes(range(256)) * 256
    pieces = [piece] * (UPLOAD_BYTES // len(piece))
    connection = HTTPConnection("127.0.0.1", deployment.gateway_port, timeout=30)
    headers = {"X-Api-Key": key.whole, **({} if chunked else {"Content-Length": str(UPLOAD_BYTES)})}
    with closing(connection):
        connection.request("POST", path, body=iter(pieces), headers=headers, encode_chunked=chunked)
        answer = connection.getresponse()
        told = json.loads(answer.read())
    assert told == {"sha256": hashlib.sha256(b"".join(pieces)).hexdigest(), "bytes": UPLOAD_BYTES}
    assert highest_megabytes(deployment.processes["gateway"].pid) < MOST_NODE_MEGABYTES + 20
    trace = deployment.trace(answer.headers["X-Request-Id"])
    assert facts(trace, "method", "delivery", "fault") == ("POST", "complete", None)
    assert trace["bytes_in"] >= UPLOAD_BYTES


def test_an_upload_over_http_2_arrives_whole_in_bounded_memory(deployment: Deployment, key: OwnKey) -> None:
    piece = bytes(range(256)) * 64
    pieces = [piece] * (UPLOAD_BYTES // len(piece))
    fields = [(":method", "POST"), (":scheme", "http"), (":authority", "gateway"), (":path", "/v1/raw/upload-slowly")]
    with Connection.plain(deployment.gateway_port, seconds=30) as connection:
        stream = connection.new_stream()
        connection.send(connection.headers(stream, [*fields, ("x-api-key", key.whole)], end=False))
        connection.upload(stream, pieces)
        answer = connection.finish(stream)
    told = json.loads(answer.body)
    assert told == {"sha256": hashlib.sha256(b"".join(pieces)).hexdigest(), "bytes": UPLOAD_BYTES}
    assert highest_megabytes(deployment.processes["gateway"].pid) < MOST_NODE_MEGABYTES + 20
    trace = deployment.trace(dict(answer.fields)["x-request-id"])
    assert facts(trace, "method", "delivery", "fault") == ("POST", "complete", None)
    assert trace["bytes_in"] >= UPLOAD_BYTES


def highest_megabytes(pid: int) -> float:
    """The most memory that a process ever had resident."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def test_a_record_can_be_seen_two_seconds_after_the_answer(deployment: Deployment, key: OwnKey) -> None:
    waits = []
    for _ in range(5):
        reply = deployment.call("/v1/raw/echo", X_Api_Key=key.whole)
        answered = time.monotonic()
        deployment.wait_for(lambda reply=reply: is_shown(deployment, reply.request_id), "the trace", VISIBLE_SECONDS)  # type: ignore[misc]
        waits.append(time.monotonic() - answered)
    print(f"visible after {max(waits):.2f} s at most")
    assert max(waits) < VISIBLE_SECONDS


def test_a_record_is_in_the_tail_two_seconds_after_the_answer(deployment: Deployment, key: OwnKey) -> None:
    command = portazgo_command("trace", "tail", "--kid", key.kid, "-o", "jsonl")
    tail = subprocess.Popen(command, env=deployment.environment, cwd=deployment.folder, stdout=subprocess.PIPE)
    seen: dict[str, float] = {}

    def read() -> None:
        assert tail.stdout is not None
        for line in tail.stdout:
            seen[json.loads(line)["request_id"]] = time.monotonic()

    def call() -> tuple[str, float]:
        return deployment.call("/v1/raw/echo", X_Api_Key=key.whole).request_id, time.monotonic()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        # Whoever follows sees what comes from then on: it follows when it tells of a call.
        deployment.wait_for(lambda: bool(call()) and bool(seen), "the tail's first line")
        waits = []
        for _ in range(5):
            request_id, answered = call()
            deployment.wait_for(lambda wanted=request_id: wanted in seen, "its line", VISIBLE_SECONDS)  # type: ignore[misc]
            waits.append(seen[request_id] - answered)
    finally:
        tail.terminate()
        tail.wait(20)
        reader.join(20)
        assert tail.stdout is not None
        tail.stdout.close()
    print(f"in the tail after {max(waits):.2f} s at most, {min(waits):.2f} s at least")
    assert max(waits) < VISIBLE_SECONDS


def test_the_tail_follows_until_it_is_interrupted(deployment: Deployment) -> None:
    command = portazgo_command("trace", "tail", "--fault", "route_unknown", "-o", "jsonl")
    process = subprocess.Popen(
        command, env=deployment.environment, cwd=deployment.folder, stdout=subprocess.PIPE, text=True
    )
    seen: set[str] = set()
    wanted: set[str] = set()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            seen.add(json.loads(line)["request_id"])

    reader = threading.Thread(target=read, daemon=True)
    reader.start()

    def is_followed() -> bool:
        # Whoever follows sees what comes from then on, and nothing says when it began.
        wanted.add(deployment.call("/v1/followed").request_id)
        return not wanted.isdisjoint(seen.copy())

    try:
        deployment.wait_for(is_followed, "the line of a call")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    finally:
        process.kill()
        process.wait()
        reader.join(10)
        assert process.stdout is not None
        process.stdout.close()
    endless = portazgo(deployment.environment, deployment.folder, "trace", "tail", "-o", "json")
    assert (endless.returncode, "use -o jsonl" in endless.stderr) == (2, True)


def is_shown(deployment: Deployment, request_id: str) -> bool:
    """Whether the admin API tells a call."""
    try:
        return bool(deployment.admin.get(f"/traces/{request_id}")["request_id"] == request_id)
    except Answered as problem:
        assert problem.status == 404
        return False


def test_a_segment_that_comes_again_changes_nothing_and_one_that_was_altered_is_refused(
    deployment: Deployment, key: OwnKey
) -> None:
    deployment.trace(deployment.call("/v1/raw/echo", X_Api_Key=key.whole).request_id)
    with closing(sqlite3.connect(f"file:{deployment.data / 'ledger.sqlite3'}?mode=ro", uri=True)) as ledger:
        row = ledger.execute(
            "SELECT node, epoch, first_sequence, last_sequence, content FROM usage_manifest JOIN usage_segment "
            "ON manifest_id = id ORDER BY id DESC LIMIT 1"
        ).fetchone()
    node, epoch, first, _, content = row
    node, epoch = (f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}" for text in (node, epoch))
    token = Secret((deployment.data / "node-token").read_text().strip())
    collector = JsonClient(deployment.environment["PORTAZGO_INTERNAL_URL"], token)

    def send(first_sequence: int, body: bytes) -> tuple[int, Any]:
        answer = collector.request(
            "POST",
            "/internal/v1/segments",
            query={"node": node, "epoch": epoch, "first": first_sequence},
            body=body,
            headers={"X-Portazgo-Node": node, "X-Portazgo-Epoch": epoch},
        )
        return answer.status, answer.json()

    def state() -> tuple[Any, Any]:
        mine = [one for one in deployment.admin.get("/usage", {"group_by": ["kid"]})["items"] if one["kid"] == key.kid]
        return mine, deployment.admin.get("/traces", {"kid": key.kid, "limit": 200})["items"]

    before = state()
    assert send(first, content) == (200, {"stored": False})
    assert send(first, content) == (200, {"stored": False})
    bent = bytearray(content)
    bent[len(bent) // 2] ^= 1
    assert send(first, bytes(bent))[0] == 422
    assert send(first + 1, content)[0] == 422
    assert state() == before
    assert all(one["balanced"] for one in deployment.admin.get("/usage/balance")["items"])


def test_a_node_that_is_told_to_end_answers_what_is_in_flight_and_ships_its_records(tmp_path: Path) -> None:
    with Deployment(tmp_path) as deployment, Origin() as origin:
        key = own_key(deployment, "raw", origin.publish(deployment))
        replies = []

        def call() -> None:
            replies.append(deployment.call("/v1/raw/held", X_Api_Key=key.whole))

        callers = [threading.Thread(target=call) for _ in range(5)]
        for caller in callers:
            caller.start()
        for _ in callers:
            assert origin.held.acquire(timeout=15)
        ending: list[int] = []
        end = threading.Thread(target=lambda: ending.append(deployment.stop("gateway")))
        end.start()

        def takes_nothing_new() -> bool:
            try:
                deployment.call("/v1/raw/echo", X_Api_Key=key.whole)
            except OSError:  # refused or reset
                return True
            return False

        deployment.wait_for(takes_nothing_new, "the end of accepting", 5)
        origin.release.set()
        for thread in (*callers, end):
            thread.join(20)
        assert ending == [0]
        assert [reply.status for reply in replies] == [200] * 5
        traces = [deployment.trace(reply.request_id) for reply in replies]
        assert {facts(trace, "status_sent", "delivery", "fault") for trace in traces} == {(200, "complete", None)}
        balance = deployment.admin.get("/usage/balance")
        assert balance["balanced"], balance
        assert [epoch["state"] for epoch in balance["items"]] == ["clean"]


def test_what_a_partner_keeps_secret_is_in_no_file_and_no_answer_afterwards(tmp_path: Path) -> None:
    canary = "cAnArY5ecret"
    told: list[bytes] = []
    with Deployment(tmp_path) as deployment, Origin() as origin:
        key = own_key(deployment, "raw", origin.publish(deployment))
        secrets = [key.whole[-38:-6], deployment.key["api_key"][-38:-6]]
        other = own_key(deployment, "other")

        def call(path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> None:
            connection = HTTPConnection("127.0.0.1", deployment.gateway_port, timeout=20)
            with closing(connection):
                sent = {"X-Api-Key": key.whole, **{name.replace("_", "-"): value for name, value in headers.items()}}
                connection.request(method, path, body, {name: value for name, value in sent.items() if value})
                answer = connection.getresponse()
                told.append(answer.read())
                deployment.trace(answer.headers["X-Request-Id"])

        call(f"/v1/raw/echo?access_token={canary}")
        call(f"/v1/nowhere?password={canary}")
        call("/v1/raw/upload", "POST", f'{{"card": "{canary}"}}'.encode(), Cookie=f"session={canary}")
        call("/v1/raw/echo", Authorization=f"Bearer {canary}", X_Secret=canary)
        call("/v1/raw/echo", Authorization=f"Bearer {canary}", X_Api_Key="")
        call("/v1/raw/echo", Authorization=f"Basic {canary}", X_Api_Key=canary)
        call("/v1/raw/echo", X_Api_Key=key.whole[:-38] + (canary * 4)[:38])
        call("/v1/raw/echo", Authorization=f"Bearer {other.whole}")
        with connect(deployment) as connection:
            connection.sendall(
                f"GET /v1/raw/echo?key={canary} HTTP/1.1\r\nX-Secret: {canary}\r\nHost : a\r\n\r\n".encode()
            )
            told.append(connection.recv(65536))
        with connect(deployment) as connection:
            connection.sendall(head(key, f"/v1/raw/upload?token={canary}", "POST", Content_Length="100000"))
            connection.sendall(canary.encode() * 100)
            time.sleep(0.3)
        secrets.append(other.whole[-38:-6])
        told.append(json.dumps(deployment.admin.get("/traces", {"limit": 200})).encode())
        told.append(json.dumps(deployment.admin.get("/audit", {"limit": 200})).encode())
        token = (deployment.data / "admin-token").read_text().strip()
        time.sleep(1.5)
        deployment.kill("gateway")  # its slabs stay as they are
        for name in ("control", "backend"):
            deployment.stop(name)

    needles = [canary.encode(), *(secret.encode() for secret in secrets)]
    assert [index for index, text in enumerate(told) if any(needle in text for needle in needles)] == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"ledger.sqlite3", "state.sqlite3", "gateway.log", "control.log", "node.json"} <= {
        path.name for path in files
    }
    assert any("slabs" in path.parts for path in files)
    found = {str(path.relative_to(tmp_path)) for path in files for needle in needles if needle in path.read_bytes()}
    assert found == set()
    # The search finds what is there: the admin token is where it belongs, and only there.
    holding = {path.name for path in files if token.encode() in path.read_bytes()}
    assert holding == {"admin-token"}
