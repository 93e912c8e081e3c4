"""The disk is full under the journal: what happens then is declared, and what was answered is recorded once there is room.

A limit on the size of files stands for the full disk: each write fails, as there; what is mapped goes on.
"""

from __future__ import annotations

import http.client
import json
import resource
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.bare_gateway import BareGateway, backend_to, wait_for
from support.overload import FastOrigin, Generator

SLOTS = 4096
SECONDS = 3


@contextmanager
def full_disk(gateway: BareGateway) -> Iterator[None]:
    """No file of the gateway's can grow meanwhile."""
    before = resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, before)


def ready(gateway: BareGateway) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.admin_port, timeout=20)
    connection.request("GET", "/health/ready")
    answer = connection.getresponse()
    document = json.loads(answer.read())
    connection.close()
    return answer.status, document


def counted(gateway: BareGateway) -> Counter[str]:
    """What the records stand for, by kind."""
    kinds: Counter[str] = Counter()
    for record in gateway.records():
        kinds[record["kind"]] += record["count"]
    return kinds


def test_refuse_answers_no_call_that_it_could_not_record(tmp_path: Path) -> None:
    generator = Generator(tmp_path)
    with (
        FastOrigin(tmp_path / "origin") as origin,
        BareGateway(tmp_path / "gateway", backend_to(origin.url)) as gateway,
    ):
        with full_disk(gateway):
            load = generator.run(gateway.port, connections=16, seconds=SECONDS)
            status, document = ready(gateway)
        assert status == http.client.SERVICE_UNAVAILABLE
        assert any("the journal can't be written" in reason for reason in document["reasons"])
        assert 0 < load.good <= SLOTS
        assert load.refused > 0
        wait_for(lambda: ready(gateway)[0] == http.client.OK, "the node's readiness", 20)
        # One that was under way at the generator's end may have been answered, too.
        wait_for(lambda: counted(gateway)["request"] >= load.good, "the records", 20)
        assert counted(gateway)["request"] <= load.good + 16
        assert counted(gateway)["refused_aggregate"] >= load.refused
        assert generator.run(gateway.port, connections=16, seconds=0.5).refused == 0


def test_serve_answers_all_and_counts_what_has_no_record(tmp_path: Path) -> None:
    generator = Generator(tmp_path)
    with (
        FastOrigin(tmp_path / "origin") as origin,
        BareGateway(tmp_path / "gateway", backend_to(origin.url), PORTAZGO_DISK_FULL="serve") as gateway,
    ):
        with full_disk(gateway):
            # Before it is known, slots that run out are a matter of load.
            asked = generator.run(gateway.port, connections=1, seconds=0.02).good
            wait_for(lambda: bool(ready(gateway)[1]["warnings"]), "the node's warning", 20)
            load = generator.run(gateway.port, connections=16, seconds=SECONDS)
            status, document = ready(gateway)
        assert status == http.client.OK
        assert any("were served without a record" in warning for warning in document["warnings"])
        assert (load.refused, load.errors) == (0, 0)
        assert load.good > SLOTS
        answered = asked + load.good
        wait_for(lambda: counted(gateway).total() >= answered, "what stands for all of them", 20)
        kinds = counted(gateway)
        assert set(kinds) == {"request", "unrecorded_aggregate"}
        assert kinds["request"] <= SLOTS + 16
        assert kinds.total() <= answered + 17
