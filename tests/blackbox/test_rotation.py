"""A key is rotated while its partner calls: both secrets work until the old one ends, whatever happens to the node."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from support.command import portazgo
from support.deployment import Deployment
from support.key import OwnKey, own_key

from portazgo.kit.clock import microseconds
from portazgo.roles.parts import portazgo_command

WHOAMI = "/.well-known/portazgo/whoami"
GRACE_SECONDS = 4
SURE_SECONDS = 1.0
"""Beyond this distance from the end a caller's own clock is enough to tell what must be answered."""


def cli(deployment: Deployment, *words: str) -> Any:
    """Run `portazgo … --json` and read its document."""
    done = portazgo(deployment.environment, deployment.folder, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def retiring(document: Any) -> Any:
    """The secret that retires."""
    (found,) = [secret for secret in document["secrets"] if secret["slot"] == "retiring"]
    return found


def begun_us(record: Any) -> int:
    """When a call began, in microseconds since 1970."""
    return microseconds(datetime.fromisoformat(record["started_at"]))


def end_of(document: Any) -> float:
    """When the old secret ends, in seconds since 1970."""
    return datetime.fromisoformat(retiring(document)["ends_at"]).timestamp()


class Caller(threading.Thread):
    """Calls again and again with one key; keeps when it asked, when it was answered, and what."""

    def __init__(self, deployment: Deployment, api_key: str) -> None:
        super().__init__(daemon=True)
        self._deployment, self._api_key = deployment, api_key
        self._stopping = threading.Event()
        self.answers: list[tuple[float, float, int, str]] = []

    def run(self) -> None:
        """Call until told to stop."""
        while not self._stopping.wait(0.02):
            asked = time.time()
            reply = self._deployment.call(WHOAMI, X_Api_Key=self._api_key)
            self.answers.append((asked, time.time(), reply.status, reply.request_id))

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        self.join(30)


def statuses(caller: Caller, since: float, until: float) -> set[int]:
    """What was answered between two moments."""
    return {status for asked, answered, status, _ in caller.answers if asked >= since and answered <= until}


def test_both_secrets_work_in_every_moment_of_the_grace_and_only_the_new_one_after_it(deployment: Deployment) -> None:
    key = own_key(deployment, "rotated")
    old = Caller(deployment, key.whole)
    old.start()
    rotated = cli(deployment, "key", "rotate", key.kid, "--grace", f"{GRACE_SECONDS}s")
    ends = end_of(rotated)
    cli(deployment, "key", "propagation", key.kid, "--wait")
    known = time.time()
    new = Caller(deployment, rotated["api_key"])
    new.start()
    deployment.wait_for(lambda: time.time() > ends + 2 * SURE_SECONDS, "the end of the grace")
    old.stop()
    new.stop()
    assert statuses(old, 0, ends - SURE_SECONDS) == {200}
    assert statuses(old, ends + SURE_SECONDS, time.time()) == {401}
    assert statuses(new, known, time.time()) == {200}

    # To the microsecond, by the node's own clock, from the records of the calls around the end.
    near = [one for one in old.answers if abs(one[0] - ends) < SURE_SECONDS]
    found: dict[str, Any] = {}

    def collected() -> bool:
        pages = deployment.admin.pages("/traces", {"kid": key.kid, "limit": 200})
        found.update({record["request_id"]: record for record in pages})
        return all(one[3] in found for one in near)

    deployment.wait_for(collected, "the records", 60)
    records = [found[one[3]] for one in near]
    judged = [(begun_us(record) + record["phases"]["authenticate_us"], record) for record in records]
    for decided_us, record in judged:
        expected = (200, None) if decided_us < round(ends * 1e6) else (401, "key_expired")
        # Between the phase's beginning and the comparison lie microseconds: a call on the very end may be refused.
        if abs(decided_us - ends * 1e6) > 2_000:
            assert (record["status_sent"], record["fault"]) == expected, record
        assert (record["kid"], record["secret_slot"]) == (key.kid, "retiring")
    assert {record["status_sent"] for _, record in judged} == {200, 401}


@pytest.fixture(scope="module")
def pair(deployment: Deployment) -> tuple[OwnKey, OwnKey]:
    """Two rotated keys by their old secrets: one whose grace lasts for the whole test, one whose grace is over."""
    lasting, over = own_key(deployment, "lasting"), own_key(deployment, "over")
    cli(deployment, "key", "rotate", lasting.kid, "--grace", "1h")
    cli(deployment, "key", "rotate", over.kid, "--grace", "1s")
    for kid in (lasting.kid, over.kid):
        cli(deployment, "key", "propagation", kid, "--wait")
    deployment.wait_for(lambda: deployment.call(WHOAMI, X_Api_Key=over.whole).status == 401, "the end of a grace")
    return lasting, over


def judged(deployment: Deployment, pair: tuple[OwnKey, OwnKey]) -> list[int]:
    """What the two old secrets are answered."""
    return [deployment.call(WHOAMI, X_Api_Key=key.whole).status for key in pair]


def test_the_grace_holds_after_a_restart_from_what_was_known_last(
    deployment: Deployment, pair: tuple[OwnKey, OwnKey]
) -> None:
    deployment.stop("control")
    deployment.kill("gateway")
    deployment.start_gateway()
    try:
        assert judged(deployment, pair) == [200, 401]
    finally:
        deployment.start_control()


@pytest.mark.parametrize("offset", ["-2h", "+2h"])
def test_the_grace_is_by_the_control_planes_clock_on_a_host_whose_own_is_off(
    deployment: Deployment, pair: tuple[OwnKey, OwnKey], offset: str, tmp_path: Path
) -> None:
    """Two hours slow must not prolong a grace of a second; two hours fast must not end one of an hour."""
    deployment.stop("gateway")
    with ShiftedGateway(deployment, offset, tmp_path / "gateway.log"):
        deployment.wait_for(lambda: answers(deployment, WHOAMI), "the node")
        assert judged(deployment, pair) == [200, 401]
    deployment.start_gateway()


@pytest.fixture(autouse=True)
def _gateway_is_back(deployment: Deployment) -> Iterator[None]:
    yield
    if "gateway" not in deployment.processes:
        deployment.start_gateway()


def answers(deployment: Deployment, path: str) -> bool:
    """Tell whether the node takes calls, whatever it says of its readiness."""
    try:
        return deployment.call(path).status == 200
    except OSError:
        return False


class ShiftedGateway:
    """A gateway on a host whose wall clock is off."""

    def __init__(self, deployment: Deployment, offset: str, log: Path) -> None:
        (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
        self._environment = {
            **deployment.environment,
            "LD_PRELOAD": str(library),
            "FAKETIME": offset,
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self._folder, self._log = deployment.folder, log

    def __enter__(self) -> None:
        with self._log.open("wb") as file:
            self._node = subprocess.Popen(
                portazgo_command("gateway"), env=self._environment, cwd=self._folder, stdout=file, stderr=file
            )

    def __exit__(self, *_: object) -> None:
        self._node.terminate()
        try:
            self._node.wait(20)
        finally:
            self._node.kill()
            self._node.wait()


def used(deployment: Deployment, kid: str) -> Any:
    """Who still uses the old secret."""
    return deployment.admin.get(f"/keys/{kid}")["retiring_use"]


def test_who_uses_the_old_secret_is_told_to_the_call_through_kill_nine_and_double_shipping(
    deployment: Deployment,
) -> None:
    """The node dies with records that it has not shipped; the control plane dies between taking them and saying so."""
    key = own_key(deployment, "watched")
    cli(deployment, "key", "rotate", key.kid, "--grace", "1h")
    cli(deployment, "key", "propagation", key.kid, "--wait")
    answered = 0
    for part in ("gateway", "control", "gateway", "control"):
        for _ in range(10):
            answered += deployment.call(WHOAMI, X_Api_Key=key.whole, User_Agent="nightly-batch/3").status == 200
        deployment.kill(part)
        deployment.start_gateway() if part == "gateway" else deployment.start_control()
    assert answered == 40
    deployment.wait_for(lambda: used(deployment, key.kid)["requests"] >= answered, "all uses", 60)
    time.sleep(2.5)  # whatever is sent once more is sent by now
    use = used(deployment, key.kid)
    records = [
        record
        for record in deployment.admin.pages("/traces", {"kid": key.kid, "limit": 200})
        if record["secret_slot"] == "retiring"
    ]
    assert use["requests"] == answered == len(records)
    (caller,) = use["callers"]
    assert (caller["address"], caller["user_agent"], caller["refused"]) == ("127.0.0.1", "nightly-batch/3", 0)
    newest = max(begun_us(record) for record in records)
    assert microseconds(datetime.fromisoformat(use["last_used_at"])) == newest


def test_the_command_line_leads_through_a_rotation(deployment: Deployment) -> None:
    key = own_key(deployment, "by-hand")

    def run(*words: str, code: int = 0) -> str:
        done = portazgo(deployment.environment, deployment.folder, "key", *words)
        assert done.returncode == code, (done.stdout, done.stderr)
        assert key.whole not in done.stdout + done.stderr
        return done.stdout + done.stderr

    rotated = cli(deployment, "key", "rotate", key.kid, "--grace", "7d")
    assert (rotated["kid"], [secret["number"] for secret in rotated["secrets"]]) == (key.kid, [2, 1])
    # A node that has not heard of the rotation yet takes it for the current secret.
    deployment.wait_for(lambda: deployment.admin.get(f"/keys/{key.kid}/propagation")["proven"], "the rotation")
    deployment.call(WHOAMI, X_Api_Key=key.whole, User_Agent="shop/2")
    assert "take the rotation back with `cancel`" in run("rotate", key.kid, "--grace", "1d", code=5)
    assert "nobody can be asked" in run("rotate", key.kid, "--end-retiring", code=6)
    deployment.wait_for(lambda: used(deployment, key.kid)["requests"] > 0, "the record")
    shown = run("show", key.kid)
    assert re.search(r"^current secret +number 2, since 2", shown, re.MULTILINE)
    assert re.search(r"^retiring secret +number 1, works until 2", shown, re.MULTILINE)
    assert "(shop/2): 1 calls, 0 refused; last" in shown
    assert "longer grace" in run("rotation", "extend", key.kid, "--grace", "1d", code=5)
    assert "works until" in run("rotation", "extend", key.kid, "--grace", "9d")
    asked = run("rotation", "end", key.kid, code=6)
    assert "It was used" in asked
    assert "from 127.0.0.1 (shop/2)." in asked
    refused = run("rotation", "end", key.kid, "--unless-used-within", "1h", "--yes", code=6)
    assert "Let that caller take the new key first" in refused
    assert "Proven" in run("rotation", "end", key.kid, "--yes", "--wait")
    assert "number 1, ended 2" in run("show", key.kid)
    run("rotate", key.kid, "--grace", "1d")
    back = cli(deployment, "key", "rotation", "cancel", key.kid, "--yes")
    assert [(secret["slot"], secret["number"]) for secret in back["secrets"]] == [("current", 2)]
    deployment.wait_for(
        lambda: deployment.call(WHOAMI, X_Api_Key=rotated["api_key"]).status == 200, "the key that was current"
    )
