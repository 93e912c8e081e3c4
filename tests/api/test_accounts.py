"""Admin tokens."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from support.admin import AdminAPI
from support.world import World

from portazgo.accounts.models import AdminToken
from portazgo.accounts.service import authenticate, ensure_bootstrap_token
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.kit.errors import Unauthenticated
from portazgo.kit.secret import Secret

pytestmark = pytest.mark.usefixtures("database")


def test_a_token_is_shown_once_and_only_its_hash_is_kept(api: AdminAPI) -> None:
    made = api.post("/tokens", {"name": "deploys", "scopes": ["partners:read", "keys:write"]})
    assert made.status == 201
    token = made.body["token"]
    assert token.startswith("ptza_")
    row = AdminToken.objects.get(id=made.body["id"])
    assert token not in str(vars(row))
    listed = api.every("/tokens")
    assert made.body["id"] in {item["id"] for item in listed}
    assert all("token" not in item for item in listed)


def test_a_revoked_token_is_dead_at_once(api: AdminAPI) -> None:
    made = api.post("/tokens", {"name": "short", "scopes": ["tokens:read"]}).body
    theirs = AdminAPI(made["token"])
    assert theirs.get("/tokens").status == 200
    assert api.post(f"/tokens/{made['id']}/revoke").body["revoked_at"] is not None
    refused = theirs.get("/tokens")
    assert refused.status == 401
    assert refused.body["code"] == "token_invalid"
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert api.post(f"/tokens/{made['id']}/revoke").status == 200


def test_an_expired_token_is_dead(api: AdminAPI) -> None:
    made = api.post("/tokens", {"name": "gone", "scopes": ["*"], "expires_at": "2026-01-01T00:00:00Z"}).body
    assert AdminAPI(made["token"]).get("/tokens").status == 401


def test_nobody_hands_out_more_than_they_have(api_with: Callable[..., AdminAPI]) -> None:
    limited = api_with("tokens:write", "keys:write")
    assert limited.post("/tokens", {"name": "less", "scopes": ["keys:revoke"]}).status == 201
    refused = limited.post("/tokens", {"name": "more", "scopes": ["*"]})
    assert (refused.status, refused.body["code"]) == (403, "scope_missing")


def test_no_token_outlives_the_one_that_made_it(api: AdminAPI, world: World) -> None:
    end, later = "2100-01-01T00:00:00Z", "2100-01-01T00:00:01Z"
    hour = AdminAPI(api.post("/tokens", {"name": "hour", "scopes": ["*"], "expires_at": end}).body["token"])
    for path, asked in (("/tokens", {"scopes": ["*"]}), (f"/partners/{world.partner()['id']}/tokens", {})):
        for life in ({}, {"expires_at": None}, {"expires_at": later}):
            refused = hour.post(path, {"name": "for-ever", **asked, **life})
            assert (refused.status, refused.body["code"]) == (422, "expiry_too_late")
            assert refused.body["errors"][0]["pointer"] == "/expires_at"
        assert hour.post(path, {"name": "as-long", **asked, "expires_at": end}).status == 201
    child = api.post("/tokens", {"name": "free", "scopes": ["*"]})
    assert child.body["expires_at"] is None


@pytest.mark.parametrize(
    ("scope", "status"), [("tokens:read", 200), ("tokens:*", 200), ("tokens:write", 200), ("keys:write", 403)]
)
def test_a_scope_opens_its_noun_and_no_other(api_with: Callable[..., AdminAPI], scope: str, status: int) -> None:
    assert api_with(scope).get("/tokens").status == status


def test_without_a_token_nothing_is_told(api_with: Callable[..., AdminAPI]) -> None:
    answer = api_with().get("/tokens")
    assert answer.status == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["code"] == "token_missing"
    assert answer.body["instance"] == answer.headers["X-Request-Id"]


def test_the_first_run_leaves_a_token_that_only_its_owner_can_read(tmp_path: Path) -> None:
    path = tmp_path / "admin-token"
    assert ensure_bootstrap_token(path, clock=SYSTEM_CLOCK)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    token = Secret(path.read_text().strip())
    assert authenticate(token, clock=SYSTEM_CLOCK).scopes == frozenset({"*"})
    assert not ensure_bootstrap_token(path, clock=SYSTEM_CLOCK)
    assert Secret(path.read_text().strip()) == token


def test_a_token_file_of_another_database_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "admin-token"
    path.write_text("ptza_from-an-older-database\n")
    assert ensure_bootstrap_token(path, clock=SYSTEM_CLOCK)
    authenticate(Secret(path.read_text().strip()), clock=SYSTEM_CLOCK)


def test_an_unknown_token_is_nobody() -> None:
    with pytest.raises(Unauthenticated):
        authenticate(Secret("ptza_nobody"), clock=SYSTEM_CLOCK)
