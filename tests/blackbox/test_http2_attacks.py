"""Attacks on HTTP/2: bounded memory, an honest client that hardly notices, and records that say what it was.

Each attack runs as a process of its own for a few seconds against the gateway on loopback; the figures are printed. The
promise is growth ≤ 64 MiB and an honest p99 ≤ 2 × that of a quiet gateway; here, on shared machines, 5 × (and never
stricter than 50 ms) is asserted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from support.bare_gateway import API_KEY, BareGateway, Origin, backend_to, wait_for
from support.http2_attacks import FLOODS

pytestmark = pytest.mark.alone

TESTS = Path(__file__).parents[1]
MIB = 1024 * 1024
MOST_GROWTH = 64 * MIB
ATTACK_SECONDS = 3.0
NOTICEABLE_SECONDS = 0.05
TIMES_SLOWER = 5
# What each attack is called in the record of its connection.
FAULTS = {
    "rapid_reset": {"http2_reset_flood", "http2_protocol_error"},
    "made_you_reset": {"http2_reset_flood", "http2_protocol_error"},
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareGateway]:
    with Origin() as origin, BareGateway(tmp_path_factory.mktemp("gateway"), backend_to(origin.url)) as running:
        yield running


class Honest:
    """A client that asks all the time, and how long it waited."""

    def __init__(self, gateway: BareGateway) -> None:
        self._gateway = gateway
        self._stop = threading.Event()
        self.waited: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.memory: list[int] = []

    def run(self, seconds: float) -> None:
        connection = HTTPConnection("127.0.0.1", self._gateway.port, timeout=30)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not self._stop.is_set():
            began = time.monotonic()
            connection.request("GET", "/.well-known/portazgo/whoami", headers={"X-Api-Key": API_KEY})
            answer = connection.getresponse()
            answer.read()
            self.statuses[answer.status] += 1
            self.waited.append(time.monotonic() - began)
            if len(self.waited) % 25 == 0:
                self.memory.append(self._gateway.resident_bytes())
            time.sleep(0.002)
        connection.close()

    def stop(self) -> None:
        self._stop.set()

    @property
    def p99(self) -> float:
        return sorted(self.waited)[int(len(self.waited) * 0.99)]


def attack(gateway: BareGateway, name: str, seconds: float) -> tuple[dict[str, int], Honest, Honest, int]:
    """Run it beside an honest client. Returns what it did, the client before and during it, and the memory before it."""
    before = Honest(gateway)
    before.run(1.0)
    resting = gateway.resident_bytes()
    command = [sys.executable, "-m", "support.http2_attacks", name, str(gateway.port), str(seconds)]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    during = Honest(gateway)
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as attacker:
        asking = threading.Thread(target=during.run, args=(seconds + 30,))
        asking.start()
        try:
            said, _ = attacker.communicate(timeout=seconds + 30)
        finally:
            attacker.kill()
            during.stop()
            asking.join()
    done: dict[str, int] = json.loads(said)
    growth = max([*during.memory, gateway.resident_bytes()]) - resting
    curve = [round(value / MIB, 1) for value in during.memory[:: max(1, len(during.memory) // 12)]]
    print(
        f"\n{name}: {done}; memory {resting / MIB:.1f} MiB, curve {curve}, growth {growth / MIB:.1f} MiB; "
        f"honest p99 {before.p99 * 1000:.2f} → {during.p99 * 1000:.2f} ms over {len(during.waited)} calls"
    )
    return done, before, during, growth


def check(before: Honest, during: Honest, growth: int) -> None:
    assert growth <= MOST_GROWTH
    assert set(during.statuses) == {200}
    assert during.p99 <= max(TIMES_SLOWER * before.p99, NOTICEABLE_SECONDS)


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_ended_and_hurts_nobody_else(gateway: BareGateway, name: str) -> None:
    seen = len(gateway.records())
    done, before, during, growth = attack(gateway, name, ATTACK_SECONDS)
    check(before, during, growth)
    # Every connection but the last, which ran out of time, was closed by us.
    assert done["closed"] >= max(1, done["connections"] - 1)
    wanted = FAULTS.get(name, {"http2_protocol_error"})

    def recorded() -> list[str]:
        return [record["fault"] for record in gateway.records()[seen:] if record["kind"] == "connection"]

    wait_for(lambda: len(recorded()) >= done["closed"], "a record for each connection", 30)
    assert set(recorded()) <= wanted
    assert not gateway.has_ended


def test_stalled_windows_hold_little_and_not_for_long(tmp_path: Path) -> None:
    with (
        Origin(answer=b"x" * 1_000_000) as origin,
        BareGateway(tmp_path, backend_to(origin.url), PORTAZGO_WRITE_TIMEOUT="6s") as gateway,
    ):
        done, before, during, growth = attack(gateway, "zero_window", 45.0)
        check(before, during, growth)
        assert done["closed"] == done["connections"]

        def left_behind() -> Counter[tuple[str, str]]:
            records = [record for record in gateway.records() if record["fault"] is not None]
            return Counter((record["kind"], record["delivery"]) for record in records)

        # One record per stream, whatever the overrun origin made of it, and one per connection.
        wanted = {("request", "aborted"): done["frames"], ("connection", "none"): done["connections"]}
        wait_for(lambda: left_behind() == wanted, "the records of the stalled", 30)
        stalled = [record["kind"] for record in gateway.records() if record["fault"] == "slow_reader"]
        assert stalled.count("connection") == done["connections"]
        assert "request" in stalled
