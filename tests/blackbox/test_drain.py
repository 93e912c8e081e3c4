"""A node that is told to end: its ready light turns red, it accepts for a while longer, and answers what is under way."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from support.bare_gateway import API_KEY, BareGateway, backend_to, wait_for
from support.hostile_backend import GOOD, HostileBackend, slowly
from support.load import SteadyLoad

WAIT_SECONDS = 3
HELD_SECONDS = 5.0


def ready(gateway: BareGateway) -> tuple[int, Any]:
    """Status and document of the ready light."""
    try:
        with urlopen(f"http://127.0.0.1:{gateway.admin_port}/health/ready", timeout=10) as answer:
            return answer.status, json.load(answer)
    except HTTPError as red:
        with red:
            return red.code, json.load(red)


def held_call(gateway: BareGateway, answers: list[tuple[int, bytes]]) -> threading.Thread:
    """Begin a call whose answer takes its time."""

    def call() -> None:
        connection = HTTPConnection("127.0.0.1", gateway.port, timeout=30)
        try:
            connection.request("GET", "/v1/things/held", headers={"X-Api-Key": API_KEY})
            answer = connection.getresponse()
            answers.append((answer.status, answer.read()))
        finally:
            connection.close()

    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_the_light_turns_red_first_and_the_node_accepts_until_its_wait_is_over(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"PORTAZGO_DRAIN_WAIT": f"{WAIT_SECONDS}s", "PORTAZGO_DRAIN_TIME": "20s"}
    with HostileBackend() as backend:
        backend.scripts["held"] = slowly(b"", GOOD, pause=HELD_SECONDS)
        patient = backend_to(f"http://127.0.0.1:{backend.port}")
        patient["timeouts"]["first_byte_ms"] = 15_000
        with BareGateway(tmp_path, patient, **settings) as gateway:
            answers: list[tuple[int, bytes]] = []
            held = held_call(gateway, answers)
            wait_for(lambda: bool(backend.connections_of("held")), "the call under way")
            with SteadyLoad(gateway.port, API_KEY, path="/v1/things/good", calls_per_connection=3) as load:
                wait_for(lambda: len(load.calls) > 10, "load")
                told = time.monotonic()
                gateway.signal(signal.SIGTERM)
                wait_for(lambda: ready(gateway)[0] == 503, "the red light", WAIT_SECONDS)
                assert ready(gateway)[1]["reasons"] == ["the node is draining"]
                before = len(load.calls)
                wait_for(lambda: len(load.calls) > before + 10, "calls after the light turned red", WAIT_SECONDS)
                time.sleep(max(0.0, told + WAIT_SECONDS / 2 - time.monotonic()))
            # Until then each call was accepted, those on new connections too.
            assert load.failed == []
            wait_for(lambda: not takes_connections(gateway), "the end of accepting")
            assert time.monotonic() - told > WAIT_SECONDS * 0.9
            held.join(30)
            assert answers == [(200, b"good")]
            wait_for(lambda: gateway.has_ended, "the end", 20)
            assert gateway.exit_code == 0
            records = gateway.records()
    assert {(record["status_sent"], record["delivery"]) for record in records} == {(200, "complete")}
    assert len(records) == len(load.calls) + 1


def takes_connections(gateway: BareGateway) -> bool:
    try:
        socket.create_connection(("127.0.0.1", gateway.port), timeout=5).close()
    except OSError:
        return False
    return True


def test_who_is_told_twice_ends_at_once_and_the_next_start_has_its_records(tmp_path: Path) -> None:
    with HostileBackend() as backend:
        backend.scripts["held"] = slowly(b"", GOOD, pause=30.0)
        gateway = BareGateway(tmp_path, backend_to(f"http://127.0.0.1:{backend.port}"), PORTAZGO_DRAIN_TIME="60s")
        with gateway, socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
            client.sendall(f"GET /v1/things/held HTTP/1.1\r\nHost: a\r\nX-Api-Key: {API_KEY}\r\n\r\n".encode())
            wait_for(lambda: bool(backend.connections_of("held")), "the call under way")
            gateway.signal(signal.SIGTERM)
            wait_for(lambda: "accepts no more" in gateway.log.read_text(), "the drain")
            assert not gateway.has_ended
            told = time.monotonic()
            gateway.signal(signal.SIGTERM)
            wait_for(lambda: gateway.has_ended, "the end", 5)
            assert (gateway.exit_code, time.monotonic() - told < 5) == (1, True)
            with suppress(ConnectionError):
                assert client.recv(1) == b"", "the call is cut off"
        assert "told twice" in gateway.log.read_text()
        with gateway:
            (record,) = gateway.wait_for_records(1)
    assert (record["fault"], record["delivery"]) == ("interrupted", "unknown")
