"""The whole life of a key by the command line, live and test, and what the gateway says to it at each station."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.command import entered
from support.deployment import Deployment

from portazgo.keys.domain import parse_key

BADGES = "/v1/badges/?page_size=1"
EXPIRES_SECONDS = 1


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A gateway that believes the proxy in front of it, so that calls come from any address."""
    with Deployment(tmp_path_factory.mktemp("life"), PORTAZGO_TRUSTED_PROXIES="127.0.0.0/8") as running:
        yield running


@pytest.fixture
def said(deployment: Deployment) -> Callable[..., Any]:
    """Run `portazgo … --json` and read its document; it must go well."""

    def document(*words: str) -> Any:
        done = entered(deployment.environment, deployment.folder, *words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return document


def status(deployment: Deployment, api_key: str, client: str = "203.0.113.9") -> int:
    return deployment.call(BADGES, X_Api_Key=api_key, X_Forwarded_For=client).status


def becomes(deployment: Deployment, api_key: str, expected: int) -> None:
    deployment.wait_for(lambda: status(deployment, api_key) == expected, f"{expected}")


@pytest.mark.parametrize("environment", ["live", "test"])
def test_a_key_is_made_named_bound_switched_ended_rotated_killed_and_deleted(
    deployment: Deployment, said: Callable[..., Any], environment: str
) -> None:
    name = f"life-{environment}"
    said("application", "create", name, "--partner", "demo-partner", "--environment", environment, "--plan", "demo")
    made = said("key", "create", "--application", name, "--name", "first")
    whole, kid = made["api_key"], made["kid"]
    parsed = parse_key(whole)
    assert parsed is not None
    assert (parsed.environment, parsed.kid) == (environment, kid)
    becomes(deployment, whole, 200)

    # Shown once: neither lists nor views have it.
    assert [row["kid"] for row in said("key", "list", "--application", name)] == [kid]
    assert parsed.secret.reveal() not in json.dumps([said("key", "show", kid), said("key", "list")])
    changed = said("key", "change", kid, "--name", "second", "--add-tag", "pilot")
    assert (changed["name"], changed["tags"]) == ("second", ["pilot"])
    assert kid in {row["kid"] for row in said("key", "list", "--tag", "pilot", "--text", "SECOND")}

    said("key", "change", kid, "--network", "203.0.113.0/24", "--network", "2001:db8::/32", "--wait")
    found = {
        one: status(deployment, whole, one) for one in ("203.0.113.9", "2001:db8::9", "203.0.114.9", "2001:db9::9")
    }
    assert found == {"203.0.113.9": 200, "2001:db8::9": 200, "203.0.114.9": 403, "2001:db9::9": 403}
    said("key", "change", kid, "--any-network", "--wait")
    assert status(deployment, whole, "2001:db9::9") == 200

    said("key", "disable", kid, "--wait")
    assert status(deployment, whole) == 401
    assert said("key", "enable", kid)["status"] == "active"
    becomes(deployment, whole, 200)

    said("key", "change", kid, "--expires", f"{EXPIRES_SECONDS}s")
    becomes(deployment, whole, 401)
    said("key", "change", kid, "--no-expiry")
    becomes(deployment, whole, 200)

    rotated = said("key", "rotate", kid, "--grace", "1h")
    becomes(deployment, rotated["api_key"], 200)
    assert (rotated["kid"], status(deployment, whole)) == (kid, 200)
    assert parse_key(rotated["api_key"]) is not None

    said("key", "revoke", kid, "--wait", "--yes")
    assert [status(deployment, one) for one in (whole, rotated["api_key"])] == [401, 401]
    said("key", "delete", kid, "--yes")
    assert said("key", "list", "--application", name) == []
    (gone,) = said("key", "list", "--application", name, "--deleted")
    assert (gone["kid"], gone["status"], gone["deleted_at"] is not None) == (kid, "revoked", True)


def test_a_rotation_prints_the_new_key_alone_in_a_line_and_the_rest_elsewhere(
    deployment: Deployment, said: Callable[..., Any]
) -> None:
    kid = said("key", "create", "--application", "demo")["kid"]
    done = entered(deployment.environment, deployment.folder, "key", "rotate", kid)
    assert done.returncode == 0, done.stderr
    parsed = parse_key(done.stdout.removesuffix("\n"))
    assert parsed is not None
    assert parsed.kid == kid
    assert parsed.secret.reveal() not in done.stderr
    assert "number 1, works until" in done.stderr
