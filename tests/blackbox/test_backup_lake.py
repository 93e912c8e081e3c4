"""A backup holds the lake's list and not its files, as docs/lake.md says."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import numpy as np
from support.command import portazgo
from support.deployment import Deployment
from support.made_segments import Node

from portazgo import _native
from portazgo.kit.clock import microseconds
from portazgo.kit.http import JsonClient
from portazgo.kit.secret import Secret

ROWS = 20
LAKE_SECONDS = 60


def hand_in(deployment: Deployment, node: Node, ago: timedelta) -> set[str]:
    """Have a node hand in a segment of calls that lie so long back. Returns their request ids."""
    first, content = node.segment(microseconds(datetime.now(UTC) - ago), ROWS)
    token = Secret((deployment.data / "node-token").read_text().strip())
    answer = JsonClient(deployment.environment["PORTAZGO_INTERNAL_URL"], token).request(
        "POST",
        "/internal/v1/segments",
        query={"node": node.node, "epoch": node.epoch, "first": first},
        body=content,
        headers={"X-Portazgo-Node": str(node.node), "X-Portazgo-Epoch": str(node.epoch)},
    )
    assert (answer.status, answer.json()) == (200, {"stored": True})
    return {record["request_id"] for record in _native.decode_segment(content)}


def listed(deployment: Deployment) -> list[dict[str, Any]]:
    """The files that are the lake."""
    return list(deployment.admin.get("/lake/files")["items"])


def ids_in(files: list[dict[str, Any]]) -> set[str]:
    rows = duckdb.read_parquet([file["location"] for file in files]).select("request_id").fetchall() if files else []
    return {request_id for (request_id,) in rows}


def lie_in_the_lake(deployment: Deployment, ids: set[str]) -> None:
    """Wait until these are in the lake; the deployment's own first call may be, too."""
    deployment.wait_for(lambda: ids <= ids_in(listed(deployment)), "the records in the lake", LAKE_SECONDS)


def test_a_backup_holds_the_lakes_list_and_a_copied_folder_is_read_again_and_what_it_does_not_know_left_alone(
    tmp_path: Path,
) -> None:
    node = Node(np.random.default_rng(1), uuid4(), uuid4())
    with Deployment(tmp_path) as deployment:
        deployment.stop("gateway")
        deployment.start_worker()
        before = hand_in(deployment, node, timedelta(minutes=30))
        lie_in_the_lake(deployment, before)
        deployment.stop("worker")
        known = {file["path"] for file in listed(deployment)}
        done = portazgo(deployment.environment, tmp_path, "backup", "backup")
        assert done.returncode == 0, done.stderr
        names = {path.name for path in (tmp_path / "backup").rglob("*")}
        assert names - {"revocations.log"} == {"manifest.json", "state.sqlite3", "ledger.sqlite3"}

        # What gets to the lake after the backup is in the folder that is copied, and in no list.
        deployment.start_worker()
        after = hand_in(deployment, node, timedelta(minutes=20))
        lie_in_the_lake(deployment, before | after)
        unknown = {file["path"] for file in listed(deployment)} - known
        for name in ("worker", "control"):
            deployment.stop(name)
        old = deployment.data
        deployment.data = tmp_path / "restored"
        deployment.environment["PORTAZGO_DATA_DIR"] = str(deployment.data)
        for words in (["restore", "backup"], ["migrate"]):
            done = portazgo(deployment.environment, tmp_path, *words)
            assert done.returncode == 0, done.stderr
        shutil.copytree(old / "objects" / "lake", deployment.data / "objects" / "lake")

        deployment.start_control()
        assert {file["path"] for file in listed(deployment)} == known
        assert before <= ids_in(listed(deployment))
        assert after.isdisjoint(ids_in(listed(deployment)))
        deployment.start_worker()
        # The worker goes on with the lake, and what it does not know is still there.
        later = hand_in(deployment, Node(np.random.default_rng(2), uuid4(), uuid4()), timedelta(minutes=10))
        lie_in_the_lake(deployment, before | later)
        assert unknown
        assert all((deployment.data / "objects" / path).is_file() for path in unknown)
