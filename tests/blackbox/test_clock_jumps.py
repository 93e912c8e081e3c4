"""The host's wall clock jumps by an hour, forwards and back, while calls go on: nobody is timed out, and records keep order."""

from __future__ import annotations

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


def test_an_hour_forwards_and_back_ends_no_call_and_moves_no_record(tmp_path: Path) -> None:
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    offset = tmp_path / "offset"
    offset.write_text("+0s\n")
    with (
        Origin() as origin,
        BareGateway(
            tmp_path / "gateway",
            backend_to(origin.url),
            LD_PRELOAD=str(library),
            FAKETIME_TIMESTAMP_FILE=str(offset),
            # It is read again at each look at the clock.
            FAKETIME_NO_CACHE="1",
            FAKETIME_DONT_FAKE_MONOTONIC="1",
        ) as gateway,
    ):
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
