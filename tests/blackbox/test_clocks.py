"""A node whose host's clock is off serves by the control plane's time, and says so."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.command import portazgo
from support.deployment import Deployment

from portazgo.kit.clock import parse_rfc3339
from portazgo.kit.http import JsonClient
from portazgo.roles.parts import portazgo_command

NEAR_SECONDS = 30.0


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment whose gateway each test starts in its own time."""
    with Deployment(tmp_path_factory.mktemp("clocks")) as running:
        running.stop("gateway")
        yield running


@pytest.fixture
def shifted(deployment: Deployment, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A gateway on a host whose wall clock is off by so much; its log."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    environment = {
        **deployment.environment,
        "LD_PRELOAD": str(library),
        "FAKETIME": request.param,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    log = tmp_path / "gateway.log"
    with log.open("wb") as file:
        node = subprocess.Popen(
            portazgo_command("gateway"), env=environment, cwd=deployment.folder, stdout=file, stderr=file
        )
    try:
        deployment.wait_for(lambda: "clock is off" in log.read_text() or node.poll() is not None, "the node")
        yield log
    finally:
        node.terminate()
        try:
            node.wait(20)
        finally:
            node.kill()
            node.wait()


def readiness(deployment: Deployment) -> tuple[int, list[str]]:
    answer = JsonClient(deployment.health_url).request("GET", "/health/ready")
    return answer.status, answer.json()["reasons"]


def clock_lines(log: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line for line in lines if "clock" in line["message"]]


def seconds_from_now(moment: str) -> float:
    return abs((datetime.now(UTC) - parse_rfc3339(moment)).total_seconds())


@pytest.mark.parametrize("shifted", ["-2h", "+2h"], indirect=True)
def test_two_hours_off_serves_by_the_control_planes_time_and_is_not_ready(
    deployment: Deployment, shifted: Path, request: pytest.FixtureRequest
) -> None:
    # The backend believes the token's times, and the key's, by its own clock: the true one.
    deployment.wait_for(lambda: deployment.call().status == 200, "the first call")
    reply = deployment.call()
    assert reply.status == 200
    assert seconds_from_now(deployment.trace(reply.request_id)["started_at"]) < NEAR_SECONDS

    status, reasons = readiness(deployment)
    assert (status, reasons) == (503, ["this host's clock is more than 60 s off the control plane's"])
    (line,) = clock_lines(shifted)
    assert (line["level"], "NTP" in line["message"]) == ("warning", True)
    ahead_hours = -line["control_plane_minus_host_seconds"] / 3600
    assert ahead_hours == pytest.approx({"-2h": -2, "+2h": 2}[request.node.callspec.params["shifted"]], abs=0.01)

    (node,) = deployment.admin.pages("/nodes")
    assert seconds_from_now(node["receipt"]["applied_at"]) < NEAR_SECONDS
    found = json.loads(portazgo(deployment.environment, deployment.folder, "doctor", "-o", "json").stdout)["findings"]
    wrong = {one["check"]: one["sentence"] for one in found if one["status"] == "wrong"}
    assert "more than 60 s off" in wrong["node"]
    assert re.search(r" is (7199|7200)\.\d s (behind|ahead of) the control plane's$", wrong["node clocks"])


@pytest.mark.parametrize("shifted", ["+10s"], indirect=True)
def test_ten_seconds_off_is_told_and_no_reason_to_take_the_node_out(deployment: Deployment, shifted: Path) -> None:
    deployment.wait_for(lambda: deployment.call().status == 200, "the first call")
    assert readiness(deployment) == (200, [])
    assert len(clock_lines(shifted)) == 1
