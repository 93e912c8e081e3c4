"""What keeps a role from starting is told in a sentence with what to do, exit 2, and never as a traceback."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import assert_refused, portazgo
from support.deployment import PROJECT, Deployment
from support.ports import free_port

OVER_DATABASES = ["up", "control", "worker", "migrate"]
ROLES = [*OVER_DATABASES, "gateway"]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A deployment that was begun and does not run; tests leave it as it is."""
    deployment = Deployment(tmp_path_factory.mktemp("begun"))
    deployment.data.mkdir(mode=0o700)
    assert portazgo(deployment.environment, deployment.folder, "migrate").returncode == 0
    return deployment


@pytest.fixture
def copied(begun: Deployment, tmp_path: Path) -> tuple[dict[str, str], Path]:
    """The environment and data folder of a copy, which a test may harm."""
    data = tmp_path / "data"
    shutil.copytree(begun.data, data)
    return {**begun.environment, "PORTAZGO_DATA_DIR": str(data)}, data


@contextlib.contextmanager
def taken() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        yield stranger.getsockname()[1]


@pytest.mark.parametrize("role", ROLES)
def test_all_that_is_wrong_with_the_settings_is_told_at_once(role: str, tmp_path: Path) -> None:
    wrong = {
        "PORTAZGO_DATA_DIR": " ",
        "PORTAZGO_STATE_URL": "mysql://root:canary@db/portazgo",
        "PORTAZGO_GATEWAY_PORT": "99999",
        "PORTAZGO_TRUSTED_PROXIES": "not-a-network",
        "PORTAZGO_REVOCATION_MAX_STALENESS": "soon",
    }
    done = portazgo(wrong, tmp_path, role)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False)
    lines = done.stderr.splitlines()[1:]
    assert [line.split(" ")[0] for line in lines] == [
        *list(wrong)[:3],
        "PORTAZGO_REVOCATION_MAX_STALENESS",
        "PORTAZGO_TRUSTED_PROXIES",
    ]
    assert all(line.endswith(".") for line in lines), "each says what to write instead"
    assert "canary" not in done.stderr


def test_settings_that_contradict_each_other_are_told(tmp_path: Path) -> None:
    done = portazgo({"PORTAZGO_INTERNAL_LISTEN": "0.0.0.0:8083"}, tmp_path, "control")
    assert (done.returncode, "without TLS" in done.stderr, "PORTAZGO_INTERNAL_TLS_KEY" in done.stderr) == (
        2,
        True,
        True,
    )


@pytest.mark.parametrize(
    ("role", "variable", "named"),
    [
        ("gateway", "PORTAZGO_GATEWAY_PORT", "PORTAZGO_GATEWAY_LISTEN"),
        ("gateway", "PORTAZGO_ADMIN_LISTEN", "PORTAZGO_ADMIN_LISTEN"),
        ("control", "PORTAZGO_CONTROL_PORT", "PORTAZGO_CONTROL_PORT"),
        ("control", "PORTAZGO_INTERNAL_LISTEN", "PORTAZGO_INTERNAL_LISTEN"),
        ("up", "PORTAZGO_GATEWAY_PORT", "PORTAZGO_GATEWAY_PORT"),
        ("up", "PORTAZGO_CONTROL_PORT", "PORTAZGO_CONTROL_PORT"),
        ("demo", "PORTAZGO_BACKEND_PORT", "PORTAZGO_BACKEND_PORT"),
    ],
)
def test_a_taken_port_is_named_with_the_setting_to_change(
    copied: tuple[dict[str, str], Path], tmp_path: Path, role: str, variable: str, named: str
) -> None:
    with taken() as port:
        value = f"127.0.0.1:{port}" if variable.endswith("LISTEN") else str(port)
        done = portazgo({**copied[0], variable: value}, tmp_path, role)
    assert_refused(done, f"127.0.0.1:{port}", "listen", named)


@pytest.mark.parametrize(
    ("role", "variable"),
    [("gateway", "PORTAZGO_GATEWAY_LISTEN"), ("control", "PORTAZGO_CONTROL_LISTEN"), ("up", "PORTAZGO_GATEWAY_LISTEN")],
)
@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_an_address_that_is_not_this_machines_is_refused(
    copied: tuple[dict[str, str], Path], tmp_path: Path, role: str, variable: str, host: str
) -> None:
    environment = {name: value for name, value in copied[0].items() if not name.endswith("_PORT")}
    done = portazgo({**environment, variable: f"{host}:{free_port()}", "PORTAZGO_CONTROL_PORT": "0"}, tmp_path, role)
    assert_refused(done, host, "can't", "PORTAZGO_")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("place", ["a file", "below a file", "read-only"])
def test_a_data_folder_that_cannot_be_written_is_told(begun: Deployment, tmp_path: Path, role: str, place: str) -> None:
    (tmp_path / "file").write_text("")
    # Nobody can make a folder in /proc, root included.
    folder = {
        "a file": tmp_path / "file",
        "below a file": tmp_path / "file" / "data",
        "read-only": Path("/proc/portazgo"),
    }
    environment = {
        **begun.environment,
        "PORTAZGO_DATA_DIR": str(folder[place]),
        "PORTAZGO_WRAPPING": f"local:{begun.data / 'master.key'}",
        "PORTAZGO_NODE_TOKEN_FILE": str(begun.data / "node-token"),
    }
    assert_refused(portazgo(environment, tmp_path, role), str(folder[place]), "can't be written", "PORTAZGO_DATA_DIR")


@pytest.mark.parametrize("role", OVER_DATABASES)
@pytest.mark.parametrize(("file", "app"), [("state.sqlite3", "keys"), ("ledger.sqlite3", "usage")])
def test_a_database_newer_than_the_code_is_refused(
    copied: tuple[dict[str, str], Path], tmp_path: Path, role: str, file: str, app: str
) -> None:
    environment, data = copied
    with sqlite3.connect(data / file) as connection:
        row = (app, "9999_later", "2030-01-01")
        connection.execute("INSERT INTO django_migrations (app, name, applied) VALUES (?, ?, ?)", row)
    connection.close()
    said = f"is newer than this version of Portazgo (it has {app} 9999_later)"
    assert_refused(portazgo(environment, tmp_path, role), str(data / file), said, "install the version that made it")


@pytest.mark.parametrize("role", OVER_DATABASES)
def test_a_file_that_is_no_database_is_refused(copied: tuple[dict[str, str], Path], tmp_path: Path, role: str) -> None:
    environment, data = copied
    (data / "state.sqlite3").write_bytes(b"not a database at all" * 400)
    assert_refused(portazgo(environment, tmp_path, role), "can't be read (file is not a database)", "restore")


@pytest.mark.parametrize("role", OVER_DATABASES)
def test_a_database_that_is_away_is_told_without_its_password(begun: Deployment, tmp_path: Path, role: str) -> None:
    url = f"postgresql://somebody:canary@127.0.0.1:{free_port()}/portazgo"
    done = portazgo({**begun.environment, "PORTAZGO_STATE_URL": url}, tmp_path, role)
    assert_refused(done, "the database portazgo at 127.0.0.1, schema state can't be reached", "PORTAZGO_STATE_URL")
    assert "canary" not in done.stderr


@pytest.mark.parametrize("role", ["control", "worker"])
def test_a_database_that_was_never_begun_asks_for_migrate(tmp_path: Path, role: str) -> None:
    deployment = Deployment(tmp_path)
    assert_refused(portazgo(deployment.environment, tmp_path, role), "portazgo migrate")


@pytest.mark.parametrize("role", ["up", "control", "migrate", "gateway"])
def test_a_lost_master_key_is_never_replaced_by_a_new_one(
    copied: tuple[dict[str, str], Path], tmp_path: Path, role: str
) -> None:
    environment, data = copied
    (data / "master.key").unlink()
    assert_refused(portazgo(environment, tmp_path, role), f"the master key {data / 'master.key'} is missing")
    assert not (data / "master.key").exists()


@pytest.mark.parametrize("role", ["up", "control", "migrate"])
def test_the_master_key_of_another_deployment_is_refused(
    copied: tuple[dict[str, str], Path], tmp_path: Path, role: str
) -> None:
    environment, data = copied
    other = Deployment(tmp_path / "other")
    other.begin()
    shutil.copy(other.data / "master.key", data / "master.key")
    assert_refused(portazgo(environment, tmp_path, role), "was sealed by the master key", "PORTAZGO_WRAPPING")


def test_a_master_key_that_others_can_read_is_refused(copied: tuple[dict[str, str], Path], tmp_path: Path) -> None:
    environment, data = copied
    (data / "master.key").chmod(0o644)
    assert_refused(
        portazgo(environment, tmp_path, "control"), "can be read by others", f"chmod 600 {data / 'master.key'}"
    )


@pytest.mark.parametrize("content", [None, ""])
def test_a_missing_node_token_is_told(copied: tuple[dict[str, str], Path], tmp_path: Path, content: str | None) -> None:
    environment, data = copied
    (data / "node-token").unlink()
    if content is not None:
        (data / "node-token").write_text(content)
    assert_refused(
        portazgo(environment, tmp_path, "gateway"),
        f"no node token in {data / 'node-token'}",
        "portazgo node token create",
    )


def test_a_node_token_that_the_control_plane_refuses_is_told(begun: Deployment, tmp_path: Path) -> None:
    begun.start_control()
    try:
        (tmp_path / "token").write_text("ptzn_nobodys\n")
        data = tmp_path / "node-elsewhere"
        data.mkdir()
        shutil.copy(begun.data / "master.key", data)
        environment = {
            **begun.environment,
            "PORTAZGO_DATA_DIR": str(data),
            "PORTAZGO_NODE_TOKEN_FILE": str(tmp_path / "token"),
        }
        assert_refused(
            portazgo(environment, tmp_path, "gateway"), "refuses the node token", "portazgo node token create"
        )
    finally:
        begun.stop("control")


def test_a_second_node_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with Deployment(tmp_path) as deployment:
        others = {"PORTAZGO_GATEWAY_PORT": "0", "PORTAZGO_ADMIN_LISTEN": "127.0.0.1:0"}
        done = portazgo({**deployment.environment, **others}, tmp_path, "gateway")
        assert_refused(done, "another process uses this node folder", "a data folder of its own")
        assert deployment.call().status == 200


def test_a_certificate_that_cannot_be_used_is_told(copied: tuple[dict[str, str], Path], tmp_path: Path) -> None:
    nowhere = str(tmp_path / "none.pem")
    tls = {"PORTAZGO_INTERNAL_TLS_CERTIFICATE": nowhere, "PORTAZGO_INTERNAL_TLS_KEY": nowhere}
    assert_refused(portazgo({**copied[0], **tls}, tmp_path, "control"), nowhere, "PORTAZGO_INTERNAL_TLS_CERTIFICATE")


@pytest.fixture(scope="module")
def stale(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package and its native sources, one of them edited after the build."""
    folder = tmp_path_factory.mktemp("stale")
    shutil.copytree(PROJECT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "native", folder / "native", ignore=shutil.ignore_patterns("target", "fuzz"))
    with (folder / "native/crates/core/src/lib.rs").open("a") as source:
        source.write("// edited\n")
    return folder / "src"


@pytest.mark.parametrize("role", ROLES)
def test_a_stale_native_module_is_refused_and_says_how_to_rebuild(
    copied: tuple[dict[str, str], Path], tmp_path: Path, stale: Path, role: str
) -> None:
    done = portazgo({**copied[0], "PYTHONPATH": str(stale)}, tmp_path, role)
    assert_refused(done, "The native module is stale", "make native")


def test_a_misspelt_setting_is_told_and_stops_nothing(begun: Deployment, copied: tuple[dict[str, str], Path]) -> None:
    environment, _ = copied
    done = portazgo({**environment, "PORTAZGO_DATADIR": "/srv"}, begun.folder, "migrate")
    told = [line for line in map(json.loads, done.stderr.splitlines()) if line["level"] == "warning"]
    assert [line["message"] for line in told] == ["PORTAZGO_DATADIR is no setting; did you mean PORTAZGO_DATA_DIR?"]
    assert done.returncode == 0
