"""portazgo.yaml comes with a cloned repository: it must not say where secrets lie or are sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from portazgo.declarative.file.settings_section import check_settings
from portazgo.settings import SettingsInvalid, load, settings_table

# Each of them moves a token, a key or a database, or opens what this machine may reach.
NEVER = {
    "data_dir": "/srv/bait",
    "state_url": "sqlite:////srv/bait.sqlite3",
    "ledger_url": "sqlite:////srv/bait-ledger.sqlite3",
    "objects_url": "s3://bait/records",
    "wrapping": "local:/srv/bait.key",
    "wrapping_also": "local:/srv/bait.key",
    "control_listen": "192.0.2.1:80",
    "control_port": "8099",
    "control_url": "http://192.0.2.1",
    "issuer_url": "http://192.0.2.1",
    "internal_listen": "127.0.0.1:8098",
    "internal_url": "http://192.0.2.1",
    "internal_tls_certificate": "/srv/bait.pem",
    "internal_tls_key": "/srv/bait.key",
    "admin_token_file": "/srv/bait",
    "node_token_file": "/srv/bait",
    "gateway_tls_certificates": "/srv/bait.pem:/srv/bait.key",
    "gateway_tls_client_ca": "/srv/bait.pem",
    "import_allow_private": "yes",
    "leak_keys_file": "/srv/bait.json",
    "webhook_networks": "10.0.0.0/8",
}
REMEDY = "write it in your own ~/.config/portazgo/profile.yaml"


def test_what_a_file_may_not_set_is_all_that_is_not_marked() -> None:
    assert {name for name, setting in settings_table().items() if not setting.in_file} == set(NEVER)


@pytest.mark.parametrize(("name", "value"), NEVER.items())
def test_the_file_is_refused_with_a_remedy_even_where_the_environment_says_otherwise(
    name: str, value: str, tmp_path: Path
) -> None:
    file = tmp_path / "portazgo.yaml"
    file.write_text(f'settings:\n  {name}: "{value}"\n')
    for environment in ({}, {f"PORTAZGO_{name.upper()}": value}):
        with pytest.raises(SettingsInvalid) as refused:
            load(environment=environment, file=file, profile=tmp_path / "absent.yaml")
        (fault,) = refused.value.faults
        assert fault.name == name
        assert fault.source == f"{file}, settings"
        assert fault.message.startswith("portazgo.yaml can't set it: ")
        assert fault.remedy == f"Set PORTAZGO_{name.upper()}, or {REMEDY}."


@pytest.mark.parametrize(("name", "value"), NEVER.items())
def test_check_says_it_at_its_place(name: str, value: str) -> None:
    (problem,) = check_settings({name: value})
    assert problem.pointer == f"/settings/{name}"
    assert problem.message.startswith("portazgo.yaml can't set it: ")
    assert REMEDY in problem.message


def test_the_users_own_profile_may_set_it(tmp_path: Path) -> None:
    profile = tmp_path / "profile.yaml"
    profile.write_text("settings:\n  control_url: http://127.0.0.1:9999\n  admin_token_file: /srv/mine\n")
    settings = load(environment={}, file=tmp_path / "absent.yaml", profile=profile)
    assert settings.control_url == "http://127.0.0.1:9999"
    assert settings.admin_token_file == Path("/srv/mine")


def test_the_file_sets_what_gives_nothing_away(tmp_path: Path) -> None:
    file = tmp_path / "portazgo.yaml"
    file.write_text("settings:\n  log_format: json\n  threads: 3\n  gateway_port: 8085\n")
    settings = load(environment={}, file=file, profile=tmp_path / "absent.yaml")
    assert (settings.log_format, settings.threads, settings.gateway_listen.port) == ("json", 3, 8085)
