"""The pepper is replaced under calls, by a worker that is killed in the middle: nobody is refused, the old one goes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest
from support.command import portazgo
from support.deployment import Deployment

KEYS = 250
"""More than two batches."""


@pytest.fixture
def worked(deployment: Deployment) -> Iterator[Deployment]:
    yield deployment
    if "worker" in deployment.processes:
        deployment.stop("worker")


def test_no_call_is_refused_while_the_worker_is_killed_and_comes_again(worked: Deployment) -> None:
    application = worked.admin.get(f"/keys/{worked.key['kid']}")["application"]
    made = [worked.admin.post(f"/applications/{application}/keys", {}) for _ in range(KEYS)]
    worked.wait_for(lambda: worked.call(X_Api_Key=made[-1]["api_key"]).status == 200, "the last key")
    statuses: list[int] = []
    over = threading.Event()

    def calls() -> None:
        while not over.is_set():
            watched = (worked.key, made[0], made[KEYS // 2], made[-1])
            statuses.extend(worked.call(X_Api_Key=one["api_key"]).status for one in watched)

    calling = threading.Thread(target=calls)
    calling.start()
    try:
        before = worked.admin.get("/peppers")["items"]
        worked.admin.post("/peppers/rotate")
        worked.start_worker()
        worked.wait_for(lambda: _left(worked) < KEYS, "the first batch")
        worked.kill("worker")
        left = _left(worked)
        worked.start_worker()
        worked.wait_for(lambda: len(worked.admin.get("/peppers")["items"]) == 1, "the end of the old pepper", 60)
    finally:
        over.set()
        calling.join()
    assert [row["secrets"] >= KEYS for row in before] == [True]
    assert left > 0, "the worker was killed too late to show anything"
    assert set(statuses) == {200}
    worked.wait_for(lambda: worked.call(X_Api_Key=made[1]["api_key"]).status == 200, "a key that was moved")


def test_the_command_waits_for_the_end(worked: Deployment) -> None:
    worked.start_worker()
    done = portazgo(worked.environment, worked.folder, "pepper", "rotate", "--wait", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["state"], row["secrets"] >= 1) == ("current", True)


def _left(deployment: Deployment) -> int:
    """How many secrets are still under a version that leaves."""
    return sum(row["secrets"] for row in deployment.admin.get("/peppers")["items"] if row["state"] == "leaving")
