"""On PostgreSQL too a recovery has the database alone: nothing starts beside it, and it does not begin beside anything."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.command import assert_refused, portazgo
from support.ports import free_port
from support.postgresql import PostgreSQLServer

from portazgo.roles.parts import portazgo_command

SECONDS = 60
UNDER_WAY = "`portazgo recover` is under way on this database"
RUNS = "a control plane runs on this database, or a worker"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, postgresql: PostgreSQLServer) -> dict[str, str]:
    """A deployment that was migrated, of which nothing runs."""
    folder = tmp_path_factory.mktemp("alone")
    whole = {
        **os.environ,
        "PORTAZGO_DATA_DIR": str(folder / "data"),
        "PORTAZGO_STATE_URL": postgresql.new_database("alone"),
        "PORTAZGO_LOG_FORMAT": "json",
        "PORTAZGO_CONTROL_LISTEN": f"127.0.0.1:{free_port()}",
        "PORTAZGO_INTERNAL_LISTEN": f"127.0.0.1:{free_port()}",
    }
    made = portazgo(whole, folder, "migrate")
    assert made.returncode == 0, made.stderr
    return whole


@contextmanager
def running(environment: dict[str, str], folder: Path, until: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command until it has said this on stderr; it is killed at the end, as by a crash."""
    process = subprocess.Popen(
        portazgo_command(*words),
        env=environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said: list[str] = []
        for line in process.stderr:
            said.append(line)
            if until in line:
                break
        else:
            raise AssertionError("".join(said))
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=SECONDS)


def test_nothing_starts_beside_a_recovery_and_its_crash_frees_the_database(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with running(environment, tmp_path, "Waiting up to", "recover", "--yes", "--wait", "10m"):
        for role in ("control", "worker", "migrate"):
            assert_refused(portazgo(environment, tmp_path, role), UNDER_WAY)
    assert portazgo(environment, tmp_path, "migrate").returncode == 0


@pytest.mark.parametrize(("role", "ready"), [("control", "the control plane is ready"), ("worker", "worker works")])
def test_no_recovery_begins_beside_what_runs_and_its_crash_frees_the_database(
    tmp_path: Path, environment: dict[str, str], role: str, ready: str
) -> None:
    with running(environment, tmp_path, ready, role):
        assert_refused(portazgo(environment, tmp_path, "recover", "--yes", "--wait", "0s"), RUNS)
    alone = portazgo(environment, tmp_path, "recover", "--yes", "--wait", "0s")
    assert_refused(alone, "no node told anything")
