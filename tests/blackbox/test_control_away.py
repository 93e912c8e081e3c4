"""A node needs the control plane only for news: partners notice nothing while it, or its database, is away."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from urllib.request import urlopen

from support.accounts import every_call_is_recorded_once
from support.deployment import Deployment
from support.key import own_key
from support.load import SteadyLoad
from support.postgresql import PostgreSQLServer
from support.truth import COMES_SECONDS, balance_when_all_has_come

AWAY_SECONDS = 2.0
DATABASE_AWAY_SECONDS = float(os.environ.get("PORTAZGO_TEST_DATABASE_AWAY_SECONDS", "10"))
ROUNDS = int(os.environ.get("PORTAZGO_TEST_RESTARTS", "1"))
RECOVERY_SECONDS = 15.0
KEY_SETS_SECONDS = 0.5 * 5


def a_change_reaches_the_node(deployment: Deployment) -> None:
    """Make a key and revoke it."""
    key = own_key(deployment, "after")
    deployment.admin.post(f"/keys/{key.kid}/revoke")
    deployment.wait_for(lambda: deployment.call(X_Api_Key=key.whole).status == 401, "its death", RECOVERY_SECONDS)


def test_partners_notice_nothing_of_a_control_plane_that_restarts_or_is_killed(tmp_path: Path) -> None:
    with Deployment(tmp_path) as deployment:
        key = own_key(deployment, "load")
        with SteadyLoad(deployment.gateway_port, key.whole) as load:
            for _ in range(ROUNDS):
                for end in (deployment.stop, deployment.kill):
                    end("control")
                    time.sleep(AWAY_SECONDS)
                    deployment.start_control()
                    a_change_reaches_the_node(deployment)
        assert load.failed == []
        assert len(load.calls) > 100
        every_call_is_recorded_once(deployment, load.calls)


def test_partners_notice_nothing_of_a_database_that_is_away_and_the_control_plane_recovers_by_itself(
    tmp_path: Path, postgresql: PostgreSQLServer
) -> None:
    with Deployment(tmp_path, PORTAZGO_STATE_URL=postgresql.new_database("away")) as deployment:
        key = own_key(deployment, "load")
        control = deployment.processes["control"].pid
        with SteadyLoad(deployment.gateway_port, key.whole) as load:
            time.sleep(1)
            began = time.monotonic()
            with postgresql.away():
                key_sets_come_in_time(deployment, until=began + DATABASE_AWAY_SECONDS)
            deployment.wait_for(lambda: answers_again(deployment), "the admin API", RECOVERY_SECONDS)
            a_change_reaches_the_node(deployment)
        assert load.failed == []
        assert len([call for call in load.calls if call.began > began]) > 100
        assert deployment.processes["control"].pid == control
        assert deployment.processes["control"].poll() is None
        balance_when_all_has_come(deployment, COMES_SECONDS + DATABASE_AWAY_SECONDS / 5)
        every_call_is_recorded_once(deployment, load.calls)


def key_sets_come_in_time(deployment: Deployment, *, until: float) -> None:
    """Backends wait a second or two for them, and can verify nothing without."""
    while time.monotonic() < until:
        asked = time.monotonic()
        with urlopen(f"{deployment.control_url}/.well-known/jwks.json", timeout=30) as answer:  # noqa: S310 - our own server
            assert json.load(answer)["keys"]
        assert time.monotonic() - asked < KEY_SETS_SECONDS
        time.sleep(0.2)


def answers_again(deployment: Deployment) -> bool:
    """Whether the admin API can read its database."""
    answer = deployment.admin._http.request("GET", "/api/v1/partners")
    assert answer.status in {200, 503}, answer
    return answer.status == 200


def test_a_node_that_starts_while_the_control_plane_is_away_serves_what_it_knew_and_dead_keys_stay_dead(
    tmp_path: Path,
) -> None:
    with Deployment(tmp_path) as deployment:
        good, dead = own_key(deployment, "good"), own_key(deployment, "dead")
        deployment.admin.post(f"/keys/{dead.kid}/revoke")
        deployment.wait_for(lambda: deployment.call(X_Api_Key=dead.whole).status == 401, "the revocation")
        node = deployment.data / "node"
        deployment.wait_for(lambda: dead.kid in (node / "revoked.log").read_text(), "the note of it")

        deployment.kill("control")
        deployment.kill("gateway")
        deployment.start_gateway()
        assert deployment.call(X_Api_Key=good.whole).status == 200
        assert deployment.call(X_Api_Key=dead.whole).status == 401

        # As if the disk had lost the last pages and torn one: what is left of them knows nothing of the revocation.
        deployment.kill("gateway")
        changes = (node / "changes.ndjson").read_bytes()
        kept = [*changes.splitlines(keepends=True)]
        while any(dead.kid.encode() in line and b'"security"' in line for line in kept):
            kept.pop()
        (node / "changes.ndjson").write_bytes(b"".join(kept))
        deployment.start_gateway()
        assert deployment.call(X_Api_Key=good.whole).status == 200
        assert deployment.call(X_Api_Key=dead.whole).status == 401
        refused = deployment.call(X_Api_Key=dead.whole)

        deployment.start_control()
        a_change_reaches_the_node(deployment)
        assert deployment.trace(refused.request_id)["fault"] == "key_revoked"
        # What follows a torn page is kept, and known at the next start without the control plane.
        after = own_key(deployment, "after-the-tear")
        deployment.wait_for(lambda: after.kid in (node / "changes.ndjson").read_text(), "the key in the node's file")
        deployment.kill("control")
        deployment.kill("gateway")
        deployment.start_gateway()
        assert deployment.call(X_Api_Key=after.whole).status == 200
