"""Clients that trickle a body, or sip an answer: the least rate ends each of them, and nobody beside them.

A client that is slow but keeps to the rate goes on for longer than that takes.
"""

from __future__ import annotations

import contextlib
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

from support.bare_gateway import API_KEY, BareGateway, Origin, backend_to
from support.http2 import DATA, INITIAL_WINDOW_SIZE, WINDOW_UPDATE, Connection, frame

PATH = "/v1/things/1"
GET = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", PATH), ("x-api-key", API_KEY)]
POST = [(":method", "POST"), *GET[1:]]
WHOAMI = [*GET[:3], (":path", "/.well-known/portazgo/whoami"), GET[4]]
# The rate is looked at over 10 s of waiting; nothing here is ever quiet for as long as the other bounds allow.
WINDOW_SECONDS, MOST_SECONDS = 10.0, 40.0
PATIENT = {"connect_ms": 2000, "first_byte_ms": 60_000, "idle_ms": 30_000, "total_ms": 120_000}
EVERY_SECONDS = 0.25
TRICKLE = b"t" * 10
# Eight times the least rate.
STEADY, STEADY_PIECES = b"s" * 512, 56
SMALL_WINDOW = 2000


class Upload(threading.Thread):
    """An upload over HTTP/1.1, a piece at a time."""

    def __init__(self, gateway: BareGateway, piece: bytes, pieces: int) -> None:
        super().__init__(daemon=True)
        self._gateway = gateway
        self._pieces = [piece] * pieces
        self.status = 0
        self.seconds = 0.0

    def run(self) -> None:
        began = time.monotonic()
        with contextlib.closing(HTTPConnection("127.0.0.1", self._gateway.port, timeout=60)) as connection:
            connection.putrequest("POST", PATH)
            connection.putheader("X-Api-Key", API_KEY)
            connection.putheader("Content-Length", str(sum(map(len, self._pieces))))
            connection.endheaders()
            with contextlib.suppress(OSError):
                for piece in self._pieces:
                    if time.monotonic() - began > MOST_SECONDS:
                        break
                    connection.send(piece)
                    time.sleep(EVERY_SECONDS)
            with contextlib.suppress(OSError):
                self.status = connection.getresponse().status
        self.seconds = time.monotonic() - began


def test_who_trickles_is_ended_and_nobody_beside_him(tmp_path: Path) -> None:
    with (
        Origin(answer=b"x" * 1_000_000) as origin,
        BareGateway(tmp_path, backend_to(origin.url, timeouts=PATIENT)) as gateway,
        Connection.plain(gateway.port, seconds=20, settings={INITIAL_WINDOW_SIZE: SMALL_WINDOW}) as connection,
    ):
        steady = Upload(gateway, STEADY, STEADY_PIECES)
        trickling = Upload(gateway, TRICKLE, 1000)
        steady.start()
        trickling.start()
        # Only streams' windows are small, and each is opened by a few bytes at a time.
        connection.opens_windows = False
        connection.send(frame(WINDOW_UPDATE, 0, 0, (10_000_000).to_bytes(4)))
        began = time.monotonic()
        sipping, sending = connection.request(GET), connection.new_stream()
        connection.send(connection.headers(sending, POST, end=False))
        ended: dict[int, float] = {}
        neighbours = 0
        while len(ended) < 2 and time.monotonic() - began < MOST_SECONDS:
            if sipping not in ended:
                connection.send(frame(WINDOW_UPDATE, 0, sipping, len(TRICKLE).to_bytes(4)))
            if sending not in ended:
                connection.send(frame(DATA, 0, sending, TRICKLE))
            assert connection.finish(connection.request(WHOAMI)).status == 200
            neighbours += 1
            for stream in (sipping, sending):
                if connection.streams[stream].reset is not None or connection.streams[stream].ended:
                    ended.setdefault(stream, time.monotonic() - began)
            time.sleep(EVERY_SECONDS)
        steady.join(MOST_SECONDS)
        trickling.join(MOST_SECONDS)
        print(
            f"\nended after {ended}, {trickling.seconds:.1f} s; steady for {steady.seconds:.1f} s; {neighbours} beside"
        )
        assert set(ended) == {sipping, sending}
        assert all(WINDOW_SECONDS - 1 < seconds < MOST_SECONDS for seconds in [*ended.values(), trickling.seconds])
        assert connection.streams[sipping].reset is not None
        assert connection.streams[sending].status == trickling.status == 408
        assert not connection.closed
        assert (steady.status, steady.seconds > WINDOW_SECONDS) == (200, True)
        records = gateway.wait_for_records(3, lambda record: record["fault"] is not None)
    told = sorted((record["fault"], record["method"], record["delivery"]) for record in records)
    assert told == [("body_timeout", "POST", "complete")] * 2 + [("slow_reader", "GET", "aborted")]
