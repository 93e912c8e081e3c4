"""`portazgo recover`: what an older database lost of what was closed comes back from the nodes, and a new history begins."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from support.command import portazgo as run
from support.deployment import Deployment
from support.key import OwnKey, own_key
from support.node import ExtraNode
from support.postgresql import PostgreSQLServer

HISTORY = "history"


def recover(deployment: Deployment, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it as an operator does."""
    return run({**deployment.environment, **environment}, deployment.folder, "recover", *words)


def document(done: subprocess.CompletedProcess[str]) -> Any:
    """Read what it printed."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Restored:
    """A deployment whose control plane was restored from a backup; its first node and a second one are ahead of it."""

    def __init__(self, deployment: Deployment, second: ExtraNode) -> None:
        self.deployment, self.second = deployment, second
        names = ("revoked", "disabled", "reopened", "rotated", "retiring", "good")
        self.keys = {name: own_key(deployment, name) for name in names}
        admin = deployment.admin
        self.partner = admin.post("/partners", {"name": "suspended-since"})["id"]
        admin.post(f"/keys/{self.keys['reopened'].kid}/disable")
        backup = run(deployment.environment, deployment.folder, "backup", "backup")
        assert backup.returncode == 0, backup.stderr
        admin.post(f"/keys/{self.keys['revoked'].kid}/revoke")
        admin.post(f"/keys/{self.keys['disabled'].kid}/disable")
        admin.post(f"/keys/{self.keys['reopened'].kid}/enable")
        admin.post(f"/partners/{self.partner}/suspend")
        admin.post(f"/keys/{self.keys['rotated'].kid}/rotate", {"grace": "0s", "expected_secret": 1})
        admin.post(f"/keys/{self.keys['retiring'].kid}/rotate", {"grace": "1h"})
        self.late = own_key(deployment, "late")
        deployment.wait_for(lambda: second.call(self.late.whole)[0] == 200, "the second node", 90)
        self.wait_for_files(deployment.data / "node", second.kept)

    def wait_for_files(self, *folders: Path) -> None:
        """Wait until both nodes have the last change on their disks."""
        for folder in folders:
            self.deployment.wait_for(
                lambda folder=folder: self.late.kid in (folder / "changes.ndjson").read_text(),  # type: ignore[misc]
                "the last page on the disk",
                90,
            )

    def lose(self) -> None:
        """Lose the control plane's machine, and restore the backup elsewhere; the nodes run on."""
        deployment = self.deployment
        deployment.stop("control")
        deployment.data = deployment.folder / "restored"
        deployment.environment["PORTAZGO_DATA_DIR"] = str(deployment.data)
        for words in (["restore", "backup"], ["migrate"]):
            done = run(deployment.environment, deployment.folder, *words)
            assert done.returncode == 0, done.stderr

    def statuses(self) -> dict[str, int]:
        """What each node answers to the keys; they must agree."""
        whole = {**{name: key.whole for name, key in self.keys.items()}, "late": self.late.whole}
        first = {name: self.deployment.call(X_Api_Key=key).status for name, key in whole.items()}
        assert {name: self.second.call(key)[0] for name, key in whole.items()} == first
        return first


def test_what_was_closed_since_the_backup_is_closed_again_and_nodes_follow_the_new_history(tmp_path: Path) -> None:
    with Deployment(tmp_path) as deployment:
        second = ExtraNode(deployment, tmp_path / "second")
        second.start()
        try:
            restored = Restored(deployment, second)
            refused = recover(deployment, "--yes")
            assert (refused.returncode, "a control plane runs on this database" in refused.stderr) == (2, True)
            restored.lose()
            keys, kid = restored.keys, {name: key.kid for name, key in restored.keys.items()}

            # The folder of one node alone does not do, and what stops it is said before anything is asked or done.
            one = ("--node-folder", str(second.data), "--wait", "0s")
            silent = recover(deployment, *one, "--yes")
            assert (silent.returncode, "not every node has told" in silent.stderr) == (6, True)

            done = document(recover(deployment, "--yes", "--wait", "40s", "-o", "json"))
            assert {(step["operation"], step["id"]) for step in done["steps"]} == {
                ("revoke_key", kid["revoked"]),
                ("disable_key", kid["disabled"]),
                ("suspend_partner", restored.partner),
                ("end_secret", kid["rotated"]),
                ("end_secret", kid["retiring"]),
            }
            assert [(step["operation"], step["id"]) for step in done["left_closed"]] == [
                ("enable_key", kid["reopened"])
            ]
            assert ("key", restored.late.kid) in {(one["kind"], one["id"]) for one in done["lost"]}
            assert ([one["astray"] for one in done["told_by"]], done["silent"]) == ([True, True], [])
            assert (done["closed"], done["left"], done["history"] != done["ends"]) == (5, [], True)
            # Nothing is left to be done: not even a new history begins.
            folders = ("--node-folder", str(second.data), "--node-folder", str(tmp_path / "data"), "--wait", "0s")
            again = recover(deployment, *folders, "--yes")
            assert (again.returncode, "there is nothing to recover" in again.stderr) == (6, True)

            deployment.start_control()
            for node in deployment.admin.pages("/nodes"):
                deployment.wait_for(lambda node=node: current(deployment, node["id"]), "the new history", 90)  # type: ignore[misc]
            assert restored.statuses() == {
                **dict.fromkeys(("revoked", "disabled", "reopened", "rotated", "late"), 401),
                **dict.fromkeys(("good", "retiring"), 200),
            }
            (old,) = deployment.admin.get(f"/keys/{kid['retiring']}")["secrets"]
            assert timedelta(0) < datetime.fromisoformat(old["ends_at"]) - datetime.now(UTC) < timedelta(hours=1)
            assert deployment.admin.get(f"/keys/{kid['revoked']}")["status"] == "revoked"
            assert deployment.admin.get(f"/partners/{restored.partner}")["status"] == "suspended"
            assert deployment.admin.get(f"/keys/{kid['revoked']}/propagation")["proven"] is True
            # Life goes on: a change reaches both, and is proven.
            deployment.admin.post(f"/keys/{keys['good'].kid}/revoke")
            deployment.wait_for(lambda: proven(deployment, keys["good"]), "the next proof", 90)
            assert restored.statuses()["good"] == 401
            told = next(deployment.admin.pages("/audit", {"action": "history.recovered"}))
            assert (told["subject"], told["details"]["closed"]) == (done["ends"], 5)
        finally:
            second.stop()


def current(deployment: Deployment, node: str) -> bool:
    """Whether a node has the newest revision."""
    return bool(deployment.admin.get(f"/nodes/{node}")["current"])


def proven(deployment: Deployment, key: OwnKey) -> bool:
    """Whether a key's last change is proven everywhere."""
    return bool(deployment.admin.get(f"/keys/{key.kid}/propagation")["proven"])


def test_on_postgresql_a_control_plane_that_runs_keeps_it_off_and_level_nodes_need_none(
    tmp_path: Path, postgresql: PostgreSQLServer
) -> None:
    with Deployment(tmp_path, PORTAZGO_STATE_URL=postgresql.new_database("recovery")) as deployment:
        refused = recover(deployment, "--yes", "--wait", "0s")
        assert (refused.returncode, "a control plane runs on this database" in refused.stderr) == (2, True)
        deployment.stop("control")
        level = recover(deployment, "--yes", "--wait", "40s")
        assert (level.returncode, "there is nothing to recover" in level.stderr) == (6, True), level.stderr
        deployment.start_control()
        assert deployment.call().status == 200
