"""A backup brings everything back, on both kinds of databases, and what died after it stays dead."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.command import assert_refused
from support.command import portazgo as run
from support.deployment import Deployment
from support.login_server import PASSWORD, LoginServer
from support.login_site import EXCHANGE, Site
from support.postgresql import PostgreSQLServer

from portazgo.care.manifest import Manifest, sum_of

MODE = 0o600


def portazgo(deployment: Deployment, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the deployment's."""
    return run({**deployment.environment, **environment}, deployment.folder, *words)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQLServer]:
    running = PostgreSQLServer()
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def original(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Deployment, str | None]]:
    """A running deployment with a key, and the URL for a restored one where its databases are PostgreSQL's."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        with Deployment(folder) as running:
            yield running, None
        return
    postgresql: PostgreSQLServer = request.getfixturevalue("server")
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE second")
    with Deployment(folder, PORTAZGO_STATE_URL=postgresql.url) as running:
        yield running, postgresql.url.replace("/portazgo?", "/second?")


@pytest.fixture
def login_server() -> Iterator[LoginServer]:
    with LoginServer() as running:
        yield running


def test_a_backup_of_a_running_deployment_brings_keys_and_records_back_and_the_dead_stay_dead(
    original: tuple[Deployment, str | None], login_server: LoginServer
) -> None:
    deployment, second_url = original
    site = Site(deployment)
    _, path_with_login = site.backend(login_server.url, EXCHANGE)
    assert site.call(path_with_login).status == 200
    before = deployment.call()
    deployment.trace(before.request_id)
    application = deployment.admin.get(f"/keys/{deployment.key['kid']}")["application"]
    doomed = deployment.admin.post(f"/applications/{application}/keys", {"name": "dies after the backup"})
    deployment.wait_for(lambda: deployment.call(X_Api_Key=doomed["api_key"]).status == 200, "the key")
    forgotten = deployment.admin.post("/partners", {"name": "erased-after-the-backup"})["id"]

    backup = deployment.folder / "backup"
    made = portazgo(deployment, "backup", str(backup), "-o", "json")
    assert made.returncode == 0, made.stderr
    key_file = Path(json.loads(made.stdout)["key_file"])
    assert key_file.parent == backup.parent
    files = [key_file, *backup.iterdir()]
    assert {path.stat().st_mode & 0o777 for path in files} == {MODE}
    secret = (deployment.data / "master.key").read_text().split()[1]
    contents = [path.read_bytes() for path in backup.iterdir()]
    assert not any(plain.encode() in content for plain in (secret, PASSWORD) for content in contents)

    # After the backup one key dies and one comes to be; then everything of the old place is lost but one file.
    deployment.admin.post(f"/keys/{doomed['kid']}/revoke")
    deployment.admin.post(f"/partners/{forgotten}/suspend")
    deployment.admin.post(f"/partners/{forgotten}/erase")
    late = deployment.admin.post(f"/applications/{application}/keys", {"name": "made after the backup"})
    for name in ("gateway", "control"):
        assert deployment.stop(name) == 0
    old = deployment.data
    deployment.data = deployment.folder / "restored"
    deployment.environment["PORTAZGO_DATA_DIR"] = str(deployment.data)
    if second_url is not None:
        deployment.environment["PORTAZGO_STATE_URL"] = second_url
    done = portazgo(deployment, "restore", str(backup), "--revocations", str(old / "revocations.log"), "-o", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["keys_to_kill_again"] == 1
    assert {path.stat().st_mode & 0o777 for path in deployment.data.iterdir()} == {MODE}

    assert portazgo(deployment, "migrate").returncode == 0
    deployment.start_control()
    deployment.start_gateway()
    deployment.wait_for(lambda: deployment.call().status == 200, "the first call of the restored deployment")
    # The service credential came back too: the node logs in anew with it.
    assert (site.call(path_with_login).status, login_server.count()) == (200, 2)
    assert {deployment.call(X_Api_Key=key["api_key"]).status for key in (doomed, late)} == {401}
    assert deployment.admin.get(f"/keys/{doomed['kid']}")["status"] == "revoked"
    assert deployment.trace(before.request_id)["status_sent"] == 200
    # What was erased is not brought back by a database that has never heard of it.
    assert deployment.admin.get(f"/partners/{forgotten}/erasure/propagation")["revision"] > 0
    assert deployment.trace(deployment.call().request_id)["status_sent"] == 200
    assert_refused(portazgo(deployment, "restore", str(backup)), f"the data folder {deployment.data} is not empty")
    if second_url is not None:
        third = str(deployment.folder / "third")
        occupied = portazgo(deployment, "restore", str(backup), PORTAZGO_DATA_DIR=third)
        assert_refused(occupied, "is not empty: its schema state holds tables")
        nothing_half_applied(deployment, backup, second_url.replace("/second?", "/empty?"), third)


def nothing_half_applied(deployment: Deployment, backup: Path, url: str, data: str) -> None:
    """A dump that its manifest vouches for and PostgreSQL can't read takes what came before it away again."""
    with psycopg.connect(url.replace("/empty?", "/second?"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE empty")
    (backup / "state.postgresql").write_bytes(b"PGDMP but no more")
    read = Manifest.read(backup)
    files = {name: sum_of(backup / name) for name in read.files}
    replace(read, files=files).write(backup)
    done = portazgo(deployment, "restore", str(backup), PORTAZGO_DATA_DIR=data, PORTAZGO_STATE_URL=url)
    assert (done.returncode, "pg_restore failed" in done.stderr, "Traceback" in done.stderr) == (1, True, False)
    with psycopg.connect(url) as connection:
        schemas = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname IN ('state', 'ledger')").fetchall()
    assert schemas == []
    assert {path.name for path in Path(data).iterdir()} == {"instance.lock"}


def test_a_node_that_knows_more_than_the_restored_database_keeps_it_until_told_and_the_dead_stay_dead(
    tmp_path: Path,
) -> None:
    with Deployment(tmp_path) as deployment:
        application = deployment.admin.get(f"/keys/{deployment.key['kid']}")["application"]
        doomed = deployment.admin.post(f"/applications/{application}/keys", {"name": "dies after the backup"})
        deployment.wait_for(lambda: deployment.call(X_Api_Key=doomed["api_key"]).status == 200, "the key")
        assert portazgo(deployment, "backup", "backup").returncode == 0
        deployment.admin.post(f"/keys/{doomed['kid']}/revoke")
        deployment.wait_for(lambda: deployment.call(X_Api_Key=doomed["api_key"]).status == 401, "its death")

        # The control plane's machine is lost, its revocations.log too; the node and its folder are elsewhere, and live on.
        deployment.stop("control")
        of_the_node = dict(deployment.environment)
        nodes_folder = deployment.data / "node"
        deployment.data = tmp_path / "restored"
        deployment.environment["PORTAZGO_DATA_DIR"] = str(deployment.data)
        for words in (["restore", "backup"], ["migrate"]):
            done = portazgo(deployment, *words)
            assert done.returncode == 0, done.stderr
        deployment.start_control()

        def node() -> Any:
            return next(deployment.admin.pages("/nodes"))

        deployment.wait_for(lambda: (node()["receipt"]["refused"] or {}).get("where") == "history", "its refusal")
        found = json.loads(portazgo(deployment, "doctor", "-o", "json").stdout)["findings"]
        assert "at history" in next(one["sentence"] for one in found if one["check"] == "receipts")
        assert deployment.call().status == 200
        assert deployment.call(X_Api_Key=doomed["api_key"]).status == 401
        assert deployment.admin.get(f"/keys/{doomed['kid']}")["status"] == "active"

        # As docs/operations.md says.
        deployment.stop("gateway")
        for name in ("snapshot.ndjson", "changes.ndjson"):
            (nodes_folder / name).unlink(missing_ok=True)
        restored, deployment.environment = deployment.environment, of_the_node
        deployment.start_gateway()
        deployment.environment = restored
        deployment.wait_for(lambda: node()["current"], "the newest receipt")
        deployment.wait_for(lambda: deployment.call().status == 200, "the first call")
        assert deployment.call(X_Api_Key=doomed["api_key"]).status == 401


@pytest.fixture
def stopped(tmp_path: Path) -> Deployment:
    """A deployment that was begun and is not running, with a backup of it."""
    deployment = Deployment(tmp_path)
    deployment.begin()
    done = portazgo(deployment, "backup", "backup")
    assert done.returncode == 0, done.stderr
    return deployment


def restore(deployment: Deployment, *words: str) -> subprocess.CompletedProcess[str]:
    """Restore to a new folder."""
    return portazgo(deployment, "restore", "backup", *words, PORTAZGO_DATA_DIR=str(deployment.folder / "new"))


def nothing_came(deployment: Deployment) -> bool:
    folder = deployment.folder / "new"
    return not folder.exists() or {path.name for path in folder.iterdir()} <= {"instance.lock"}


@pytest.mark.parametrize("name", ["state.sqlite3", "ledger.sqlite3", "manifest.json"])
def test_one_flipped_bit_anywhere_is_refused_and_nothing_is_applied(stopped: Deployment, name: str) -> None:
    path = stopped.folder / "backup" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert_refused(restore(stopped), f"the backup is damaged: {path}")
    assert nothing_came(stopped)


def test_a_missing_file_and_a_folder_that_is_no_backup_are_refused(stopped: Deployment) -> None:
    (stopped.folder / "backup" / "ledger.sqlite3").unlink()
    assert_refused(restore(stopped), "ledger.sqlite3 can't be read")
    (stopped.folder / "backup" / "manifest.json").unlink()
    assert_refused(restore(stopped), "is no backup")
    assert nothing_came(stopped)


def test_a_missing_and_a_wrong_key_are_refused_and_the_right_one_is_found_beside(stopped: Deployment) -> None:
    beside = stopped.folder / "backup.master.key"
    away = beside.rename(stopped.folder / "away.key")
    assert_refused(restore(stopped), "the backup was sealed with the master key")
    other = Deployment(stopped.folder / "other")
    other.begin()
    assert_refused(restore(stopped, "--key-file", str(other.data / "master.key")), "holds another master key")
    assert nothing_came(stopped)
    away.rename(beside)
    assert restore(stopped).returncode == 0
    assert (stopped.folder / "new" / "master.key").read_text() == beside.read_text()


def test_a_backup_newer_than_the_code_is_refused(stopped: Deployment) -> None:
    with sqlite3.connect(stopped.data / "state.sqlite3") as connection:
        connection.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('keys', '9999_later', '2030-01-01')"
        )
    connection.close()
    later = portazgo(stopped, "backup", "later")
    assert (later.returncode, "is newer than this version" in later.stderr) == (1, True)
    assert not (stopped.folder / "later").exists()

    read = Manifest.read(stopped.folder / "backup")
    (stopped.folder / "backup" / "manifest.json").unlink()
    replace(read, migrations=(*read.migrations, ("keys", "9999_later"))).write(stopped.folder / "backup")
    assert_refused(restore(stopped), "which is newer than this one (it has keys 9999_later)")
    assert nothing_came(stopped)


def test_without_key_no_key_leaves_the_folder_and_a_backup_never_overwrites(stopped: Deployment) -> None:
    done = portazgo(stopped, "backup", "again", "--without-key")
    assert done.returncode == 0
    assert "see that you have a copy" in done.stderr
    assert not (stopped.folder / "again.master.key").exists()
    assert_refused(portazgo(stopped, "backup", "again"), "is not empty")


def test_what_a_running_portazgo_holds_is_not_restored_over(stopped: Deployment) -> None:
    shutil.rmtree(stopped.data)
    from portazgo.roles.instance import InstanceLock

    with InstanceLock(stopped.data):
        done = portazgo(stopped, "restore", "backup")
    assert_refused(done, "another Portazgo")


def test_an_interrupted_backup_leaves_nothing_that_looks_like_one(stopped: Deployment) -> None:
    (stopped.data / "master.key").unlink()
    done = portazgo(stopped, "backup", "half")
    assert done.returncode == 1
    assert "master.key is missing" in done.stderr
    assert [path.name for path in stopped.folder.iterdir() if "half" in path.name] == []


def test_the_tools_of_postgresql_are_missed_with_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from portazgo.care import postgresql_dumps
    from portazgo.care.failed import CareFailed

    monkeypatch.setattr(postgresql_dumps, "DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CareFailed, match=r"pg_dump is not installed here; install PostgreSQL's client programs"):
        postgresql_dumps.program("pg_dump")
