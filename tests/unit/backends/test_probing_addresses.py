"""What a name leads to is judged before it is called, and called at exactly the address that was judged."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from portazgo.backends.explaining import explain_silence
from portazgo.backends.probing import NoReply, get
from portazgo.logins.calling import NoReplyReason

Answer = Callable[..., None]

UNSPECIFIED = "0.0.0.0"  # noqa: S104 - nobody listens there


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """Serve on loopback, which the unspecified address leads to as well."""
    server = HTTPServer(("127.0.0.1", 0), _Hello)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """Serve at a Unix socket; gives its path, and the hosts that callers named."""
    hosts: list[str] = []

    class Hello(_Hello):
        def do_GET(self) -> None:
            hosts.append(self.headers["Host"])
            super().do_GET()

    class Server(HTTPServer):
        address_family = socket.AF_UNIX

        def server_bind(self) -> None:
            self.socket.bind(self.server_address)

    path = tmp_path / "web.sock"
    server = Server(str(path), Hello)  # type: ignore[arg-type]  # an address of this family is a path
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield path, hosts
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def lookup(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Let every name lead to the given addresses."""

    def answer(*addresses: str) -> None:
        def found(_host: str, port: int, *_: object, **__: object) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", found)

    return answer


def test_a_name_at_an_address_that_is_never_called_is_not_called(lookup: Answer, port: int) -> None:
    # The unspecified address would reach the server; a link-local one would wait for nobody.
    lookup(UNSPECIFIED, "169.254.169.254")
    with pytest.raises(NoReply) as silence:
        get(f"http://backend.example:{port}", "/", {})
    assert silence.value.reason is NoReplyReason.NEVER_CALLED
    assert "it is not called" in explain_silence("http://backend.example", silence.value.reason)


def test_the_other_addresses_of_a_name_are_tried_one_after_the_other(lookup: Answer, port: int) -> None:
    lookup(UNSPECIFIED, "127.0.0.1")
    assert get(f"http://backend.example:{port}", "/", {}).status == 204


def test_a_name_that_nothing_can_look_up_is_told(port: int) -> None:
    with pytest.raises(NoReply) as silence:
        get(f"http://{'a' * 64}.example:{port}", "/", {})
    assert silence.value.reason is NoReplyReason.UNKNOWN_HOST


def test_a_socket_of_this_machine_is_called_as_nodes_call_it(local: tuple[Path, list[str]]) -> None:
    path, hosts = local
    assert get(f"unix:{path}", "/", {}).status == 204
    assert hosts == ["localhost"]


def test_a_socket_that_is_not_there_or_that_nobody_serves_is_told(tmp_path: Path) -> None:
    target = f"unix:{tmp_path / 'none.sock'}"
    with pytest.raises(NoReply) as silence:
        get(target, "/", {})
    assert silence.value.reason is NoReplyReason.NO_SOCKET
    assert explain_silence(target, silence.value.reason).startswith(
        f"There is no socket at {target} on the control plane"
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(tmp_path / "left.sock"))
    with pytest.raises(NoReply) as silence:
        get(f"unix:{tmp_path / 'left.sock'}", "/", {})
    assert silence.value.reason is NoReplyReason.REFUSED
