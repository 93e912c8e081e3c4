"""The doctor tells what a worker or a person should have done by now, and stops telling it when it is done."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.command import portazgo
from support.deployment import Deployment
from support.login_server import PASSWORD, LoginServer
from support.login_site import EXCHANGE, Site

JOBS = {"rotations", "pepper", "sealing", "logins", "outbox"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A deployment without a worker: what the worker does stays to be done."""
    with Deployment(tmp_path_factory.mktemp("jobs") / "deployment") as deployment:
        yield Site(deployment)


def types(site: Site, *words: str) -> str:
    done = portazgo(site.deployment.environment, site.deployment.folder, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(site: Site, check: str) -> list[dict[str, Any]]:
    """Run the doctor. Returns what it tells of one job that is not well."""
    done = portazgo(site.deployment.environment, site.deployment.folder, "doctor", "-o", "json")
    found = [one for one in json.loads(done.stdout)["findings"] if one["check"] in JOBS]
    assert {one["check"] for one in found} == JOBS
    assert done.returncode == 7 or all(one["status"] != "wrong" for one in found)
    return [one for one in found if one["check"] == check and one["status"] != "well"]


def the_warning(site: Site, check: str) -> str:
    (finding,) = told(site, check)
    assert (finding["status"], bool(finding["remedy"])) == ("warning", True), finding
    return str(finding["sentence"])


def change(site: Site, sql: str, then: timedelta | None = None, what: object = None) -> None:
    """Change rows as time would: `:then` is a moment so long ago, `:what` names the rows."""
    moments = {"what": what, "then": f"{datetime.now(UTC) - (then or timedelta()):%Y-%m-%d %H:%M:%S.%f}"}
    with sqlite3.connect(site.deployment.data / "state.sqlite3", timeout=30) as connection:
        assert connection.execute(sql, moments).rowcount > 0
    connection.close()


def test_a_key_that_is_overdue_for_rotation_is_told_until_it_is_rotated(site: Site) -> None:
    kid = site.key.split("_")[2]
    types(site, "plan", "change", "logins", "--rotate-every", "30d")
    assert told(site, "rotations") == []
    change(site, "UPDATE key_secret SET created_at = :then WHERE key_id = :what", timedelta(days=31), kid)
    assert f"1 key should have been rotated, {kid} by " in the_warning(site, "rotations")
    site.key = site.admin.post(f"/keys/{kid}/rotate", {"grace": "30d"})["api_key"]
    assert told(site, "rotations") == []


def test_an_old_secret_that_is_used_and_ends_soon_is_told_until_it_has_more_time(site: Site) -> None:
    _, _, old = site.caller(site.partner)
    _, _, unused = site.caller(site.partner)
    kid = old.split("_")[2]
    for key in (old, unused):
        site.admin.post(f"/keys/{key.split('_')[2]}/rotate", {"grace": "20h"})
    site.settle()
    path = "/.well-known/portazgo/whoami"
    assert site.call(path, old).status == 200
    site.deployment.wait_for(
        lambda: site.admin.get(f"/keys/{kid}")["retiring_use"]["last_used_at"] is not None, "its use"
    )
    listed = types(site, "key", "list", "--retiring-ends-before", "7d", "--json")
    assert {row["kid"] for row in json.loads(listed)} == {kid, unused.split("_")[2]}
    assert f"the old secret of the key {kid} ends at " in the_warning(site, "rotations")
    site.admin.post(f"/keys/{kid}/rotation/extend", {"grace": "20d"})
    assert told(site, "rotations") == []


def test_a_pepper_rotation_that_does_not_get_on_is_told(site: Site) -> None:
    version = site.admin.post("/peppers/rotate")["version"]
    assert told(site, "pepper") == []
    change(site, "UPDATE pepper SET created_at = :then WHERE version = :what", timedelta(hours=2), version)
    assert f"version {version - 1} still has " in the_warning(site, "pepper")
    change(site, "UPDATE key_secret SET stuck_at = :then WHERE pepper_id = :what", what=version - 1)
    assert f"can't be moved from version {version - 1} of the pepper" in the_warning(site, "pepper")
    change(site, "UPDATE key_secret SET stuck_at = NULL")
    site.deployment.start_worker()
    site.deployment.wait_for(lambda: len(site.admin.get("/peppers")["items"]) == 1, "the end of the rotation")
    site.deployment.stop("worker")
    assert told(site, "pepper") == []


def test_sealing_anew_that_does_not_get_on_is_told(site: Site) -> None:
    site.admin.post("/wrapping/rotate", {})
    assert told(site, "sealing") == []
    change(site, "UPDATE rewrapping SET started_at = :then, total = 7", then=timedelta(hours=2))
    assert "7 secrets are left" in the_warning(site, "sealing")
    change(site, "UPDATE rewrapping SET trouble = 'the provider is away'")
    assert the_warning(site, "sealing") == "sealing everything anew does not get on: the provider is away"
    site.deployment.start_worker()
    site.deployment.wait_for(
        lambda: site.admin.get("/wrapping")["rotation"]["finished_at"] is not None, "the end of the rotation"
    )
    site.deployment.stop("worker")
    assert told(site, "sealing") == []
    change(site, "UPDATE pepper SET wrapped = replace(wrapped, 'local:', 'aws-kms:')")
    assert "1 secret was sealed by another provider or key than local:" in the_warning(site, "sealing")
    change(site, "UPDATE pepper SET wrapped = replace(wrapped, 'aws-kms:', 'local:')")


def test_a_login_that_fails_is_told(site: Site) -> None:
    with LoginServer() as server:
        server.behaviour = "echo"
        backend, path = site.backend(server.url, EXCHANGE)
        assert site.call(path).status == 503
        site.deployment.wait_for(
            lambda: bool(site.admin.get(f"/backends/{backend}/logins")["failing"]), "what the node tells"
        )
        name = site.admin.get(f"/backends/{backend}")["name"]
        said = the_warning(site, "logins")
    assert said.startswith(f"no login at {name} (live) for all calls on the node ")
    assert "refused: 400" in said
    assert PASSWORD not in said


def test_an_outbox_that_nobody_sends_is_wrong(site: Site) -> None:
    assert told(site, "outbox") == []
    site.caller()
    change(site, "UPDATE notification_event SET at = :then WHERE spread_at IS NULL", timedelta(minutes=6))
    (finding,) = told(site, "outbox")
    assert finding["status"] == "wrong"
    assert "wait to be sent, since " in finding["sentence"]
    assert "portazgo worker" in finding["remedy"]
    site.deployment.start_worker()
    site.deployment.wait_for(lambda: site.admin.get("/webhooks/outbox")["unspread"] == 0, "the events")
    site.deployment.stop("worker")
    assert told(site, "outbox") == []


def test_a_delivery_that_nobody_tries_is_wrong_unless_its_endpoint_is_paused(site: Site) -> None:
    endpoint = site.admin.post(
        "/webhooks/endpoints", {"name": "incidents", "url": "https://hooks.example.com/portazgo"}
    )["id"]
    site.admin.post(f"/webhooks/endpoints/{endpoint}/test")
    assert told(site, "outbox") == []
    change(site, "UPDATE webhook_delivery SET due_at = :then", then=timedelta(minutes=6))
    (finding,) = told(site, "outbox")
    assert finding["sentence"].startswith("1 delivery wait"), finding
    site.admin.post(f"/webhooks/endpoints/{endpoint}/pause")
    assert told(site, "outbox") == []
