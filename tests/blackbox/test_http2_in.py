"""HTTP/2 from partners: by preface and by ALPN, each stream one record, nothing meaning more at the backend than here."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.bare_gateway import API_KEY, BareGateway, Origin, backend_to, wait_for
from support.certificates import Identity
from support.http2 import DATA, PREFACE, RST_STREAM, Connection, frame

CASES = json.loads((Path(__file__).parents[1] / "cases" / "http2_requests.json").read_text())["cases"]
GET = [
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "gate.example"),
    (":path", "/v1/things/1"),
    ("x-api-key", API_KEY),
]
MOST_REQUEST_BYTES, PIECE_BYTES = 1_000_000, 16_000
POST = [(":method", "POST"), *GET[1:]]
H2SPEC_VERSION = "v2.2.1+incompatible"
H2SPEC_TESTS = 145


@pytest.fixture
def before(gateway: BareGateway, origin: Origin) -> int:
    origin.seen.clear()
    return len(gateway.records())


def _kinds(gateway: BareGateway, before: int) -> list[str]:
    return [record["kind"] for record in gateway.records()[before:]]


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_a_request_means_the_same_at_the_backend_or_never_gets_there(
    gateway: BareGateway, origin: Origin, before: int, case: dict[str, Any]
) -> None:
    fields = [(name, value.replace("KEY", API_KEY)) for name, value in case["fields"]]
    fields += [("accept", "x")] * case.get("repeat", 0)
    data = case["data"].encode() if "data" in case else None
    with Connection.plain(gateway.port) as connection:
        answer = connection.finish(connection.request(fields, data))
        broken = connection.closed or answer.reset is not None
    if case.get("library"):
        assert broken or answer.status == 400, answer
        assert [seen for seen in origin.seen if seen.body == (data or b"")] == []
        wait_for(lambda: "connection" in _kinds(gateway, before), "the record of the connection")
        found = [record for record in gateway.records()[before:] if record["kind"] == "connection"]
        assert [(record["fault"], record["count"]) for record in found] == [("http2_protocol_error", 1)]
        return
    record = gateway.wait_for_records(before + 1)[-1]
    assert (answer.status, record["fault"], record["status_sent"]) == (case["status"], case["fault"], case["status"])
    assert (record["kind"], record["delivery"], answer.ended) == ("request", "complete", True)
    if "seen" not in case:
        assert origin.seen == []
        return
    wanted = dict(case["seen"])
    (seen,) = origin.seen
    assert (seen.method, seen.path) == (wanted.pop("method"), wanted.pop("path"))
    assert seen.body.decode() == wanted.pop("body", "")
    assert {name: seen.header(name) for name in wanted} == wanted


def test_each_stream_is_one_record_and_bytes_are_counted(gateway: BareGateway, origin: Origin, before: int) -> None:
    with Connection.plain(gateway.port) as connection:
        streams = [connection.request(GET) for _ in range(20)]
        answers = [connection.finish(stream) for stream in streams]
    assert [(answer.status, answer.body) for answer in answers] == [(200, origin.answer)] * 20
    records = gateway.wait_for_records(before + 20)[before:]
    assert {(record["fault"], record["delivery"], record["billable"]) for record in records} == {
        (None, "complete", True)
    }
    assert len({record["request_id"] for record in records}) == 20
    assert all(record["bytes_out"] > len(origin.answer) for record in records)
    assert all(record["bytes_in"] > 60 for record in records)


def test_a_client_that_cancels_leaves_one_aborted_record(gateway: BareGateway, before: int) -> None:
    with Connection.plain(gateway.port) as connection:
        stream = connection.new_stream()
        connection.send(connection.headers(stream, POST, end=False) + frame(DATA, 0, stream, b"begun"))
        connection.send(frame(RST_STREAM, 0, stream, b"\0\0\0\x08"))
        assert connection.finish(connection.request(GET)).status == 200
    records = gateway.wait_for_records(before + 2)[before:]
    assert sorted((record["fault"] or "", record["method"]) for record in records) == [
        ("", "GET"),
        ("client_aborted", "POST"),
    ]


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "found out"])
@pytest.mark.parametrize("over", ["HTTP/1.1", "HTTP/2"])
def test_a_body_that_is_too_large_is_refused_however_it_comes(
    gateway: BareGateway, origin: Origin, before: int, over: str, *, declared: bool
) -> None:
    pieces = [b"x" * PIECE_BYTES] * (MOST_REQUEST_BYTES // PIECE_BYTES + 2)
    length = str(len(pieces) * PIECE_BYTES)
    if over == "HTTP/2":
        with Connection.plain(gateway.port, seconds=20) as client:
            stream = client.new_stream()
            head = [*POST, ("content-length", length)] if declared else POST
            client.send(client.headers(stream, head, end=False))
            client.socket.settimeout(0.02)
            for piece in pieces:
                # Its window is the gateway's to open, which does so while it reads.
                client.send(frame(DATA, 0, stream, piece))
                with contextlib.suppress(TimeoutError):
                    client.read()
                if client.streams[stream].fields:
                    break
            client.socket.settimeout(20)
            status = client.finish(stream).status
    else:
        declares = f"Content-Length: {length}" if declared else "Transfer-Encoding: chunked"
        lines = ["POST /v1/things/1 HTTP/1.1", "Host: a", f"X-Api-Key: {API_KEY}", declares, "", ""]
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as plain:
            plain.sendall("\r\n".join(lines).encode())
            with contextlib.suppress(ConnectionError):
                for piece in [] if declared else pieces:
                    plain.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            status = int(plain.recv(4096).split(b" ")[1])
    record = gateway.wait_for_records(before + 1)[-1]
    assert (status, record["status_sent"], record["fault"]) == (413, 413, "body_too_large")
    assert origin.seen == [], "no backend takes it for whole"


def test_answers_without_a_body_are_complete(gateway: BareGateway, before: int) -> None:
    with Connection.plain(gateway.port) as connection:
        answer = connection.finish(connection.request([(":method", "HEAD"), *GET[1:]]))
    assert (answer.status, answer.body) == (405, b"")
    assert gateway.wait_for_records(before + 1)[-1]["delivery"] == "complete"


def test_a_large_answer_is_complete_when_the_client_has_it(tmp_path: Path) -> None:
    with Origin(answer=b"x" * 3_000_000) as origin, BareGateway(tmp_path, backend_to(origin.url)) as gateway:
        with Connection.plain(gateway.port) as connection:
            answer = connection.finish(connection.request(GET))
            assert (answer.status, answer.body) == (200, origin.answer)
        record = gateway.wait_for_records(1)[0]
        assert (record["delivery"], record["bytes_out"] >= 3_000_000) == ("complete", True)
        # One that leaves in the middle has not got it.
        with Connection.plain(gateway.port) as connection:
            stream = connection.request(GET)
            while not connection.streams[stream].body:
                connection.read()
        record = gateway.wait_for_records(2)[1]
        assert (record["delivery"], record["fault"]) == ("aborted", "client_aborted")


def test_bytes_that_break_the_protocol_are_one_record_of_the_connection(gateway: BareGateway, before: int) -> None:
    with Connection.plain(gateway.port) as connection:
        connection.send(frame(DATA, 0, 0, b"data without a stream"))
        while not connection.closed:
            connection.read()
        assert connection.goaway == 1
    record = gateway.wait_for_records(before + 1)[-1]
    assert (record["kind"], record["fault"], record["count"]) == ("connection", "http2_protocol_error", 1)


def test_half_a_preface_is_a_malformed_request_of_http_1(gateway: BareGateway, before: int) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(PREFACE[:-2] + b"\r\r")
        assert connection.recv(100).startswith(b"HTTP/1.1 ")
    assert gateway.wait_for_records(before + 1)[-1]["kind"] == "request"


def test_a_connection_ends_politely_when_the_node_drains(tmp_path: Path, origin: Origin) -> None:
    with BareGateway(tmp_path, backend_to(origin.url)) as gateway, Connection.plain(gateway.port) as connection:
        assert connection.finish(connection.request(GET)).status == 200
        gateway.signal(signal.SIGTERM)
        while not connection.closed:
            connection.read()
        assert connection.goaway == 0


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, origin: Origin) -> Iterator[tuple[BareGateway, Identity]]:
    folder = tmp_path_factory.mktemp("tls")
    authority = Identity.authority()
    chain, key = authority.server("gate.example", "127.0.0.1").write(folder, "gate")
    with BareGateway(
        folder / "gateway", backend_to(origin.url), PORTAZGO_GATEWAY_TLS_CERTIFICATES=f"{chain}:{key}"
    ) as running:
        yield running, authority


def test_http_2_is_agreed_on_by_alpn(secure: tuple[BareGateway, Identity], origin: Origin) -> None:
    gateway, authority = secure
    origin.seen.clear()
    made = ssl.create_default_context(cadata=authority.pem)
    made.set_alpn_protocols(["h2", "http/1.1"])
    plain = socket.create_connection(("127.0.0.1", gateway.port), timeout=10)
    with Connection(made.wrap_socket(plain, server_hostname="gate.example")) as connection:
        assert connection.finish(connection.request(GET)).status == 200
    assert origin.seen[0].header("x-forwarded-proto") == "https"


def test_h2spec_finds_nothing(secure: tuple[BareGateway, Identity]) -> None:
    # Over TLS, as browsers speak it: on a plain port, a broken preface is HTTP/1.1's to refuse.
    gateway, _ = secure
    command = [str(_h2spec()), "-h", "127.0.0.1", "-p", str(gateway.port), "-t", "-k", "-P", "/v1/things/1", "-o", "5"]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert f"{H2SPEC_TESTS} tests, {H2SPEC_TESTS} passed, 0 skipped, 0 failed" in outcome.stdout, outcome.stdout[-4000:]


def _h2spec() -> Path:
    """Find h2spec among the tools, or build it there."""
    folder = Path(__file__).parents[2] / ".tools" / "h2spec" / H2SPEC_VERSION
    if not (folder / "h2spec").exists():
        go = shutil.which("go", path="/usr/local/go/bin:/usr/bin:/usr/local/bin") or shutil.which("go")
        assert go is not None, "h2spec is built with Go: install golang"
        package = f"github.com/summerwind/h2spec/cmd/h2spec@{H2SPEC_VERSION}"
        subprocess.run([go, "install", package], env={**os.environ, "GOBIN": str(folder)}, check=True, timeout=300)
    return folder / "h2spec"
