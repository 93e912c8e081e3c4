"""What happens to records when something dies or falls silent, death by death (docs/when-a-node-dies.md).

Most compare three sets by request id: answers that clients received whole, what the backend logged, and the records.
What a ledger's database that is away costs is in test_spill.py.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.bare_gateway import API_KEY, BareGateway, Origin, backend_to, wait_for
from support.deployment import Deployment
from support.disk import SmallDisk
from support.key import own_key
from support.node import ExtraNode
from support.overload import FastOrigin, Generator
from support.truth import Clients, Truth, balance_when_all_has_come

from portazgo._native import decode_segment
from portazgo.kit.http import JsonClient
from portazgo.kit.secret import Secret

# A node polls, and so tells its counts, three times within its lease.
OFTEN = "6s"
GONE_AGO = timedelta(minutes=2)
DRAIN_SECONDS = 3.0
SLOTS = 4096
SHIPPERS = 4


def nothing_is_missing(deployment: Deployment, answered: list[str], began: datetime) -> dict[str, Any]:
    """Wait for all records and compare the three sets. Returns the balance."""
    balance = balance_when_all_has_come(deployment)
    truth = Truth.of(deployment, answered)
    print(truth)
    assert len(answered) > 0
    assert (truth.lost, truth.doubled) == (set(), set())
    assert {Truth.outcome(one) for one in truth.cut_off(began)} <= {"interrupted", "unknown"}
    assert balance["balanced"], balance
    assert balance["records"]["missing"] == 0
    return balance


def states(balance: dict[str, Any], node: str | None = None) -> list[str]:
    """How the epochs stand, oldest first."""
    epochs = sorted(balance["items"], key=lambda one: one["epoch"])
    return [str(one["state"]) for one in epochs if node is None or one["node"] == node]


def test_two_nodes_of_the_same_name_that_are_killed_at_once_are_told_apart(tmp_path: Path) -> None:
    with Deployment(tmp_path, PORTAZGO_REVOCATION_MAX_STALENESS=OFTEN) as deployment:
        other = ExtraNode(deployment, tmp_path / "other")
        other.start()
        try:
            key = own_key(deployment, "load")
            other.call(key.whole)
            began = datetime.now(UTC)
            with Clients([deployment.gateway_port, other.port], key.whole, pause=0.005) as clients:
                time.sleep(1.0)
                deployment.kill("gateway")
                other.kill()
                deployment.start_gateway()
                other.start()
                time.sleep(0.5)
            balance = nothing_is_missing(deployment, clients.answered, began)
            nodes = {one["node"] for one in balance["items"]}
            assert len({one["label"] for one in balance["items"]}) == 1, "they have the name of their host"
            assert [states(balance, node) for node in nodes] == [["killed", "polls"]] * 2
        finally:
            other.stop()


def test_a_node_that_comes_back_ships_what_it_had_left(tmp_path: Path) -> None:
    with Deployment(tmp_path, PORTAZGO_REVOCATION_MAX_STALENESS=OFTEN) as deployment:
        key = own_key(deployment, "load")
        began = datetime.now(UTC)
        deployment.stop("control")
        with Clients([deployment.gateway_port], key.whole, pause=0.005) as clients:
            time.sleep(1.0)
        answered = clients.answered
        deployment.kill("gateway")
        left = list((deployment.data / "node" / "segments").glob("*/*"))
        assert left, "what nobody took waits on the disk"
        deployment.start_control()
        deployment.start_gateway()
        balance = nothing_is_missing(deployment, answered, began)
        assert states(balance) == ["killed", "polls"]


def test_a_node_that_is_told_to_end_answers_seals_ships_and_exits_with_0(tmp_path: Path) -> None:
    with Deployment(tmp_path, PORTAZGO_REVOCATION_MAX_STALENESS=OFTEN) as deployment:
        key = own_key(deployment, "load")
        began = datetime.now(UTC)
        with Clients([deployment.gateway_port], key.whole, pause=0.002) as clients:
            time.sleep(1.0)
            told = time.monotonic()
            assert deployment.stop("gateway") == 0
            took = time.monotonic() - told
        print(f"drained, sealed, shipped and ended in {took:.2f} s under load")
        assert took < DRAIN_SECONDS * 5
        balance = nothing_is_missing(deployment, clients.answered, began)
        assert states(balance) == ["clean"]
        (account,) = balance["items"]
        assert account["accepted"] == account["journaled"] == account["collected"] == account["rolled_up"]
        assert not list((deployment.data / "node" / "segments").glob("*/*")), "nothing is left on the node"


@pytest.mark.parametrize("trouble", ["full", "read_only"])
def test_a_disk_that_is_full_or_read_only_costs_no_record_of_what_was_answered(tmp_path: Path, trouble: str) -> None:
    generator = Generator(tmp_path)
    folder = tmp_path / "gateway"
    with (
        FastOrigin(tmp_path / "origin") as origin,
        SmallDisk(folder / "data" / "node" / "segments", megabytes=48) as disk,
        BareGateway(folder, backend_to(origin.url)) as gateway,
    ):
        before = generator.run(gateway.port, connections=4, seconds=0.3).good
        wait_for(lambda: len(gateway.records()) >= before, "the records so far", 20)
        with getattr(disk, trouble)():
            # Long enough for more calls than there are slots, on a slow machine, too.
            load = generator.run(gateway.port, connections=16, seconds=5)
        print(f"{trouble}: {load.good} answered, {load.refused} refused")
        assert 0 < load.good <= SLOTS
        assert load.refused > 0
        answered = before + load.good
        wait_for(lambda: requests_of(gateway) >= answered, "the records", 20)
        # One that was under way at a generator's end may have been answered, too.
        assert requests_of(gateway) <= answered + 20
        assert generator.run(gateway.port, connections=16, seconds=0.3).refused == 0


def requests_of(gateway: BareGateway) -> int:
    return sum(record["kind"] == "request" for record in gateway.records())


def test_segments_that_come_twice_and_in_any_order_count_once(tmp_path: Path, deployment: Deployment) -> None:
    # Segments are sealed after a quarter of a second each.
    with (
        Origin() as origin,
        BareGateway(tmp_path, backend_to(origin.url)) as gateway,
        Clients([gateway.port], API_KEY, each=2, path="/v1/things/1", pause=0.01) as clients,
    ):
        time.sleep(2.0)
    segments = sorted((gateway.data / "node" / "segments").glob("*/*.seg"))
    (end,) = (gateway.data / "node" / "ended").glob("*.json")
    ended = json.loads(end.read_text())
    assert len(segments) > 4
    sent = [*segments, *segments]
    random.Random(7).shuffle(sent)
    # A part of them first: what is missing then is named, and not more.
    held_back = segments[len(segments) // 2]
    hand_in(deployment, ended["node"], end.stem, [one for one in sent if one != held_back])
    (gap,) = account_of(deployment, end.stem)["missing"]
    missing = decode_segment(held_back.read_bytes())
    assert (gap["first"], gap["last"]) == (missing[0]["sequence"], missing[-1]["sequence"])
    hand_in(deployment, ended["node"], end.stem, sent)
    account = account_of(deployment, end.stem)
    assert (account["missing"], account["collected"]) == ([], ended["last_sequence"])
    assert account["collected"] == account["rolled_up"] >= len(clients.answered)
    traces = [item["request_id"] for item in deployment.admin.pages("/traces", {"limit": 200})]
    assert {one: traces.count(one) for one in clients.answered} == dict.fromkeys(clients.answered, 1)


def hand_in(deployment: Deployment, node: str, epoch: str, segments: list[Path]) -> None:
    """Send them to the collector, from several threads at once."""
    token = Secret((deployment.data / "node-token").read_text().strip())
    left = iter(segments)
    taking = threading.Lock()
    statuses: list[int] = []

    def shipper() -> None:
        client = JsonClient(deployment.environment["PORTAZGO_INTERNAL_URL"], token)
        while True:
            with taking:
                path = next(left, None)
            if path is None:
                return
            query = {"node": node, "epoch": epoch, "first": int(path.stem)}
            headers = {"X-Portazgo-Node": node, "X-Portazgo-Epoch": epoch}
            content = path.read_bytes()
            status = 0
            # 503: the ledger's one writer was somebody else's for too long. A node tries again, too.
            while status in {0, 503}:
                status = client.request(
                    "POST", "/internal/v1/segments", query=query, body=content, headers=headers
                ).status
            statuses.append(status)

    threads = [threading.Thread(target=shipper, daemon=True) for _ in range(SHIPPERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert statuses == [200] * len(segments)


def account_of(deployment: Deployment, epoch: str) -> dict[str, Any]:
    items = deployment.admin.get("/usage/balance", {"limit": 1000})["items"]
    return next(one for one in items if one["epoch"] == epoch)


def test_a_host_that_went_down_says_for_how_long_records_are_at_risk(tmp_path: Path) -> None:
    with Deployment(tmp_path, PORTAZGO_REVOCATION_MAX_STALENESS=OFTEN) as deployment:
        key = own_key(deployment, "load")
        with Clients([deployment.gateway_port], key.whole, pause=0.01):
            time.sleep(0.5)
        deployment.kill("gateway")
        # What a start after a power failure finds: slabs of another boot, of which nothing can be trusted.
        (birth,) = (deployment.data / "node" / "slabs").glob("*/epoch.json")
        noted = json.loads(birth.read_text())
        birth.write_text(json.dumps({**noted, "boot_id": "00000000-0000-4000-8000-000000000000"}))
        deployment.start_gateway()
        wait_for(lambda: "host_lost" in states(deployment.admin.get("/usage/balance")), "the report", 20)
        (lost,) = [one for one in deployment.admin.get("/usage/balance")["items"] if one["state"] == "host_lost"]
        assert lost["balanced"] is False
        assert (lost["declared"], lost["accepted"]) == (False, None)
        deployment.admin.post(f"/usage/epochs/{lost['epoch']}/accept-gap", {"reason": "the power failed"})
        assert account_of(deployment, lost["epoch"])["verdict"] == "accepted"
        assert deployment.admin.get("/usage/balance")["balanced"]


def test_a_node_whose_disk_is_gone_is_silent_then_declared_lost_and_settled_by_a_person(tmp_path: Path) -> None:
    with Deployment(tmp_path) as deployment:
        other = ExtraNode(deployment, tmp_path / "other")
        other.start()
        try:
            key = own_key(deployment, "load")
            with Clients([other.port], key.whole, pause=0.01) as clients:
                wait_for(lambda: len(clients.answered) > 20, "calls", 20)
            node = other.node_id
            wait_for(lambda: collected_of(deployment, node) >= len(clients.answered), "its records", 30)
            assert other.call(key.whole)[0] == 200
            other.kill()
        finally:
            other.stop()
        shutil.rmtree(other.data)
        with closing(sqlite3.connect(deployment.data / "state.sqlite3", timeout=30)) as state, state:
            # Two minutes later: it is heard of no more.
            moment = (datetime.now(UTC) - GONE_AGO).strftime("%Y-%m-%d %H:%M:%S.%f")
            state.execute("UPDATE node SET contact_at = ? WHERE id = ?", (moment, node.replace("-", "")))
        (silent,) = [one for one in deployment.admin.get("/usage/balance")["items"] if one["node"] == node]
        assert (silent["verdict"], silent["balanced"]) == ("silent", False)
        (lost,) = deployment.admin.post(f"/nodes/{node}/lost")["items"]
        assert (lost["state"], lost["declared"], lost["balanced"]) == ("host_lost", True, False)
        # The call that it answered last is in it: from the last record that came until now.
        assert lost["seconds_at_risk"] > 0
        reason = {"reason": "the disk is gone, support case 4711"}
        settled = deployment.admin.post(f"/usage/epochs/{lost['epoch']}/accept-gap", reason)
        assert (settled["verdict"], settled["acceptance"]["reason"]) == ("accepted", reason["reason"])
        assert deployment.admin.get("/usage/balance")["balanced"]
        audited = [row["action"] for row in deployment.admin.get("/audit")["items"]]
        assert audited[:2] == ["usage.gap_accepted", "node.lost"]


def collected_of(deployment: Deployment, node: str) -> int:
    items = deployment.admin.get("/usage/balance", {"node": node})["items"]
    return sum(one["collected"] for one in items)
