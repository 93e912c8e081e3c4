"""An answered request is recorded: nothing is lost or doubled by `kill -9` of a node at a random moment under load.

Three sets are compared by request id: answers that clients received whole, what the backend logged, and the records.
PORTAZGO_TEST_KILLS sets the rounds (30 here, more in soak), PORTAZGO_TEST_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from support.deployment import Deployment
from support.key import own_key
from support.truth import COMES_SECONDS, Clients, Truth, balance_when_all_has_come

ROUNDS = int(os.environ.get("PORTAZGO_TEST_KILLS", "30"))
CLIENTS = 6
LIVE_SECONDS = (0.02, 0.6)
EARLY = 0.2
"""The part of the rounds in which it is killed again while it starts, and recovers what the kill before left."""
START_SECONDS = (0.0, 0.25)


def test_nothing_answered_is_lost_or_doubled_by_kill_nine(tmp_path: Path) -> None:
    seed = int(os.environ.get("PORTAZGO_TEST_SEED", str(time.time_ns() % 2**32)))
    print(f"seed {seed}, {ROUNDS} rounds")
    chance = random.Random(seed)
    with Deployment(tmp_path) as deployment:
        key = own_key(deployment, "load")
        began = datetime.now(UTC)
        with Clients([deployment.gateway_port], key.whole, each=CLIENTS) as clients:
            early = 0
            for _ in range(ROUNDS):
                time.sleep(chance.uniform(*LIVE_SECONDS))
                deployment.kill("gateway")
                if chance.random() < EARLY:
                    deployment.begin_gateway()
                    time.sleep(chance.uniform(*START_SECONDS))
                    deployment.kill("gateway")
                    early += 1
                deployment.start_gateway()
            time.sleep(0.5)
        # Lives so short have left more than they shipped.
        balance_when_all_has_come(deployment, COMES_SECONDS + ROUNDS / 10)
        told = time.monotonic()
        assert deployment.stop("gateway") == 0
        print(f"drained, sealed, shipped and ended in {time.monotonic() - told:.2f} s")
        truth = Truth.of(deployment, clients.answered)
        balance = deployment.admin.get("/usage/balance", {"limit": 1000})
    print(truth)
    assert (truth.lost, truth.doubled) == (set(), set()), f"seed {seed}"
    assert {Truth.outcome(one) for one in truth.cut_off(began)} <= {"interrupted", "unknown"}, f"seed {seed}"
    assert balance["balanced"], balance
    # Each process that got as far as its epoch has its account, and each account is whole by its own count. The report lists
    # the newest; those that it leaves off are whole.
    states = Counter(epoch["state"] for epoch in balance["items"])
    unlisted = balance["left_off"]
    assert ROUNDS <= states["killed"] + unlisted["epochs"] <= ROUNDS + early
    assert states["clean"] == 1
    assert {epoch["verdict"] for epoch in balance["items"]} == {"whole"}
    recorded = sum(epoch["accepted"] or 0 for epoch in balance["items"]) + unlisted["records"]
    assert recorded > len(truth.answered) > ROUNDS
