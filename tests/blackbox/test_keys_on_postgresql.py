"""The whole life of keys on PostgreSQL, by the command line: rotated, killed with proof, moved to another pepper, recovered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.command import portazgo
from support.deployment import Deployment
from support.key import OwnKey, own_key
from support.postgresql import PostgreSQLServer

IN_USE, CONFLICT = 6, 5
WHOAMI = "/.well-known/portazgo/whoami"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, postgresql: PostgreSQLServer) -> Iterator[Deployment]:
    url = postgresql.new_database("keys")
    with Deployment(tmp_path_factory.mktemp("keys") / "deployment", PORTAZGO_STATE_URL=url) as running:
        yield running


def types(deployment: Deployment, *words: str, exit_code: int = 0) -> Any:
    done = portazgo(deployment.environment, deployment.folder, *words, "--json")
    assert done.returncode == exit_code, (words, done.stdout, done.stderr)
    return json.loads(done.stdout) if done.stdout else None


def status(deployment: Deployment, key: str) -> int:
    return deployment.call(WHOAMI, X_Api_Key=key).status


def wait_for_status(deployment: Deployment, key: str, wanted: int) -> None:
    deployment.wait_for(lambda: status(deployment, key) == wanted, f"{wanted} for a key")


def test_a_rotation_keeps_both_secrets_tells_who_uses_the_old_one_and_ends_it(deployment: Deployment) -> None:
    key = own_key(deployment, "rotated")
    rotated = types(deployment, "key", "rotate", key.kid, "--grace", "1d")
    wait_for_status(deployment, rotated["api_key"], 200)
    assert status(deployment, key.whole) == 200
    deployment.wait_for(
        lambda: types(deployment, "key", "show", key.kid)["retiring_use"]["last_used_at"] is not None, "its use"
    )
    types(deployment, "key", "rotation", "end", key.kid, "--unless-used-within", "1h", "--yes", exit_code=IN_USE)
    types(deployment, "key", "rotation", "end", key.kid, "--yes", "--wait")
    assert (status(deployment, key.whole), status(deployment, rotated["api_key"])) == (401, 200)


def test_of_rotations_at_once_one_is_done_and_its_key_works(deployment: Deployment) -> None:
    key = own_key(deployment, "contended")
    body = {"grace": "1d", "expected_secret": 1}

    def rotate(_: int) -> str | None:
        try:
            made: str = deployment.admin.post(f"/keys/{key.kid}/rotate", body)["api_key"]
        except Exception:  # noqa: BLE001 - whoever was slower
            return None
        return made

    with ThreadPoolExecutor(4) as threads:
        (won,) = [found for found in threads.map(rotate, range(4)) if found is not None]
    wait_for_status(deployment, won, 200)
    assert status(deployment, key.whole) == 200
    types(deployment, "key", "rotate", key.kid, "--grace", "1d", exit_code=CONFLICT)


def test_revoking_and_suspending_are_proven_before_the_command_returns(deployment: Deployment) -> None:
    key, others = own_key(deployment, "revoked"), own_key(deployment, "suspended")
    proof = types(deployment, "key", "revoke", key.kid, "--yes", "--wait")
    assert [one["state"] for one in proof["nodes"]] == ["confirmed"]
    assert status(deployment, key.whole) == 401
    application = deployment.admin.get(f"/keys/{others.kid}")["application"]
    types(deployment, "application", "suspend", application, "--wait")
    assert status(deployment, others.whole) == 403
    types(deployment, "application", "resume", application)
    wait_for_status(deployment, others.whole, 200)


def test_a_new_pepper_takes_every_key_over(deployment: Deployment) -> None:
    key = own_key(deployment, "peppered")
    deployment.start_worker()
    (row,) = types(deployment, "pepper", "rotate", "--wait")
    deployment.stop("worker")
    assert (row["state"], row["version"]) == ("current", 2)
    assert status(deployment, key.whole) == 200


def test_what_was_revoked_after_the_backup_is_dead_after_recover(
    deployment: Deployment, postgresql: PostgreSQLServer
) -> None:
    keys = {name: own_key(deployment, name) for name in ("dead", "alive")}
    types(deployment, "backup", "backup")
    types(deployment, "key", "revoke", keys["dead"].kid, "--yes", "--wait")
    deployment.stop("control")
    (deployment.data / "revocations.log").unlink()
    restored = deployment.folder / "restored"
    deployment.environment |= {
        "PORTAZGO_STATE_URL": postgresql.new_database("restored"),
        "PORTAZGO_DATA_DIR": str(restored),
    }
    deployment.data = restored
    for words in (["restore", "backup"], ["migrate"]):
        done = portazgo(deployment.environment, deployment.folder, *words)
        assert done.returncode == 0, done.stderr
    done = types(deployment, "recover", "--yes", "--wait", "40s")
    assert ("revoke_key", keys["dead"].kid) in {(step["operation"], step["id"]) for step in done["steps"]}
    deployment.start_control()
    assert _proven(deployment, keys["dead"])
    assert deployment.admin.get(f"/keys/{keys['dead'].kid}")["status"] == "revoked"
    assert [status(deployment, keys[name].whole) for name in ("dead", "alive")] == [401, 200]


def _proven(deployment: Deployment, key: OwnKey) -> bool:
    deployment.wait_for(
        lambda: bool(deployment.admin.get(f"/keys/{key.kid}/propagation")["proven"]), "the proof in the new history"
    )
    return True
