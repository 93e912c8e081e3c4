"""The command line finds what runs on its data folder, whatever the port, unless somebody says where to look."""

from __future__ import annotations

from pathlib import Path

import pytest

from portazgo.cli.session import _control_url
from portazgo.roles.instance import InstanceLock
from portazgo.settings import Settings, load

CHOSEN = "http://127.0.0.1:9081"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    for name in ("CONTROL_URL", "CONTROL_LISTEN", "CONTROL_PORT"):
        monkeypatch.delenv(f"PORTAZGO_{name}", raising=False)
    return load({"data_dir": str(tmp_path / "data")}, environment={})


def test_what_runs_on_the_data_folder_is_found_on_any_port(settings: Settings) -> None:
    with InstanceLock(settings.data_dir) as lock:
        lock.announce(control_url=CHOSEN)
        assert _control_url(settings) == CHOSEN
    assert _control_url(settings) == settings.control_url == "http://127.0.0.1:8081"


@pytest.mark.parametrize("name", ["CONTROL_URL", "CONTROL_LISTEN", "CONTROL_PORT"])
def test_who_says_where_to_look_is_believed(settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"PORTAZGO_{name}", "anything")
    with InstanceLock(settings.data_dir) as lock:
        lock.announce(control_url=CHOSEN)
        assert _control_url(settings) == settings.control_url
