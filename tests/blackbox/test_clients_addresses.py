"""Who the client is: PROXY protocol and forwarding headers, by real sockets through the real gateway."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bare_gateway import API_KEY, BareGateway, Origin, backend_to

CASES = Path(__file__).parents[1] / "cases"
HEADERS = json.loads((CASES / "proxy_protocol.json").read_text())["cases"]
REQUEST = f"GET /v1/things/1 HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {API_KEY}\r\nConnection: close\r\n"


@pytest.fixture(scope="module")
def behind_proxy_protocol(tmp_path_factory: pytest.TempPathFactory, origin: Origin) -> Iterator[BareGateway]:
    with BareGateway(
        tmp_path_factory.mktemp("gateway"),
        backend_to(origin.url),
        PORTAZGO_TRUSTED_PROXIES="127.0.0.1/32",
        PORTAZGO_GATEWAY_PROXY_PROTOCOL="required",
    ) as running:
        yield running


def exchange(port: int, sent: bytes, *, source: str = "127.0.0.1", seconds: float = 10.0) -> bytes:
    """Send bytes, read until the other side closes. A reset counts as a close."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds, source_address=(source, 0)) as connection:
        connection.sendall(sent)
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


@pytest.mark.parametrize("case", HEADERS, ids=[case["why"] for case in HEADERS])
def test_a_proxy_header_is_required_and_read_strictly(
    behind_proxy_protocol: BareGateway, origin: Origin, case: dict[str, object]
) -> None:
    header = str(case["text"]).encode() if "text" in case else bytes.fromhex(str(case["hex"]))
    origin.seen.clear()
    before = len(behind_proxy_protocol.records())
    # A header that is cut off is not completed by the request after it: nothing more is sent.
    request = b"" if case.get("incomplete") else f"{REQUEST}\r\n".encode()
    answer = exchange(behind_proxy_protocol.port, header + request)
    record = behind_proxy_protocol.wait_for_records(before + 1)[-1]
    if case.get("refused") or case.get("incomplete"):
        assert (answer, origin.seen) == (b"", [])
        assert (record["kind"], record["fault"], record["count"]) == ("connection", "proxy_protocol_invalid", 1)
        return
    assert answer.startswith(b"HTTP/1.1 200 ")
    address = str(case["source"]).rsplit(":", 1)[0].strip("[]") if case["source"] else "127.0.0.1"
    assert origin.seen[0].header("x-forwarded-for") == address
    assert (record["kind"], record["fault"], record["client_address"]) == ("request", None, address)


def test_a_proxy_header_has_a_second_to_arrive(behind_proxy_protocol: BareGateway) -> None:
    before = len(behind_proxy_protocol.records())
    began = time.monotonic()
    assert exchange(behind_proxy_protocol.port, b"") == b""
    assert 0.9 <= time.monotonic() - began <= 5.0
    record = behind_proxy_protocol.wait_for_records(before + 1)[-1]
    assert (record["kind"], record["fault"]) == ("connection", "proxy_protocol_invalid")


def test_a_client_behind_a_trusted_proxy_is_found_behind_the_proxy_header_too(
    behind_proxy_protocol: BareGateway, origin: Origin
) -> None:
    # The balancer saw another trusted proxy, so that proxy's X-Forwarded-For counts as well.
    origin.seen.clear()
    header = b"PROXY TCP4 127.0.0.1 192.0.2.1 56324 443\r\n"
    sent = f"{REQUEST}X-Forwarded-For: 192.0.2.66, 203.0.113.9\r\nX-Forwarded-Proto: https\r\n\r\n".encode()
    assert exchange(behind_proxy_protocol.port, header + sent).startswith(b"HTTP/1.1 200 ")
    assert origin.seen[0].header("x-forwarded-for") == "203.0.113.9"
    assert origin.seen[0].header("x-forwarded-proto") == "https"


def test_nobody_but_a_listed_network_may_send_a_proxy_header(tmp_path: Path, origin: Origin) -> None:
    with BareGateway(
        tmp_path,
        backend_to(origin.url),
        PORTAZGO_TRUSTED_PROXIES="127.0.0.2/32",
        PORTAZGO_GATEWAY_PROXY_PROTOCOL="required",
    ) as gateway:
        sent = b"PROXY TCP4 203.0.113.9 192.0.2.1 56324 443\r\n" + f"{REQUEST}\r\n".encode()
        assert exchange(gateway.port, sent, source="127.0.0.1") == b""
        refused = gateway.wait_for_records(1)[0]
        assert (refused["fault"], refused["client_address"]) == ("proxy_protocol_invalid", "127.0.0.1")
        assert exchange(gateway.port, sent, source="127.0.0.2").startswith(b"HTTP/1.1 200 ")
        assert gateway.wait_for_records(2)[1]["client_address"] == "203.0.113.9"


def test_a_listener_without_the_proxy_protocol_never_guesses_it(tmp_path: Path, origin: Origin) -> None:
    origin.seen.clear()
    with BareGateway(tmp_path, backend_to(origin.url), PORTAZGO_TRUSTED_PROXIES="127.0.0.1/32") as gateway:
        sent = b"PROXY TCP4 203.0.113.9 192.0.2.1 56324 443\r\n" + f"{REQUEST}\r\n".encode()
        answer = exchange(gateway.port, sent)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1 ") == 1
        assert origin.seen == []
        assert gateway.wait_for_records(1)[0]["client_address"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("header", "sent", "address", "proto"),
    [
        ("x-forwarded-for", {"X-Forwarded-For": "203.0.113.9"}, "203.0.113.9", "http"),
        ("x-forwarded-for", {"Forwarded": "for=203.0.113.9;proto=https"}, "127.0.0.1", "http"),
        ("forwarded", {"Forwarded": "for=192.0.2.66, for=203.0.113.9;proto=https"}, "203.0.113.9", "https"),
        ("forwarded", {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}, "127.0.0.1", "http"),
        ("none", {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}, "127.0.0.1", "http"),
    ],
)
def test_only_the_header_that_is_set_counts(
    tmp_path: Path, origin: Origin, header: str, sent: dict[str, str], address: str, proto: str
) -> None:
    origin.seen.clear()
    with BareGateway(
        tmp_path,
        backend_to(origin.url),
        PORTAZGO_TRUSTED_PROXIES="127.0.0.1/32",
        PORTAZGO_FORWARDING_HEADER=header,
    ) as gateway:
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        assert exchange(gateway.port, f"{REQUEST}{lines}\r\n".encode()).startswith(b"HTTP/1.1 200 ")
        assert origin.seen[0].header("x-forwarded-for") == address
        assert origin.seen[0].header("x-forwarded-proto") == proto
        assert gateway.wait_for_records(1)[0]["client_address"] == address


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("x-forwarded-for", b'X-Forwarded-For: ", 203.0.113.9'),
        ("x-forwarded-for", b"X-Forwarded-For: \xe9, 203.0.113.9"),
        ("forwarded", b'Forwarded: for=", for=203.0.113.9'),
        ("forwarded", b"Forwarded: for=\xe9, for=203.0.113.9"),
    ],
)
def test_whatever_a_client_writes_the_address_that_its_proxy_appends_counts(
    tmp_path: Path, origin: Origin, header: str, line: bytes
) -> None:
    """The proxy itself is in the key's networks: a client that hid behind it would be let in."""
    origin.seen.clear()
    with BareGateway(
        tmp_path,
        backend_to(origin.url),
        key={"networks": ["127.0.0.1/32"]},
        PORTAZGO_TRUSTED_PROXIES="127.0.0.1/32",
        PORTAZGO_FORWARDING_HEADER=header,
    ) as gateway:
        assert exchange(gateway.port, REQUEST.encode() + line + b"\r\n\r\n").startswith(b"HTTP/1.1 403 ")
        record = gateway.wait_for_records(1)[0]
        assert (record["fault"], record["client_address"]) == ("key_network_denied", "203.0.113.9")
        assert origin.seen == []
