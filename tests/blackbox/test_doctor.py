"""The doctor tells what is wrong and what to do, whatever runs; it changes nothing and prints no secret."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command import portazgo
from support.deployment import PROJECT, Deployment
from support.ports import free_port
from support.postgresql import PostgreSQLServer

from portazgo.care.registry import CHECKS

SECRET_FILES = ("admin-token", "node-token", "master.key")


def examine(deployment: Deployment, **environment: str) -> tuple[int, list[dict[str, Any]]]:
    """Run the doctor. Returns its exit code and findings."""
    done = portazgo({**deployment.environment, **environment}, deployment.folder, "doctor", "-o", "json")
    assert "Traceback" not in done.stderr, done.stderr
    for name in SECRET_FILES:
        file = deployment.data / name
        if file.is_file():
            assert file.read_text().split()[-1] not in done.stdout + done.stderr
    document = json.loads(done.stdout)
    found: list[dict[str, Any]] = document["findings"]
    ill = any(one["status"] == "wrong" for one in found)
    assert (document["healthy"], done.returncode) == (not ill, 7 if ill else 0)
    assert all(one["remedy"] for one in found if one["status"] in {"wrong", "warning"})
    return done.returncode, found


def troubles(found: list[dict[str, Any]]) -> dict[str, str]:
    """What is wrong, by check."""
    return {one["check"]: one["sentence"] for one in found if one["status"] == "wrong"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with Deployment(tmp_path_factory.mktemp("running")) as deployment:
        deployment.data.chmod(0o700)
        yield deployment


@pytest.fixture
def stopped(tmp_path: Path) -> Deployment:
    """A deployment that was begun and does not run."""
    deployment = Deployment(tmp_path)
    deployment.begin()
    return deployment


def test_a_running_deployment_is_well_in_every_respect(running: Deployment) -> None:
    running.wait_for(lambda: running.admin.get("/nodes")["items"][0]["current"], "the newest receipt")
    code, found = examine(running)
    assert [one for one in found if one["status"] != "well"] == []
    assert (code, {one["check"] for one in found}) == (0, set(CHECKS))


def test_where_nothing_was_begun_nothing_is_wrong_and_nothing_is_made(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    code, found = examine(deployment)
    assert (code, troubles(found)) == (0, {})
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_runs_nothing_is_wrong_and_nothing_is_changed(stopped: Deployment) -> None:
    before = {path: path.read_bytes() for path in stopped.data.iterdir()}
    code, found = examine(stopped)
    assert (code, troubles(found)) == (0, {})
    assert {one["sentence"] for one in found if one["check"] == "control plane"} == {"nothing of Portazgo runs here"}
    assert {path: path.read_bytes() for path in stopped.data.iterdir()} == before


def test_every_setting_that_is_wrong_is_told_at_once(stopped: Deployment) -> None:
    code, found = examine(stopped, PORTAZGO_THREADS="0", PORTAZGO_LANG="fr", PORTAZGO_STATE_URL="mysql://u:canary@h/d")
    assert (code, {one["check"] for one in found}) == (7, {"settings"})
    assert [one["sentence"].split()[0] for one in found] == ["PORTAZGO_STATE_URL", "PORTAZGO_LANG", "PORTAZGO_THREADS"]
    assert "canary" not in json.dumps(found)


def test_a_misspelt_setting_is_a_warning(stopped: Deployment) -> None:
    code, found = examine(stopped, PORTAZGO_THREDS="2")
    assert (code, troubles(found)) == (0, {})
    assert "did you mean PORTAZGO_THREADS?" in next(one["sentence"] for one in found if one["status"] == "warning")


def expose(deployment: Deployment) -> None:
    (deployment.data / "master.key").chmod(0o640)


def lose_key(deployment: Deployment) -> None:
    (deployment.data / "master.key").unlink()


def take_foreign_key(deployment: Deployment) -> None:
    other = Deployment(deployment.folder / "other")
    other.begin()
    shutil.copy(other.data / "master.key", deployment.data / "master.key")


def run_sql(file: str, sql: str) -> Callable[[Deployment], None]:
    def run(deployment: Deployment) -> None:
        with sqlite3.connect(deployment.data / file) as connection:
            connection.execute(sql)
        connection.close()

    return run


def damage(deployment: Deployment) -> None:
    (deployment.data / "ledger.sqlite3").write_bytes(b"not a database at all" * 400)


NEWER = "INSERT INTO django_migrations (app, name, applied) VALUES ('usage', '9999_later', '2030-01-01')"
OLDER = "DELETE FROM django_migrations WHERE app = 'keys'"


def test_databases_of_postgresql_are_looked_at_too(tmp_path: Path) -> None:
    server = PostgreSQLServer()
    server.start()
    try:
        deployment = Deployment(tmp_path, PORTAZGO_STATE_URL=server.url)
        deployment.data.mkdir(mode=0o700)
        empty = troubles(examine(deployment)[1])["databases"]
        assert portazgo(deployment.environment, tmp_path, "migrate").returncode == 0
        code, found = examine(deployment)
    finally:
        server.stop()
    assert "holds no database of Portazgo" in empty
    assert (code, troubles(found)) == (0, {})
    looked_at = [one["status"] for one in found if one["check"] in {"databases", "master key", "revocations"}]
    assert looked_at == ["well"] * 4


@pytest.mark.parametrize(
    ("harm", "check", "sentence"),
    [
        (expose, "secret files", "can be read by others (mode 0640)"),
        (lose_key, "master key", "is missing: bring it back"),
        (take_foreign_key, "master key", "was sealed by the master key"),
        (
            run_sql("ledger.sqlite3", NEWER),
            "databases",
            "is newer than this version of Portazgo (it has usage 9999_later)",
        ),
        (run_sql("state.sqlite3", OLDER), "databases", "is older than this version"),
        (damage, "databases", "can't be read (file is not a database)"),
    ],
)
def test_each_harm_is_found_with_its_remedy(
    stopped: Deployment, harm: Callable[[Deployment], None], check: str, sentence: str
) -> None:
    harm(stopped)
    code, found = examine(stopped)
    assert code == 7
    assert sentence in troubles(found)[check]


def test_a_folder_that_is_a_file_is_no_data_folder(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    deployment.data.write_text("")
    assert "is no folder" in troubles(examine(deployment)[1])["data folder"]
    below = {"PORTAZGO_DATA_DIR": str(deployment.data / "below")}
    assert "can't be made" in troubles(examine(deployment, **below)[1])["data folder"]


def test_a_stranger_on_a_port_is_not_taken_for_ours(stopped: Deployment) -> None:
    with socket.create_server(("127.0.0.1", stopped.gateway_port)):
        _, found = examine(stopped)
    assert "something else than the gateway listens" in troubles(found)["gateway port"]


def test_a_password_in_a_database_url_is_printed_nowhere(stopped: Deployment) -> None:
    url = f"postgresql://somebody:canary-password@127.0.0.1:{stopped.gateway_port}/none"
    for output in ("json", "table"):
        environment = {**stopped.environment, "PORTAZGO_STATE_URL": url}
        done = portazgo(environment, stopped.folder, "doctor", "-o", output)
        assert done.returncode == 7
        assert "can't be reached" in done.stdout
        assert "canary-password" not in done.stdout + done.stderr


def test_a_key_that_the_file_calls_dead_and_the_state_does_not_is_found(running: Deployment) -> None:
    log = running.data / "revocations.log"
    before = log.read_bytes() if log.exists() else b""
    with log.open("ab") as file:
        file.write(json.dumps({"security": {"operation": "revoke_key", "id": running.key["kid"]}}).encode() + b"\n")
    try:
        assert f"such as {running.key['kid']}" in troubles(examine(running)[1])["revocations"]
    finally:
        log.write_bytes(before)


def test_what_is_away_is_told_while_the_rest_runs(running: Deployment) -> None:
    token = running.folder / "token"
    token.write_text("ptza_nobodys\n")
    _, found = examine(running, PORTAZGO_ADMIN_TOKEN_FILE=str(token))
    assert "does not know the token" in troubles(found)["admin token"]
    running.stop("backend")
    try:
        assert (
            f"{running.backend_url} of insignia (live) can't be connected to"
            in troubles(examine(running)[1])["backends"]
        )
    finally:
        running.start_backend()
    running.stop("gateway")
    running.start_gateway()
    running.stop("control")
    try:
        found_wrong = troubles(examine(running)[1])
        assert "can't be reached" in found_wrong["control plane"]
    finally:
        running.start_control()


def test_a_target_that_fails_the_nodes_checks_is_a_warning(running: Deployment) -> None:
    target = f"http://127.0.0.1:{free_port()}"
    forwarding = {"check": {"path": "/health", "interval_ms": 100, "unhealthy": 1}}
    live = {"targets": [target], "credential": {"kind": "none"}, "forwarding": forwarding}
    made = running.admin.post("/backends", {"name": "ailing", "environments": {"live": live}})
    sentence = f"the target {target} of ailing (live) fails its check: connect_refused"

    def warned() -> bool:
        told = [one["sentence"] for one in examine(running)[1] if (one["check"], one["status"]) == ("node", "warning")]
        return any(sentence in one for one in told)

    try:
        running.wait_for(warned, "the doctor's warning")
    finally:
        running.admin.delete(f"/backends/{made['id']}")


def test_a_paused_webhook_endpoint_is_a_warning_that_says_what_to_do(running: Deployment) -> None:
    made = running.admin.post("/webhooks/endpoints", {"name": "ops", "url": "https://hooks.example.com/"})
    path = f"/webhooks/endpoints/{made['id']}"
    try:
        running.admin.post(f"{path}/pause")
        _, found = examine(running)
        (told,) = [one for one in found if one["check"] == "webhooks"]
        assert (told["status"], "paused by first-run" in told["sentence"]) == ("warning", True)
        assert "resume" in told["remedy"]
    finally:
        running.admin.delete(path)


def test_a_stale_native_module_is_told(stopped: Deployment, tmp_path: Path) -> None:
    copy = stale_copy(tmp_path / "copy")
    _, found = examine(stopped, PYTHONPATH=str(copy))
    assert troubles(found)["native module"] == "The native module is stale: it was built from other sources"


def stale_copy(folder: Path) -> Path:
    """A copy of the package and its native sources, one of them edited after the build."""
    shutil.copytree(PROJECT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "native", folder / "native", ignore=shutil.ignore_patterns("target", "fuzz"))
    with (folder / "native/crates/core/src/lib.rs").open("a") as source:
        source.write("// edited\n")
    return folder / "src"


def test_it_reads_well_on_a_terminal_and_quiet_tells_only_what_is_to_do(stopped: Deployment) -> None:
    expose(stopped)
    whole = portazgo(stopped.environment, stopped.folder, "doctor")
    quiet = portazgo(stopped.environment, stopped.folder, "doctor", "--quiet")
    assert "✓ disk space" in whole.stdout
    assert {line[0] for line in quiet.stdout.splitlines()} == {"✗", " "}
    assert f"chmod 600 {stopped.data / 'master.key'}" in quiet.stdout
