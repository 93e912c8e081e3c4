"""What was erased stays erased, though a backup from before comes back elsewhere and no file of the control plane outlived."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from support.command import portazgo
from support.deployment import Deployment


def run(deployment: Deployment, *words: str) -> Any:
    """Do what an operator does. Returns what it printed."""
    done = portazgo(deployment.environment, deployment.folder, *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if "json" in words else None


def data_keys(deployment: Deployment, partner: str) -> list[tuple[str, bool]]:
    """Give the partner's data keys in the database: the id, and whether the wrapped key is there."""
    connection = sqlite3.connect(f"file:{deployment.data / 'state.sqlite3'}?mode=ro", uri=True)
    try:
        statement = "SELECT id, partner, wrapped IS NOT NULL FROM data_key WHERE partner IS NOT NULL"
        return [(key, bool(there)) for key, owner, there in connection.execute(statement) if owner == partner]
    finally:
        connection.close()


def test_a_backup_from_before_an_erasure_does_not_bring_it_back_once_nodes_were_asked(tmp_path: Path) -> None:
    with Deployment(tmp_path) as deployment:
        called = deployment.call().request_id
        told = deployment.trace(called)
        assert (told["personal"], told["client_address"]) == ("shown", "127.0.0.1")
        owner = told["partner"].replace("-", "")
        ((key, living),) = data_keys(deployment, owner)
        assert living
        run(deployment, "backup", "backup")
        run(deployment, "partner", "suspend", told["partner"])
        run(deployment, "partner", "erase", told["partner"], "--yes", "--wait")

        deployment.stop("control")
        deployment.data = deployment.folder / "restored"
        deployment.environment["PORTAZGO_DATA_DIR"] = str(deployment.data)
        run(deployment, "restore", "backup")
        run(deployment, "migrate")
        # Restoring alone brings it back, and there is no line of it in the only file that was restored.
        assert data_keys(deployment, owner) == [(key, True)]

        done = run(deployment, "recover", "--yes", "--wait", "40s", "-o", "json")
        assert [step["id"].replace("-", "") for step in done["steps"] if step["operation"] == "erase_data_key"] == [key]
        assert (done["left"], data_keys(deployment, owner)) == ([], [(key, False)])
        assert not [one for one in done["lost"] if one["kind"] == "erased_data_key"]
        assert key in (deployment.data / "revocations.log").read_text().replace("-", "")

        deployment.start_control()
        assert deployment.trace(called) == {**told, "client_address": None, "personal": "erased"}
        # The nodes take the new history, and prove it again.
        proof = run(deployment, "partner", "erase", told["partner"], "--yes", "--wait", "-o", "json")
        assert (proof["proven"], len(proof["nodes"])) == (True, 1)
