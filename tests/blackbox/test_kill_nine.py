"""An answered request is recorded: nothing is lost or doubled by `kill -9` of a node at a random moment under load.

Three sets are compared by request id: answers that clients received whole, what the backend logged, and the records.
PORTAZGO_TEST_KILLS sets the rounds (20 here, more in soak), PORTAZGO_TEST_SEED repeats a run.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from support.deployment import Deployment

ROUNDS = int(os.environ.get("PORTAZGO_TEST_KILLS", "20"))
CLIENTS = 6
LIVE_SECONDS = (0.05, 0.9)


class Client(threading.Thread):
    """Calls over keep-alive connections as fast as it gets answers; remembers which it received whole."""

    def __init__(self, deployment: Deployment, stopping: threading.Event) -> None:
        super().__init__(daemon=True)
        self._deployment = deployment
        self._stopping = stopping
        self.answered: list[str] = []

    def run(self) -> None:
        """Call until told to stop; a broken connection is opened anew."""
        headers = {"X-Api-Key": self._deployment.key["api_key"]}
        while not self._stopping.is_set():
            connection = HTTPConnection("127.0.0.1", self._deployment.gateway_port, timeout=10)
            try:
                while not self._stopping.is_set():
                    connection.request("GET", "/v1/issuers/?page_size=1", headers=headers)
                    answer = connection.getresponse()
                    request_id = answer.headers["X-Request-Id"]
                    answer.read()
                    self.answered.append(request_id)
            except (OSError, HTTPException):
                time.sleep(0.02)
            finally:
                connection.close()


def without_throttle(deployment: Deployment) -> None:
    """Load must reach the backend, not a throttle."""
    plan = next(deployment.admin.pages("/plans", {"name": "demo"}))
    deployment.admin._http.request(
        "PUT", f"/api/v1/plans/{plan['id']}", body={"name": "demo", "apis": plan["apis"], "throttles": []}
    )
    deployment.wait_for(lambda: "ratelimit" not in deployment.call().headers, "the plan without throttles")


def test_nothing_answered_is_lost_or_doubled_by_kill_nine(tmp_path: Path) -> None:
    seed = int(os.environ.get("PORTAZGO_TEST_SEED", str(time.time_ns() % 2**32)))
    print(f"seed {seed}, {ROUNDS} rounds")
    chance = random.Random(seed)
    with Deployment(tmp_path) as deployment:
        without_throttle(deployment)
        stopping = threading.Event()
        clients = [Client(deployment, stopping) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for _ in range(ROUNDS):
            time.sleep(chance.uniform(*LIVE_SECONDS))
            deployment.kill("gateway")
            deployment.start_gateway()
        time.sleep(0.5)
        stopping.set()
        for client in clients:
            client.join(15)
        assert deployment.stop("gateway") == 0
        records = Counter(item["request_id"] for item in deployment.admin.pages("/traces", {"limit": 200}))
        balance = deployment.admin.get("/usage/balance")

    answered = [request_id for client in clients for request_id in client.answered]
    logged = {json.loads(line)["x_request_id"] for line in deployment.answer_log.read_text().splitlines()} - {None, ""}
    lost = [request_id for request_id in answered if records[request_id] == 0]
    doubled = [request_id for request_id, count in records.items() if count > 1]
    unrecorded_at_the_backend = [request_id for request_id in logged if records[request_id] == 0]
    print(f"{len(answered)} answered, {len(logged)} logged by the backend, {len(records)} records")
    assert (lost, doubled, unrecorded_at_the_backend) == ([], [], []), f"seed {seed}"
    assert balance["balanced"], balance
    ends = Counter(epoch["end"] for epoch in balance["items"])
    assert ends["killed"] == ROUNDS
    assert ends["clean"] == 1
    assert len(answered) > ROUNDS
