"""A node runs from a file alone: saved whole, refused in part, and useless without the deployment's key."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import assert_refused, portazgo
from support.deployment import Deployment

from portazgo.roles.parts import portazgo_command
from portazgo.roles.ports import answers


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, Path, str]]:
    """A deployment whose control plane and gateway have ended, its snapshot, and a key that is revoked in it."""
    with Deployment(tmp_path_factory.mktemp("saved")) as deployment:
        application = deployment.admin.get(f"/keys/{deployment.key['kid']}")["application"]
        dead = deployment.admin.post(f"/applications/{application}/keys", {"name": "dead"})
        deployment.admin.post(f"/keys/{dead['kid']}/revoke")
        nodes = [node["id"] for node in deployment.admin.pages("/nodes")]
        file = deployment.folder / "snapshot.ndjson"
        done = portazgo(deployment.environment, deployment.folder, "snapshot", "save", file.name, "-o", "json")
        assert done.returncode == 0, done.stderr
        assert [node["id"] for node in deployment.admin.pages("/nodes")] == nodes
        for name in ("gateway", "control"):
            deployment.stop(name)
        yield deployment, file, dead["api_key"]


@pytest.fixture
def alone(saved: tuple[Deployment, Path, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a node elsewhere that has nothing but the master key."""
    deployment, _, _ = saved
    data = tmp_path / "alone"
    data.mkdir()
    shutil.copy(deployment.data / "master.key", data)
    return {**deployment.environment, "PORTAZGO_DATA_DIR": str(data)}


def test_a_node_serves_from_the_file_alone(saved: tuple[Deployment, Path, str], alone: dict[str, str]) -> None:
    deployment, file, dead = saved
    assert file.stat().st_mode & 0o777 == 0o600
    with (deployment.folder / "alone.log").open("wb") as log:
        node = subprocess.Popen(portazgo_command("gateway", "--snapshot", str(file)), env=alone, stdout=log, stderr=log)
    try:
        deployment.wait_for(lambda: answers(f"{deployment.health_url}/health/ready"), "the node")
        reply = deployment.call()
        assert (reply.status, "results" in reply.json()) == (200, True)
        who = deployment.call("/.well-known/portazgo/whoami")
        assert (who.status, who.json()["kid"]) == (200, deployment.key["kid"])
        assert deployment.call(X_Api_Key=dead).status == 401
        node.terminate()
        assert node.wait(20) == 0
    finally:
        node.kill()
        node.wait()


def test_what_a_node_once_knew_dead_stays_dead_in_an_older_file(
    saved: tuple[Deployment, Path, str], alone: dict[str, str]
) -> None:
    deployment, file, _ = saved
    folder = Path(alone["PORTAZGO_DATA_DIR"]) / "node"
    folder.mkdir()
    (folder / "revoked.log").write_text(f"{deployment.key['kid']}\n")
    with (deployment.folder / "alone.log").open("wb") as log:
        node = subprocess.Popen(portazgo_command("gateway", "--snapshot", str(file)), env=alone, stdout=log, stderr=log)
    try:
        deployment.wait_for(lambda: answers(f"{deployment.health_url}/health/ready"), "the node")
        assert deployment.call().status == 401
    finally:
        node.terminate()
        node.wait(20)


def test_a_node_that_can_not_read_what_is_dead_for_ever_does_not_start(
    saved: tuple[Deployment, Path, str], alone: dict[str, str]
) -> None:
    deployment, file, _ = saved
    # As root every file can be read; a folder can't.
    (Path(alone["PORTAZGO_DATA_DIR"]) / "node" / "revoked.log").mkdir(parents=True)
    refused = portazgo(alone, deployment.folder, "gateway", "--snapshot", str(file))
    assert_refused(refused, "the list of revoked keys", "revoked.log can't be read", "revoked keys could be honoured")
    assert not answers(f"{deployment.health_url}/health/ready")


@pytest.mark.parametrize("left_out", ["its last line", "half of it", "all of it"])
def test_a_truncated_file_is_refused(
    saved: tuple[Deployment, Path, str], alone: dict[str, str], tmp_path: Path, left_out: str
) -> None:
    content = saved[1].read_bytes()
    cut = {"its last line": content.rstrip().rfind(b"\n") + 1, "half of it": len(content) // 2, "all of it": 0}
    file = tmp_path / "cut.ndjson"
    file.write_bytes(content[: cut[left_out]])
    assert_refused(
        portazgo(alone, tmp_path, "gateway", "--snapshot", str(file)),
        f"the snapshot {file} can't be served",
        "portazgo snapshot save",
    )


def test_a_file_that_another_key_sealed_is_refused(
    saved: tuple[Deployment, Path, str], alone: dict[str, str], tmp_path: Path
) -> None:
    other = {**alone, "PORTAZGO_DATA_DIR": str(tmp_path / "other")}
    assert portazgo(other, tmp_path, "migrate").returncode == 0
    done = portazgo(other, tmp_path, "gateway", "--snapshot", str(saved[1]))
    assert_refused(done, "was sealed by the master key", "PORTAZGO_WRAPPING")


def test_saving_without_a_control_plane_or_with_a_foreign_token_writes_nothing(
    saved: tuple[Deployment, Path, str], tmp_path: Path
) -> None:
    deployment, _, _ = saved
    away = portazgo(deployment.environment, tmp_path, "snapshot", "save", "new.ndjson")
    assert (away.returncode, "can't be reached" in away.stderr) == (1, True), away.stderr
    deployment.start_control()
    try:
        token = tmp_path / "token"
        token.write_text("ptzn_nobodys\n")
        foreign = {**deployment.environment, "PORTAZGO_NODE_TOKEN_FILE": str(token)}
        done = portazgo(foreign, tmp_path, "snapshot", "save", "new.ndjson")
        assert (done.returncode, "refuses this node token" in done.stderr) == (1, True), done.stderr
    finally:
        deployment.stop("control")
    assert [path.name for path in tmp_path.iterdir()] == ["token"]
