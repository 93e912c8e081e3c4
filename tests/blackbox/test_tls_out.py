"""TLS to backends: who is trusted, and a fault of its own for each way to fail, each by a real server."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest
from support.bare_gateway import API_KEY, BareGateway, Origin, backend_to, wait_for
from support.certificates import DAY, Identity, trusting

REQUIRES = ("backend.http1.1", "backend.tls.1", "credential.none.1")


def secure(identity: Identity, folder: Path, change: Callable[[ssl.SSLContext], None] | None = None) -> Origin:
    """An origin behind TLS with this certificate; `change` spoils its context."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*identity.write(folder, "origin"))
    if change is not None:
        change(made)

    def prepare(server: ThreadingHTTPServer) -> None:
        # The handshake happens in the request's thread: one that fails must not end the server.
        server.socket = made.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)

    return Origin(prepare=prepare)


@contextmanager
def gateway_to(folder: Path, port: int, **tls: Any) -> Iterator[BareGateway]:
    rules = {"ca": None, "server_name": None, "pins_sha256": [], "crl": None, **tls}
    backend = backend_to(f"https://127.0.0.1:{port}", tls=rules)
    with BareGateway(folder / "gateway", backend, requires=REQUIRES) as running:
        yield running


def call(gateway: BareGateway) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    try:
        connection.request("GET", "/v1/things/1", headers={"X-Api-Key": API_KEY})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def pin(identity: Identity) -> str:
    return base64.b64encode(hashlib.sha256(identity.spki).digest()).decode()


AUTHORITY = Identity.authority()
BETWEEN = Identity.authority("Between", issuer=AUTHORITY)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_backend_of_the_own_authority_is_reached_and_its_connection_kept(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    def only(made: ssl.SSLContext) -> None:
        made.minimum_version = made.maximum_version = version

    with (
        secure(BETWEEN.server("127.0.0.1"), tmp_path, only) as origin,
        gateway_to(tmp_path, origin.port, ca=AUTHORITY.pem) as gateway,
    ):
        assert [call(gateway), call(gateway)] == [(200, origin.answer)] * 2
        assert [seen.header("host") for seen in origin.seen] == [f"127.0.0.1:{origin.port}"] * 2
        metrics = _metrics(gateway)
        assert (metrics["portazgo_backend_connects_total"], metrics["portazgo_backend_reuses_total"]) == (1, 1)


def test_the_name_may_be_another_than_the_targets(tmp_path: Path) -> None:
    shown: list[str | None] = []

    def listen(made: ssl.SSLContext) -> None:
        made.sni_callback = lambda *hello: shown.append(hello[1])

    with (
        secure(AUTHORITY.server("backend.internal"), tmp_path, listen) as origin,
        gateway_to(tmp_path, origin.port, ca=AUTHORITY.pem, server_name="backend.internal") as gateway,
    ):
        assert call(gateway)[0] == 200
        assert shown == ["backend.internal"]


def test_a_pinned_key_is_accepted_and_any_of_several(tmp_path: Path) -> None:
    identity = AUTHORITY.server("127.0.0.1")
    pins = [pin(AUTHORITY.server("127.0.0.1")), pin(identity)]
    with (
        secure(identity, tmp_path) as origin,
        gateway_to(tmp_path, origin.port, ca=AUTHORITY.pem, pins_sha256=pins) as gateway,
    ):
        assert call(gateway)[0] == 200


def test_a_self_signed_certificate_can_be_its_own_authority(tmp_path: Path) -> None:
    identity = Identity.self_signed("127.0.0.1")
    with secure(identity, tmp_path) as origin, gateway_to(tmp_path, origin.port, ca=identity.pem) as gateway:
        assert call(gateway)[0] == 200


def test_a_target_is_asked_for_its_health_by_the_rules_of_its_calls(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with (
        secure(AUTHORITY.server("127.0.0.1"), tmp_path) as trusted,
        secure(Identity.authority("Another").server("127.0.0.1"), tmp_path / "other") as stranger,
    ):
        check = {"path": "/check", "interval_ms": 100, "timeout_ms": 5000, "healthy": 1, "unhealthy": 1}
        backend = backend_to(
            f"https://127.0.0.1:{stranger.port}", tls=trusting(AUTHORITY), forwarding={"ejection": None, "check": check}
        )
        backend["targets"].append(f"https://127.0.0.1:{trusted.port}")
        with BareGateway(tmp_path / "gateway", backend, requires=(*REQUIRES, "backend.forwarding.1")) as gateway:
            wait_for(lambda: _healthy(gateway) == [0, 1], "what the checks find")
            assert [call(gateway)[0] for _ in range(6)] == [200] * 6
            assert {seen.header("user-agent") for seen in trusted.seen if seen.path == "/check"} == {
                "portazgo-health-check"
            }
            assert stranger.seen == []


def test_a_list_that_revokes_others_harms_nobody(tmp_path: Path) -> None:
    crl = AUTHORITY.revoke(AUTHORITY.server("elsewhere.example"))
    with (
        secure(BETWEEN.server("127.0.0.1"), tmp_path) as origin,
        gateway_to(tmp_path, origin.port, ca=AUTHORITY.pem, crl=crl) as gateway,
    ):
        assert call(gateway)[0] == 200


Failing = Callable[[Path], tuple[AbstractContextManager[Any], dict[str, Any]]]


def _spoilt(identity: Identity, **tls: Any) -> Failing:
    return lambda folder: (secure(identity, folder), {"ca": AUTHORITY.pem, **tls})


def _demands_client_certificate(folder: Path) -> tuple[AbstractContextManager[Any], dict[str, Any]]:
    def demand(made: ssl.SSLContext) -> None:
        # In TLS 1.2 the refusal is part of the handshake.
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(cadata=AUTHORITY.pem)

    return secure(AUTHORITY.server("127.0.0.1"), folder, demand), {"ca": AUTHORITY.pem}


def _weak_ciphers(folder: Path) -> tuple[AbstractContextManager[Any], dict[str, Any]]:
    def weaken(made: ssl.SSLContext) -> None:
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        made.set_ciphers("ECDHE-ECDSA-AES128-SHA256")

    return secure(AUTHORITY.server("127.0.0.1"), folder, weaken), {"ca": AUTHORITY.pem}


def _speaks_old_versions(folder: Path) -> tuple[AbstractContextManager[Any], dict[str, Any]]:
    def age(made: ssl.SSLContext) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            made.minimum_version = made.maximum_version = ssl.TLSVersion.TLSv1_1
        made.set_ciphers("ALL:@SECLEVEL=0")

    return secure(AUTHORITY.server("127.0.0.1"), folder, age), {"ca": AUTHORITY.pem}


class _Raw:
    """A server that answers each connection's first bytes with bytes of its own, and closes, or stays silent (None)."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._open:
            connection.close()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.recv(4096)
            if self._answer is None:
                self._open.append(connection)
                continue
            connection.sendall(self._answer)
            connection.close()


def _raw(answer: bytes | None) -> Failing:
    return lambda _: (_Raw(answer), {"ca": AUTHORITY.pem})


OTHER_KEY = AUTHORITY.server("127.0.0.1")
REVOKED = AUTHORITY.server("127.0.0.1")
OF_REVOKED = Identity.authority("Revoked between", issuer=AUTHORITY)


@pytest.mark.parametrize(
    ("failing", "fault"),
    [
        (
            _spoilt(AUTHORITY.server("127.0.0.1", begins=-2 * DAY, ends=-timedelta(minutes=5))),
            "tls_certificate_expired",
        ),
        (_spoilt(AUTHORITY.server("127.0.0.1", begins=DAY, ends=2 * DAY)), "tls_certificate_not_yet_valid"),
        (_spoilt(AUTHORITY.server("127.0.0.2", "backend.internal")), "tls_hostname_mismatch"),
        (_spoilt(Identity.authority("Another").server("127.0.0.1")), "tls_certificate_untrusted"),
        (_spoilt(AUTHORITY.server("127.0.0.1"), ca=None), "tls_certificate_untrusted"),
        (_spoilt(Identity.self_signed("127.0.0.1")), "tls_certificate_self_signed"),
        (_spoilt(REVOKED, crl=AUTHORITY.revoke(REVOKED)), "tls_certificate_revoked"),
        (_spoilt(OF_REVOKED.server("127.0.0.1"), crl=AUTHORITY.revoke(OF_REVOKED)), "tls_certificate_revoked"),
        (_spoilt(AUTHORITY.server("127.0.0.1"), pins_sha256=[pin(OTHER_KEY)]), "tls_certificate_pin_mismatch"),
        # A pin of the authority is no pin of the backend: what else a chain holds is the other side's to choose.
        (_spoilt(AUTHORITY.server("127.0.0.1"), pins_sha256=[pin(AUTHORITY)]), "tls_certificate_pin_mismatch"),
        (_demands_client_certificate, "tls_backend_alert"),
        (_speaks_old_versions, "tls_backend_parameters_unsupported"),
        # OpenSSL says the same of this as of a missing client certificate: handshake_failure.
        (_weak_ciphers, "tls_backend_alert"),
        (_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "tls_backend_plaintext"),
        (_raw(b""), "tls_backend_handshake_failed"),
        (_raw(b"\x16\x03\x03\x00\x04\x02\x00\x00\x00"), "tls_backend_handshake_failed"),
        (_raw(None), "tls_backend_handshake_timeout"),
    ],
)
def test_each_way_to_fail_has_its_fault(tmp_path: Path, failing: Failing, fault: str) -> None:
    server, tls = failing(tmp_path)
    with server as origin, gateway_to(tmp_path, origin.port, **tls) as gateway:
        status, body = call(gateway)
        assert status == (504 if fault.endswith("timeout") else 502)
        # Which way it was is the operator's to know.
        assert b"certificate" not in body
        record = gateway.wait_for_records(1)[0]
        assert (record["fault"], record["backend_status"], record["billable"]) == (fault, None, False)
        assert getattr(origin, "seen", []) == []


def _healthy(gateway: BareGateway) -> list[int]:
    """What checks found of the targets, in their order."""
    import urllib3

    text = urllib3.request("GET", f"http://127.0.0.1:{gateway.admin_port}/metrics").data.decode()
    lines = [line for line in text.splitlines() if line.startswith("portazgo_target_healthy{")]
    return [int(line.rsplit(" ", 1)[1]) for line in lines]


def _metrics(gateway: BareGateway) -> dict[str, float]:
    import urllib3

    text = urllib3.request("GET", f"http://127.0.0.1:{gateway.admin_port}/metrics").data.decode()
    rows = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name.split("{")[0]: float(value) for name, value in rows}
