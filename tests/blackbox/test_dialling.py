"""How targets are reached: a socket of this machine, a name with addresses of two families, a name that has none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer

import urllib3
from support.bare_gateway import API_KEY, BareGateway, Origin, backend_to


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"{self.headers['Host']} {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "a Unix socket has none"

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


@contextmanager
def _server(path: Path) -> Iterator[None]:
    with _Server(str(path), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def _call(gateway: BareGateway) -> urllib3.BaseHTTPResponse:
    headers = {"X-Api-Key": API_KEY}
    return urllib3.request("GET", f"http://127.0.0.1:{gateway.port}/v1/things/7", headers=headers, retries=False)


def test_a_server_on_a_unix_socket_is_reached_and_its_connection_kept(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    with BareGateway(tmp_path / "gateway", backend_to(f"unix:{path}")) as gateway:
        refused = _call(gateway)
        with _server(path):
            answers = [_call(gateway) for _ in range(3)]
        records = gateway.wait_for_records(4)
    assert (refused.status, refused.json()["code"]) == (502, "backend_unreachable")
    assert [(answer.status, answer.data) for answer in answers] == [(200, b"localhost /api/things/7")] * 3
    assert [record["fault"] for record in records] == ["connect_refused", None, None, None]


def test_a_name_is_reached_by_whichever_family_listens(tmp_path: Path) -> None:
    # The name of this machine has addresses of both families or of one; the origin listens on IPv4 alone.
    with Origin() as origin:
        port = origin.url.rsplit(":", 1)[1]
        with BareGateway(tmp_path, backend_to(f"http://localhost:{port}")) as gateway:
            answers = [_call(gateway).status for _ in range(3)]
            records = gateway.wait_for_records(3)
    assert answers == [200, 200, 200]
    assert {record["backend_target"] for record in records} == {f"127.0.0.1:{port}"}


def test_a_name_that_has_no_address_is_a_fault_of_its_own(tmp_path: Path) -> None:
    with BareGateway(tmp_path, backend_to("http://backend.invalid:80")) as gateway:
        answer = _call(gateway)
        (record,) = gateway.wait_for_records(1)
    assert (answer.status, record["fault"]) == (502, "dns_failure")


def test_a_name_whose_backend_is_gone_is_a_refusal(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with BareGateway(tmp_path, backend_to(f"http://localhost:{port}")) as gateway:
        answer = _call(gateway)
        (record,) = gateway.wait_for_records(1)
    assert (answer.status, record["fault"]) == (502, "connect_refused")
