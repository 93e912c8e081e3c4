"""A node is replaced by another process of the same folder without a dropped call, a reset or a lost record."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

from support.accounts import every_call_is_recorded_once
from support.deployment import Deployment
from support.load import SteadyLoad

from portazgo.node.handover import socket_path
from portazgo.roles.parts import portazgo_command

GOES_ON = "did not get to serve"
TAKE_OVER: dict[str, Any] = {"take_over": 1, "version": "a test"}
UPGRADES = int(os.environ.get("PORTAZGO_TEST_UPGRADES", "3"))


def take_over(deployment: Deployment, **environment: str) -> subprocess.Popen[bytes]:
    """Start a process that takes the running gateway's place."""
    with (deployment.folder / "gateway.log").open("ab") as log:
        command = [*portazgo_command("gateway"), "--take-over"]
        return subprocess.Popen(
            command, env={**deployment.environment, **environment}, stdout=log, stderr=log, cwd=deployment.folder
        )


def test_three_upgrades_under_load_cost_no_call_and_no_record(tmp_path: Path) -> None:
    with Deployment(tmp_path, PORTAZGO_THREADS="2") as deployment:
        with SteadyLoad(deployment.gateway_port, deployment.key["api_key"], clients=6, pause=0.01) as load:
            for _ in range(UPGRADES):
                old, before = deployment.processes["gateway"], len(load.calls)
                deployment.processes["gateway"] = take_over(deployment)
                assert old.wait(60) == 0, deployment.log("gateway")[-4000:]
                deployment.wait_for(lambda: len(load.calls) > before + 100, "calls after the upgrade")  # noqa: B023
        assert not load.failed, (load.failed[:3], deployment.log("gateway")[-4000:])
        assert len(deployment.admin.get("/nodes")["items"]) == 1, "it is one node all the time"
        every_call_is_recorded_once(deployment, load.calls)


def test_a_successor_that_can_not_serve_leaves_the_running_node_serving(tmp_path: Path) -> None:
    with Deployment(tmp_path) as deployment:
        failing = take_over(deployment, PORTAZGO_WRAPPING=f"local:{tmp_path / 'no.key'}")
        assert failing.wait(60) == 2
        assert deployment.call().status == 200
        # One that breaks off while it loads, and one that does when everything is its own but the calls.
        for said in ([TAKE_OVER], [TAKE_OVER, {"loaded": True}]):
            before = deployment.log("gateway").count(GOES_ON)
            _break_off_after(deployment, said)
            deployment.wait_for(lambda: deployment.log("gateway").count(GOES_ON) > before, "its return")  # noqa: B023
            assert deployment.call().status == 200
        assert deployment.stop("gateway") == 0


def _break_off_after(deployment: Deployment, said: list[dict[str, Any]]) -> None:
    with (
        socket_path(deployment.data / "node") as path,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as successor,
    ):
        successor.settimeout(30)
        successor.connect(path)
        with successor.makefile("rb") as lines:
            for document in said:
                successor.sendall(json.dumps(document).encode() + b"\n")
                heard = json.loads(lines.readline())
                assert "refused" not in heard, heard


def test_without_a_running_node_it_just_starts(tmp_path: Path) -> None:
    with Deployment(tmp_path) as deployment:
        assert deployment.stop("gateway") == 0
        deployment.processes["gateway"] = take_over(deployment)
        deployment.wait_for(lambda: _serves(deployment), "the gateway")


def _serves(deployment: Deployment) -> bool:
    try:
        return deployment.call().status == 200
    except OSError:
        return False


def test_a_node_that_a_supervisor_would_start_again_refuses_a_successor(tmp_path: Path) -> None:
    with Deployment(tmp_path, PORTAZGO_PARENT_PID=str(os.getpid())) as deployment:
        refused = take_over(deployment)
        assert refused.wait(60) == 2
        assert "restart that instead" in deployment.log("gateway")
        assert deployment.call().status == 200
