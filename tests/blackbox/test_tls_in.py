"""TLS from partners: which certificate, which versions, resumption, reload, client certificates, and a record per failure."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from support import http2
from support.bare_gateway import API_KEY, BareGateway, Origin, backend_to, wait_for
from support.certificates import DAY, Identity

REQUEST = f"GET /v1/things/1 HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {API_KEY}\r\n\r\n".encode()


@dataclass(frozen=True, slots=True)
class Place:
    """A gateway with two certificates, and who signed them."""

    gateway: BareGateway
    authority: Identity
    folder: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, origin: Origin) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("tls")
    authority = Identity.authority()
    between = Identity.authority("Between", issuer=authority)
    pairs = [
        between.server("gate.example").write(folder, "gate"),
        authority.server("*.partners.example").write(folder, "partners"),
    ]
    with BareGateway(tmp_path_factory.mktemp("gateway"), backend_to(origin.url), **certificates(*pairs)) as running:
        yield Place(running, authority, folder)


def certificates(*pairs: tuple[Path, Path]) -> dict[str, Any]:
    return {"PORTAZGO_GATEWAY_TLS_CERTIFICATES": ", ".join(f"{chain}:{key}" for chain, key in pairs)}


def context(authority: Identity, **options: Any) -> ssl.SSLContext:
    made = ssl.create_default_context(cadata=authority.pem)
    for name, value in options.items():
        setattr(made, name, value)
    return made


def connect(
    gateway: BareGateway, made: ssl.SSLContext, name: str | None = "gate.example", session: ssl.SSLSession | None = None
) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", gateway.port), timeout=10)
    return made.wrap_socket(plain, server_hostname=name, session=session)


def ask(connection: ssl.SSLSocket, request: bytes = REQUEST) -> int:
    """One request on a connection that stays open. Returns the status."""
    connection.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer or len(answer.split(b"\r\n\r\n", 1)[1]) < _length(answer):
        piece = connection.recv(65536)
        assert piece, answer
        answer += piece
    return int(answer.split(b" ")[1])


def _length(answer: bytes) -> int:
    head = answer.split(b"\r\n\r\n", 1)[0].lower()
    return next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))


def names(connection: ssl.SSLSocket) -> list[str]:
    shown = connection.getpeercert(binary_form=True)
    assert shown is not None
    certificate = x509.load_der_x509_certificate(shown)
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return extension.value.get_values_for_type(x509.DNSName)


def failures(gateway: BareGateway) -> list[dict[str, Any]]:
    return [record for record in gateway.records() if record["kind"] == "connection"]


def the_next_failure(gateway: BareGateway, before: int) -> str:
    wait_for(lambda: len(failures(gateway)) > before, "the record of the connection")
    found = failures(gateway)
    assert len(found) == before + 1, found
    assert (found[-1]["count"], found[-1]["client_address"]) == (1, "127.0.0.1")
    assert (found[-1]["delivery"], found[-1]["billable"]) == ("none", False)
    return str(found[-1]["fault"])


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_are_spoken_and_the_backend_is_told_the_truth(
    place: Place, origin: Origin, version: ssl.TLSVersion
) -> None:
    origin.seen.clear()
    made = context(place.authority, minimum_version=version, maximum_version=version)
    with connect(place.gateway, made) as connection:
        assert ask(connection) == 200
        assert ask(connection) == 200
    assert [seen.header("x-forwarded-proto") for seen in origin.seen] == ["https", "https"]


def test_the_name_that_a_client_asks_for_chooses_the_certificate(place: Place) -> None:
    for asked, shown in (
        ("gate.example", "gate.example"),
        ("GATE.example", "gate.example"),
        ("north.partners.example", "*.partners.example"),
    ):
        with connect(place.gateway, context(place.authority), asked) as connection:
            assert names(connection) == [shown]
    # A client that names no server gets the first.
    with connect(place.gateway, context(place.authority, check_hostname=False), None) as connection:
        assert names(connection) == ["gate.example"]


def test_http_1_is_agreed_on(place: Place) -> None:
    made = context(place.authority)
    made.set_alpn_protocols(["http/1.1"])
    with connect(place.gateway, made) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
        assert ask(connection) == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_is_resumed(place: Place, version: ssl.TLSVersion) -> None:
    made = context(place.authority, minimum_version=version, maximum_version=version)
    with connect(place.gateway, made) as connection:
        assert not connection.session_reused
        assert ask(connection) == 200
        session = connection.session
    with connect(place.gateway, made, session=session) as connection:
        assert connection.session_reused
        assert ask(connection) == 200


def _wrong_name(place: Place) -> None:
    connect(place.gateway, context(place.authority), "elsewhere.example")


def _rejected(place: Place) -> None:
    connect(place.gateway, context(Identity.authority("Another")))


def _old_version(place: Place) -> None:
    # What a client of TLS 1.0 begins with: this machine's OpenSSL no longer speaks it.
    hello = b"\x03\x01" + bytes(32) + b"\x00" + b"\x00\x04\xc0\x13\x00\x2f" + b"\x01\x00"
    message = b"\x01" + len(hello).to_bytes(3, "big") + hello
    with socket.create_connection(("127.0.0.1", place.gateway.port), timeout=10) as connection:
        connection.sendall(b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message)
        assert connection.recv(100)[:1] == b"\x15"


def _nothing_in_common(place: Place) -> None:
    made = context(place.authority, maximum_version=ssl.TLSVersion.TLSv1_2)
    made.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
    connect(place.gateway, made)


def _plain(place: Place) -> None:
    with socket.create_connection(("127.0.0.1", place.gateway.port), timeout=10) as connection:
        connection.sendall(REQUEST)
        while connection.recv(100):
            pass


def _gone(place: Place) -> None:
    with socket.create_connection(("127.0.0.1", place.gateway.port), timeout=10) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00")


@pytest.mark.parametrize(
    ("fail", "fault"),
    [
        (_wrong_name, "tls_server_name_unknown"),
        (_rejected, "tls_client_rejected_certificate"),
        (_old_version, "tls_version_unsupported"),
        (_nothing_in_common, "tls_parameters_unsupported"),
        (_plain, "tls_plaintext"),
        (_gone, "tls_handshake_aborted"),
    ],
)
def test_each_failed_handshake_is_one_record_that_says_why(place: Place, fail: Any, fault: str) -> None:
    before = len(failures(place.gateway))
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        fail(place)
    assert the_next_failure(place.gateway, before) == fault


def test_a_silent_handshake_ends_after_its_time(place: Place) -> None:
    before = len(failures(place.gateway))
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", place.gateway.port), timeout=30) as connection:
        assert connection.recv(1) == b""
    assert 9 <= time.monotonic() - began <= 20
    assert the_next_failure(place.gateway, before) == "tls_handshake_timeout"


def test_a_name_may_have_an_ecdsa_and_an_rsa_certificate(tmp_path: Path, origin: Origin) -> None:
    authority = Identity.authority()
    old = authority.server("gate.example", key=rsa.generate_private_key(public_exponent=65537, key_size=2048))
    pairs = [authority.server("gate.example").write(tmp_path, "new"), old.write(tmp_path, "old")]
    with BareGateway(tmp_path / "gateway", backend_to(origin.url), **certificates(*pairs)) as gateway:
        for cipher in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"):
            made = context(authority, maximum_version=ssl.TLSVersion.TLSv1_2)
            made.set_ciphers(cipher)
            with connect(gateway, made) as connection:
                chosen = connection.cipher()
                assert chosen is not None
                assert chosen[0] == cipher


def test_new_certificates_are_served_without_dropping_a_connection(tmp_path: Path, origin: Origin) -> None:
    authority = Identity.authority()
    first = authority.server("gate.example")
    pair = first.write(tmp_path, "gate")
    with BareGateway(tmp_path / "gateway", backend_to(origin.url), **certificates(pair)) as gateway:
        made = context(authority)

        def serial() -> int:
            with connect(gateway, made) as new:
                shown = new.getpeercert(binary_form=True)
                assert shown is not None
                return x509.load_der_x509_certificate(shown).serial_number

        with connect(gateway, made) as connection:
            assert ask(connection) == 200
            # A bad file changes nothing, and the log says so.
            pair[0].write_text("no certificate\n")
            wait_for(lambda: "the old ones stay" in gateway.log.read_text(), "the complaint")
            assert serial() == first.certificate.serial_number
            # So does a certificate without its key.
            gateway.signal(signal.SIGHUP)
            pair[0].write_text(authority.server("gate.example").chain)
            wait_for(lambda: "are no pair" in gateway.log.read_text(), "the other complaint")
            assert serial() == first.certificate.serial_number
            # A good pair is found without a signal.
            second = authority.server("gate.example")
            second.write(tmp_path, "gate")
            wait_for(lambda: serial() == second.certificate.serial_number, "the second certificate")
            # And at once with one.
            third = authority.server("gate.example")
            third.write(tmp_path, "gate")
            gateway.signal(signal.SIGHUP)
            wait_for(lambda: serial() == third.certificate.serial_number, "the third certificate")
            assert ask(connection) == 200
        assert not gateway.has_ended


def test_a_gateway_does_not_start_with_a_certificate_that_is_none(tmp_path: Path, origin: Origin) -> None:
    (tmp_path / "gate.pem").write_text("no certificate\n")
    (tmp_path / "gate.key").write_text("no key\n")
    pair = (tmp_path / "gate.pem", tmp_path / "gate.key")
    gateway = BareGateway(tmp_path / "gateway", backend_to(origin.url), **certificates(pair))
    with pytest.raises(AssertionError, match="gate.pem"), gateway:
        pass


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_client_certificates_are_checked_where_they_are_required(
    tmp_path: Path, origin: Origin, version: ssl.TLSVersion
) -> None:
    authority, clients = Identity.authority(), Identity.authority("Clients")
    (tmp_path / "clients.pem").write_text(clients.pem)
    environment = {
        **certificates(authority.server("gate.example").write(tmp_path, "gate")),
        "PORTAZGO_GATEWAY_TLS_CLIENT_CERTIFICATES": "required",
        "PORTAZGO_GATEWAY_TLS_CLIENT_CA": str(tmp_path / "clients.pem"),
    }
    shown: list[tuple[Identity | None, str | None]] = [
        (clients.client("north"), None),
        (None, "tls_client_certificate_missing"),
        (clients.client("north", ends=-timedelta(minutes=1)), "tls_client_certificate_expired"),
        (clients.client("north", begins=DAY, ends=2 * DAY), "tls_client_certificate_expired"),
        (Identity.authority("Clients").client("north"), "tls_client_certificate_untrusted"),
    ]
    with BareGateway(tmp_path / "gateway", backend_to(origin.url), **environment) as gateway:
        for client, fault in shown:
            made = context(authority, minimum_version=version, maximum_version=version)
            if client is not None:
                made.load_cert_chain(*client.write(tmp_path, "client"))
            before = len(failures(gateway))
            if fault is None:
                with connect(gateway, made) as connection:
                    assert ask(connection) == 200
                continue
            with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)), connect(gateway, made) as connection:
                ask(connection)
            assert the_next_failure(gateway, before) == fault


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_key_that_is_bound_to_a_certificate_works_with_that_one_only(
    tmp_path: Path, origin: Origin, version: ssl.TLSVersion
) -> None:
    authority, clients = Identity.authority(), Identity.authority("Clients")
    (tmp_path / "clients.pem").write_text(clients.pem)
    bound, other = clients.client("north"), clients.client("south")
    environment = {
        **certificates(authority.server("gate.example").write(tmp_path, "gate")),
        "PORTAZGO_GATEWAY_TLS_CLIENT_CERTIFICATES": "optional",
        "PORTAZGO_GATEWAY_TLS_CLIENT_CA": str(tmp_path / "clients.pem"),
    }
    key = {"client_certificates": [bound.certificate.fingerprint(hashes.SHA256()).hex()]}
    shown: list[tuple[Identity | None, int]] = [(bound, 200), (other, 403), (None, 403)]
    with BareGateway(tmp_path / "gateway", backend_to(origin.url), key=key, **environment) as gateway:
        for client, status in shown:
            made = context(authority, minimum_version=version, maximum_version=version)
            if client is not None:
                made.load_cert_chain(*client.write(tmp_path, "client"))
            with connect(gateway, made) as connection:
                assert [ask(connection) for _ in range(2)] == [status, status]
                session = connection.session
            # A resumed session is as good as the handshake that it comes from, and no better.
            with connect(gateway, made, session=session) as connection:
                assert (connection.session_reused, ask(connection)) == (True, status)
        records = gateway.wait_for_records(9)
    faults = [record["fault"] for record in records]
    assert faults == [None] * 3 + ["key_certificate_denied"] * 6


def test_a_bound_key_is_bound_on_each_stream_of_http_2(tmp_path: Path, origin: Origin) -> None:
    authority, clients = Identity.authority(), Identity.authority("Clients")
    (tmp_path / "clients.pem").write_text(clients.pem)
    bound, other = clients.client("north"), clients.client("south")
    environment = {
        **certificates(authority.server("gate.example").write(tmp_path, "gate")),
        "PORTAZGO_GATEWAY_TLS_CLIENT_CERTIFICATES": "optional",
        "PORTAZGO_GATEWAY_TLS_CLIENT_CA": str(tmp_path / "clients.pem"),
    }
    key = {"client_certificates": [bound.certificate.fingerprint(hashes.SHA256()).hex()]}
    shown: list[tuple[Identity | None, int]] = [(bound, 200), (other, 403), (None, 403)]
    asked = [
        (":method", "GET"), (":scheme", "https"), (":authority", "gate.example"), (":path", "/v1/things/1"),
        ("x-api-key", API_KEY),
    ]  # fmt: skip
    with BareGateway(tmp_path / "gateway", backend_to(origin.url), key=key, **environment) as gateway:
        for client, status in shown:
            made = context(authority)
            made.set_alpn_protocols(["h2"])
            if client is not None:
                made.load_cert_chain(*client.write(tmp_path, "client"))
            with http2.Connection(connect(gateway, made)) as connection:
                streams = [connection.request(asked) for _ in range(3)]
                assert [connection.finish(stream).status for stream in streams] == [status] * 3
        records = gateway.wait_for_records(9)
    assert [record["fault"] for record in records] == [None] * 3 + ["key_certificate_denied"] * 6


def test_a_bound_key_is_refused_where_there_is_no_tls(tmp_path: Path, origin: Origin) -> None:
    claimed = b"X-Forwarded-Client-Cert: Hash=" + b"11" * 32 + b"\r\n\r\n"
    with (
        BareGateway(tmp_path, backend_to(origin.url), key={"client_certificates": ["11" * 32]}) as gateway,
        socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection,
    ):
        connection.sendall(REQUEST.removesuffix(b"\r\n") + claimed)
        answer = connection.recv(65536)
        (record,) = gateway.wait_for_records(1)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b'"certificate_denied"' in answer
    assert (record["fault"], record["kid"]) == ("key_certificate_denied", record["claimed_kid"])


def test_failed_handshakes_are_counted(place: Place) -> None:
    import urllib3

    metrics = urllib3.request("GET", f"http://127.0.0.1:{place.gateway.admin_port}/metrics").data.decode()
    counted = {
        line.split("{")[1].split("}")[0]: int(line.rsplit(" ", 1)[1])
        for line in metrics.splitlines()
        if line.startswith("portazgo_connections_failed_total{")
    }
    recorded: dict[str, int] = {}
    for record in failures(place.gateway):
        label = f"fault={json.dumps(record['fault'])}"
        recorded[label] = recorded.get(label, 0) + 1
    assert counted == recorded
