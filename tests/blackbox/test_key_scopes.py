"""A backend that is told of a key's scopes is told those of the key that calls: never another's, whoever calls meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.deployment import Deployment
from support.login_server import PASSWORD, LoginServer
from support.login_site import EXCHANGE, Site
from support.telling_backend import TellingBackend

CALLS = 40
SCOPES = [["badges:read"], ["badges:write"], ["badges:read", "badges:write"]]


@pytest.fixture(scope="module")
def site(deployment: Deployment) -> Site:
    return Site(deployment)


@pytest.fixture
def keys(site: Site) -> dict[str, list[str]]:
    """Keys of one application, each with scopes of its own."""
    made = [site.admin.post(f"/applications/{site.application}/keys", {"scopes": scopes}) for scopes in SCOPES]
    site.settle()
    return {key["api_key"]: key["scopes"] for key in made}


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(len(SCOPES)) as made:
        yield made


def told(site: Site, path: str, key: str, calls: int = CALLS) -> list[Any]:
    """What the backend was told of a key at each of its calls."""
    replies = [site.call(path, key) for _ in range(calls)]
    assert {reply.status for reply in replies} == {200}
    return [reply.json()["claims"]["scopes"] for reply in replies]


def test_a_minted_token_has_the_scopes_of_the_key_that_calls(
    site: Site, keys: dict[str, list[str]], threads: ThreadPoolExecutor
) -> None:
    with TellingBackend() as backend:
        mint = {"kind": "mint", "audience": "scopes", "claims": {"scopes": "{key.scopes}"}, "life_seconds": 60}
        _, path = site.backend(backend.url, mint, None)
        found = list(threads.map(lambda key: told(site, path, key), keys))
        assert found == [[scopes] * CALLS for scopes in keys.values()]
        # Fewer scopes: from the receipt on no token with the old ones is sent.
        narrowed = next(key for key, scopes in keys.items() if len(scopes) == 2)
        site.admin.patch(f"/keys/{narrowed.split('_')[2]}", {"scopes": ["badges:read"]})
        site.settle()
        assert told(site, path, narrowed, 3) == [["badges:read"]] * 3


def test_a_login_is_made_with_the_scopes_of_the_key_that_calls(
    site: Site, keys: dict[str, list[str]], threads: ThreadPoolExecutor
) -> None:
    body = {"username": "{key.scopes}", "password": "{credential.password}"}
    with LoginServer() as server:
        _, path = site.backend(
            server.url, {**EXCHANGE, "login": {"path": "/api/token/", "body": body}}, {"password": PASSWORD}
        )
        found = list(threads.map(lambda key: [site.call(path, key).json()["who"] for _ in range(CALLS)], keys))
        assert found == [[str(scopes)] * CALLS for scopes in keys.values()]
        assert sorted(who for who, _ in server.logins) == sorted(map(str, keys.values()))
        narrowed = next(key for key, scopes in keys.items() if len(scopes) == 2)
        site.admin.patch(f"/keys/{narrowed.split('_')[2]}", {"scopes": ["badges:write"]})
        site.settle()
        assert site.call(path, narrowed).json()["who"] == str(["badges:write"])


def test_a_key_without_scopes_of_its_own_is_told_with_those_of_its_plan(site: Site) -> None:
    application = site.admin.get(f"/applications/{site.application}")
    plan = site.admin.get(f"/plans/{application['plan']}")
    with TellingBackend() as backend:
        mint = {"kind": "mint", "audience": "scopes", "claims": {"scopes": "{key.scopes}"}}
        _, path = site.backend(backend.url, mint, None)
        # Nothing is told where nothing is known: a backend may take an empty list for everything.
        refused = site.call(path)
        assert (refused.status, site.fault(refused)) == (502, "token_mint_failed")
        names = ("name", "apis", "throttles")
        site.admin.put(f"/plans/{plan['id']}", {**{name: plan[name] for name in names}, "scopes": ["badges:read"]})
        site.settle()
        until = time.monotonic() + 30
        while (reply := site.call(path)).status != 200 and time.monotonic() < until:
            time.sleep(0.1)
        assert reply.json()["claims"]["scopes"] == ["badges:read"]
