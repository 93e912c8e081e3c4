"""What a change proves: a revoked key is dead everywhere, or it is said where that is not known."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.deployment import Deployment
from support.key import OwnKey, own_key
from support.load import SteadyLoad
from support.node import ExtraNode
from support.relay import Relay, altered_lines

DEAD_SECONDS = 0.5 * 5
ROUNDS = int(os.environ.get("PORTAZGO_TEST_REVOCATIONS", "1"))
LEASE_SECONDS = 10  # the least that can be set


@pytest.fixture
def node(deployment: Deployment, tmp_path: Path) -> Iterator[ExtraNode]:
    """A second node; it is gone, and retired, after the test."""
    extra = ExtraNode(deployment, tmp_path)
    extra.start()
    yield extra
    extra.stop()
    deployment.admin.post(f"/nodes/{extra.node_id}/retire")


@pytest.fixture
def relay(deployment: Deployment) -> Iterator[Relay]:
    """A control plane that can lie, for one node."""
    with Relay(deployment.environment["PORTAZGO_INTERNAL_URL"]) as between:
        yield between


@pytest.fixture
def led_astray(deployment: Deployment, tmp_path: Path, relay: Relay) -> Iterator[ExtraNode]:
    """A second node that follows the relay."""
    extra = ExtraNode(deployment, tmp_path, PORTAZGO_INTERNAL_URL=relay.url)
    extra.start()
    yield extra
    extra.stop()
    deployment.admin.post(f"/nodes/{extra.node_id}/retire")


def states(deployment: Deployment, kid: str) -> dict[str, str]:
    """By node."""
    verdicts = deployment.admin.get(f"/keys/{kid}/propagation")["nodes"]
    return {verdict["node"]: verdict["state"] for verdict in verdicts}


def receipt_of(deployment: Deployment, node: ExtraNode) -> dict[str, Any]:
    """What a node said last."""
    shown = deployment.admin.get(f"/nodes/{node.node_id}")
    receipt: dict[str, Any] = {**shown["receipt"], "current": shown["current"]}
    return receipt


def known_to(deployment: Deployment, node: ExtraNode, key: OwnKey) -> None:
    """Wait until a node admits a key."""
    deployment.wait_for(lambda: node.call(key.whole)[0] == 200, "the key at the second node")


def test_a_revocation_is_proven_by_every_node_and_by_no_node_that_is_gone(
    deployment: Deployment, node: ExtraNode
) -> None:
    first, second = own_key(deployment, "first"), own_key(deployment, "second")
    known_to(deployment, node, first)
    known_to(deployment, node, second)
    deployment.admin.post(f"/keys/{first.kid}/revoke")
    deployment.wait_for(lambda: deployment.admin.get(f"/keys/{first.kid}/propagation")["proven"], "the proof", 10)
    assert set(states(deployment, first.kid).values()) == {"confirmed"}
    assert len(states(deployment, first.kid)) >= 2
    assert (node.call(first.whole)[0], deployment.call(X_Api_Key=first.whole).status) == (401, 401)

    node.kill()
    deployment.admin.post(f"/keys/{second.kid}/revoke")
    deployment.wait_for(lambda: "confirmed" in states(deployment, second.kid).values(), "the living node", 10)
    for _ in range(5):
        assert states(deployment, second.kid)[node.node_id] == "unproven"
        assert deployment.admin.get(f"/keys/{second.kid}/propagation")["proven"] is False
        time.sleep(0.2)
    # The proof of what it knew is not taken away by its end; what it didn't, it proves when it is back.
    assert states(deployment, first.kid)[node.node_id] == "confirmed"
    node.start()
    deployment.wait_for(lambda: deployment.admin.get(f"/keys/{second.kid}/propagation")["proven"], "the late proof", 10)
    assert node.call(second.whole)[0] == 401


def test_a_revoked_key_is_dead_in_half_a_second_under_load(deployment: Deployment) -> None:
    steady = own_key(deployment, "steady")
    with SteadyLoad(deployment.gateway_port, steady.whole) as load:
        lives = [seconds_to_live(deployment, own_key(deployment, f"victim-{round_}")) for round_ in range(ROUNDS)]
    print(f"dead {max(lives):.3f} s after the order was given, at most")
    assert max(lives) < DEAD_SECONDS
    assert load.failed == []


def seconds_to_live(deployment: Deployment, victim: OwnKey) -> float:
    """Revoke a key that is in use. Returns when its last good call began, counted from the order."""
    with SteadyLoad(deployment.gateway_port, victim.whole, clients=2, pause=0.01) as calls:
        time.sleep(0.5)
        revoked = time.monotonic()
        deployment.admin.post(f"/keys/{victim.kid}/revoke")
        time.sleep(DEAD_SECONDS + 0.5)
    assert {call.status for call in calls.calls if call.began > revoked + DEAD_SECONDS} == {401}
    return max(call.began for call in calls.calls if call.status == 200) - revoked


def with_a_surprise(_path: str, body: bytes) -> bytes:
    """A member that nobody knows, in every change."""
    return altered_lines(body, lambda line: {**line, "surprise": 1} if "put" in line else line)


def cut_short(path: str, body: bytes) -> bytes:
    """The last line is missing."""
    return body[: body.rstrip(b"\n").rindex(b"\n") + 1] if path.startswith("/internal/v1/changes") else body


def not_json(path: str, body: bytes) -> bytes:
    """Changes that are no JSON; the security lane can still be read."""
    if not path.startswith("/internal/v1/changes"):
        return body
    lines = body.splitlines(keepends=True)
    return b"".join(b"\x00{" + line if b'"put"' in line else line for line in lines)


@pytest.mark.parametrize("corrupt", [with_a_surprise, cut_short, not_json])
def test_a_corrupt_feed_is_refused_and_seen_while_the_security_lane_still_counts(
    deployment: Deployment, led_astray: ExtraNode, relay: Relay, corrupt: Callable[[str, bytes], bytes]
) -> None:
    old, dead, off = (own_key(deployment, name) for name in ("old", "dead", "off"))
    for key in (old, dead, off):
        known_to(deployment, led_astray, key)
    before = led_astray.metric("portazgo_snapshot_revision")

    relay.alter = corrupt
    new = own_key(deployment, "new")
    deployment.wait_for(lambda: receipt_of(deployment, led_astray)["refused"] is not None, "the refusal", 20)
    seen = receipt_of(deployment, led_astray)
    assert (seen["current"], seen["revision"]) == (False, before)
    assert seen["refused"]["where"]
    (warning,) = led_astray.ready()["warnings"]
    assert "is refused, an older one is served" in warning
    assert led_astray.call(old.whole)[0] == 200
    assert led_astray.call(new.whole)[0] == 401
    assert led_astray.metric("portazgo_snapshot_revision") == before

    deployment.admin.post(f"/keys/{dead.kid}/revoke")
    deployment.admin.post(f"/keys/{off.kid}/disable")
    for key in (dead, off):
        ends_through_the_lane(deployment, led_astray, key)
    assert led_astray.metric("portazgo_snapshot_revision") == before
    assert led_astray.call(old.whole)[0] == 200

    # Restarted meanwhile, without the control plane, it knows what it knew, and what the lane said.
    relay.silent.set()
    led_astray.kill()
    led_astray.start()
    assert [led_astray.call(key.whole)[0] for key in (old, dead, off)] == [200, 401, 401]
    relay.silent.clear()

    relay.alter = None
    known_to(deployment, led_astray, new)
    deployment.wait_for(lambda: receipt_of(deployment, led_astray)["refused"] is None, "the end of the refusal", 20)
    assert led_astray.ready()["warnings"] == []
    deployment.admin.post(f"/keys/{off.kid}/enable")
    known_to(deployment, led_astray, off)


def test_the_lane_of_a_refused_snapshot_counts_and_is_kept(
    deployment: Deployment, led_astray: ExtraNode, relay: Relay
) -> None:
    old, dead, off = (own_key(deployment, name) for name in ("old", "dead", "off"))
    for key in (old, dead, off):
        known_to(deployment, led_astray, key)
    before = led_astray.metric("portazgo_snapshot_revision")
    relay.alter = with_a_surprise_in_partners
    relay.forgetful.set()
    deployment.admin.post(f"/keys/{dead.kid}/revoke")
    deployment.admin.post(f"/keys/{off.kid}/disable")
    for key in (dead, off):
        ends_through_the_lane(deployment, led_astray, key)
    assert led_astray.metric("portazgo_snapshot_revision") == before
    assert receipt_of(deployment, led_astray)["refused"] is not None

    relay.silent.set()
    led_astray.kill()
    led_astray.start()
    assert [led_astray.call(key.whole)[0] for key in (old, dead, off)] == [200, 401, 401]


def with_a_surprise_in_partners(path: str, body: bytes) -> bytes:
    """A member that nobody knows, in what the snapshot says of partners."""
    if not path.startswith("/internal/v1/snapshot"):
        return body
    return altered_lines(
        body, lambda line: {**line, "body": {**line["body"], "surprise": 1}} if line.get("kind") == "partner" else line
    )


@pytest.mark.parametrize("file", ["revoked.log", "changes.ndjson"])
def test_a_node_that_cant_write_its_folder_follows_and_says_so(
    deployment: Deployment, node: ExtraNode, file: str
) -> None:
    dead, off, new = own_key(deployment, "dead"), own_key(deployment, "off"), own_key(deployment, "new")
    for key in (dead, off, new):
        known_to(deployment, node, key)
    (node.kept / file).unlink(missing_ok=True)
    (node.kept / file).mkdir()

    deployment.admin.post(f"/keys/{dead.kid}/revoke")
    deployment.admin.post(f"/keys/{off.kid}/disable")
    for key in (dead, off):
        ends_through_the_lane(deployment, node, key)
    known_to(deployment, node, own_key(deployment, "newer"))
    assert node.call(new.whole)[0] == 200
    deployment.wait_for(lambda: receipt_of(deployment, node)["refused"] is not None, "its trouble", 10)
    said = receipt_of(deployment, node)["refused"]
    assert (said["where"], file in said["why"]) == ("last known good", True)
    assert file in node.log.read_text()
    # What it could not write is dead at its next start too, as soon as it can be written.
    (node.kept / file).rmdir()
    if file == "revoked.log":
        touched = own_key(deployment, "touched")
        known_to(deployment, node, touched)
        deployment.wait_for(lambda: receipt_of(deployment, node)["refused"] is None, "the end of its trouble", 10)
        assert dead.kid in (node.kept / file).read_text()


def ends_through_the_lane(deployment: Deployment, node: ExtraNode, key: OwnKey) -> None:
    """Wait until a node refuses a key, and until that is proven."""
    deployment.wait_for(lambda: node.call(key.whole)[0] == 401, "the key's end through the lane", 20)
    deployment.wait_for(lambda: states(deployment, key.kid)[node.node_id] == "confirmed", "its proof", 20)


def requiring(kind: str, wanted: Callable[[dict[str, Any]], bool]) -> Callable[[str, bytes], bytes]:
    """Add a feature that no node has to resources of a kind."""

    def mark(resource: dict[str, Any]) -> dict[str, Any]:
        if resource.get("kind") == kind and wanted(resource):
            return {**resource, "requires": [*resource["requires"], "from.the.future.7"]}
        return resource

    def change(line: dict[str, Any]) -> dict[str, Any]:
        line = mark(line)
        return {**line, "put": [mark(one) for one in line["put"]]} if "put" in line else line

    def alter(path: str, body: bytes) -> bytes:
        return altered_lines(body, change) if b'"put"' in body or path.startswith("/internal/v1/snapshot") else body

    return alter


def test_what_a_node_does_not_understand_is_answered_503_and_only_that(
    deployment: Deployment, tmp_path: Path, relay: Relay
) -> None:
    plain, future = own_key(deployment, "plain"), own_key(deployment, "future")
    by_key = requiring("key", lambda resource: resource["id"] == future.kid)
    by_route = requiring("route", lambda resource: resource["body"]["name"] == "badges-list")
    relay.alter = lambda path, body: by_route(path, by_key(path, body))
    outdated = ExtraNode(deployment, tmp_path, PORTAZGO_INTERNAL_URL=relay.url)
    outdated.start()
    try:
        for key, path in ((future, "/v1/issuers/"), (plain, "/v1/badges/")):
            status, problem = outdated.call(key.whole, path)
            assert (status, problem["code"], problem["blame"]) == (503, "gateway_unavailable", "gateway")
            assert deployment.trace(problem["instance"])["fault"] == "node_outdated"
        assert outdated.call(plain.whole)[0] == 200
        deployment.wait_for(lambda: receipt_of(deployment, outdated)["refused"] is None, "the receipt", 10)
        # A change that takes the feature away again opens what was shut.
        relay.alter = None
        deployment.admin.post(f"/keys/{future.kid}/disable")
        deployment.admin.post(f"/keys/{future.kid}/enable")
        known_to(deployment, outdated, future)
        assert outdated.call(plain.whole, "/v1/badges/")[0] == 503
    finally:
        outdated.stop()
        deployment.admin.post(f"/nodes/{outdated.node_id}/retire")


def test_a_node_whose_lease_has_ended_refuses_and_counts_as_fenced(tmp_path: Path) -> None:
    with Deployment(tmp_path, PORTAZGO_REVOCATION_MAX_STALENESS=f"{LEASE_SECONDS}s") as deployment:
        key = own_key(deployment, "revoked")
        with Relay(deployment.environment["PORTAZGO_INTERNAL_URL"]) as relay:
            node = ExtraNode(deployment, tmp_path / "second", PORTAZGO_INTERNAL_URL=relay.url)
            node.start()
            try:
                known_to(deployment, node, key)
                relay.silent.set()
                deployment.admin.post(f"/keys/{key.kid}/revoke")
                deployment.wait_for(
                    lambda: states(deployment, key.kid)[node.node_id] != "unproven", "the fence", LEASE_SECONDS * 5
                )
                # Told from the outside, without a word of the node: so it must be true of the node at once.
                status, problem = node.call(key.whole)
                assert deployment.call().status == 200, "a lease that is renewed does not end"
                assert states(deployment, key.kid)[node.node_id] == "fenced"
                assert (status, problem["code"]) == (503, "gateway_unavailable"), problem
                assert deployment.admin.get(f"/keys/{key.kid}/propagation")["proven"] is True
                relay.silent.clear()
                deployment.wait_for(lambda: node.call(key.whole)[0] == 401, "its contact", 15)
                deployment.wait_for(lambda: states(deployment, key.kid)[node.node_id] == "confirmed", "its word", 15)
                assert deployment.trace(problem["instance"])["fault"] == "node_stale"
            finally:
                node.stop()


def test_a_restored_database_does_not_take_back_what_a_node_knows(tmp_path: Path) -> None:
    with Deployment(tmp_path) as deployment:
        kept, dead = own_key(deployment, "kept"), own_key(deployment, "dead")
        deployment.stop("control")
        state = deployment.data / "state.sqlite3"
        backup = tmp_path / "backup.sqlite3"
        shutil.copy(state, backup)
        deployment.start_control()
        lost = own_key(deployment, "lost-by-the-restore")
        partner = next(deployment.admin.pages("/partners"))["id"]
        touch(deployment, partner, "before")
        deployment.admin.post(f"/keys/{dead.kid}/revoke")
        deployment.wait_for(lambda: deployment.call(X_Api_Key=dead.whole).status == 401, "the revocation", 10)

        deployment.stop("control")
        for leftover in state.parent.glob("state.sqlite3*"):
            leftover.unlink()
        shutil.copy(backup, state)
        deployment.start_control()

        def refused() -> dict[str, Any] | None:
            node = next(deployment.admin.pages("/nodes"))
            receipt: dict[str, Any] | None = node["receipt"]
            return None if receipt is None or node["current"] else receipt["refused"]

        deployment.wait_for(lambda: refused() is not None, "the refusal", 20)
        assert "history" in json.dumps(refused())
        assert deployment.call(X_Api_Key=kept.whole).status == 200
        assert deployment.call(X_Api_Key=lost.whole).status == 200
        assert deployment.call(X_Api_Key=dead.whole).status == 401
        # A key revoked now is not dead on that node, and nothing says that it is, although the node's revision is higher.
        deployment.admin.post(f"/keys/{kept.kid}/revoke")
        time.sleep(2)
        assert set(states(deployment, kept.kid).values()) == {"unproven"}
        deployment.kill("gateway")
        deployment.start_gateway()
        time.sleep(2)
        assert set(states(deployment, kept.kid).values()) == {"unproven"}
        # When the log has passed the node's revision, the number is there, but with other content.
        touch(deployment, partner, "after")
        time.sleep(2)
        assert refused() is not None
        assert set(states(deployment, kept.kid).values()) == {"unproven"}
        assert deployment.call(X_Api_Key=dead.whole).status == 401
        assert "history" in (deployment.folder / "gateway.log").read_text()


def touch(deployment: Deployment, partner: str, mark: str) -> None:
    """Make a run of revisions."""
    for number in range(12):
        deployment.admin.patch(f"/partners/{partner}", {"metadata": {mark: number}})
