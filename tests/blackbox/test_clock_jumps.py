"""The host's wall clock jumps by an hour, forwards and back, while calls go on or the node is dead: no record is lost."""

from __future__ import annotations

import json
import signal
from http.client import HTTPConnection
from pathlib import Path

from support.bare_gateway import API_KEY, BareGateway, Origin, backend_to

CALLS = 30
MINUTE_US = 60_000_000


def call(connection: HTTPConnection) -> int:
    connection.request("GET", "/v1/things/1", headers={"X-Api-Key": API_KEY})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def jumping(folder: Path, origin: Origin) -> BareGateway:
    """A gateway whose wall clock is off by what the file `offset` says."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    return BareGateway(
        folder / "gateway",
        backend_to(origin.url),
        LD_PRELOAD=str(library),
        FAKETIME_TIMESTAMP_FILE=str(folder / "offset"),
        # It is read again at each look at the clock.
        FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    )


def test_an_hour_forwards_and_back_ends_no_call_and_moves_no_record(tmp_path: Path) -> None:
    offset = tmp_path / "offset"
    offset.write_text("+0s\n")
    with Origin() as origin, jumping(tmp_path, origin) as gateway:
        # One connection is kept through all of it: a jump is no idleness.
        kept = HTTPConnection("127.0.0.1", gateway.port, timeout=20)
        for jump in ("+0s", "+1h", "-1h", "+0s"):
            offset.write_text(jump + "\n")
            assert {call(kept) for _ in range(CALLS)} == {200}
        kept.close()
        records = gateway.wait_for_records(4 * CALLS)
        assert {record["fault"] for record in records} == {None}
        begun = [record["started_at_us"] for record in records]
        assert begun == sorted(begun)
        assert begun[-1] - begun[0] < MINUTE_US
        assert all(0 <= record["finished_at_us"] - record["started_at_us"] < MINUTE_US for record in records)


def test_an_hour_forwards_and_back_while_the_node_is_dead_loses_and_doubles_nothing(tmp_path: Path) -> None:
    offset = tmp_path / "offset"
    answered: list[str] = []
    with Origin() as origin:
        gateway = jumping(tmp_path, origin)
        for jump in ("+0s", "+1h", "-1h"):
            # Each life begins an hour or two from when the one before was killed, and drains what that left.
            offset.write_text(jump + "\n")
            with gateway:
                connection = HTTPConnection("127.0.0.1", gateway.port, timeout=20)
                for _ in range(CALLS):
                    connection.request("GET", "/v1/things/1", headers={"X-Api-Key": API_KEY})
                    answer = connection.getresponse()
                    assert (answer.status, answer.read() is None) == (200, False)
                    answered.append(answer.headers["X-Request-Id"])
                gateway.signal(signal.SIGKILL)
                connection.close()
        offset.write_text("+0s\n")
        with gateway:
            records = gateway.wait_for_records(len(answered))
    assert {record["request_id"] for record in records} == set(answered)
    ended = [json.loads(path.read_text())["end"] for path in (gateway.data / "node" / "ended").glob("*.json")]
    assert ended.count("killed") == 3
