"""Tokens that are fetched at the backend's own token endpoint: whose they are, how often, and what failing ones come to."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection
from typing import Any

import pytest
from support.deployment import Deployment, Reply
from support.login_server import PASSWORD, LoginServer

CALLS = 200
NOT_NOW = "token_exchange_failed"
EXCHANGE: dict[str, Any] = {"kind": "exchange", "login": {"path": "/api/token/"}}
SERVICE = {"username": "portazgo", "password": PASSWORD}


class Site:
    """An API whose routes lead to backends with logins, and callers that may use it."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.admin = deployment.admin
        self._names = (f"login-{number}" for number in itertools.count())
        self._api = self.admin.post("/apis", {"name": "logins"})["id"]
        plan = self.admin.post("/plans", {"name": "logins", "apis": [self._api]})
        self._plan = plan["id"]
        self.partner, self.application, self.key = self.caller()

    def caller(self, partner: str | None = None) -> tuple[str, str, str]:
        """Make a partner where none is given, an application and a key. Returns their ids, and the key."""
        name = next(self._names)
        partner = partner or self.admin.post("/partners", {"name": name, "metadata": {"account": f"of-{name}"}})["id"]
        wanted = {"partner": partner, "name": name, "environment": "live", "plan": self._plan}
        application = self.admin.post("/applications", wanted)["id"]
        key = self.admin.post(f"/applications/{application}/keys", {"name": name})["api_key"]
        return partner, application, key

    def backend(
        self, target: str, credential: dict[str, Any], service: dict[str, str] | None = SERVICE, **further: Any
    ) -> tuple[str, str]:
        """Make a backend with its service credential and a route. Returns its id and the partner's path."""
        name = next(self._names)
        live = {"targets": [target], "credential": credential, **further}
        made = self.admin.post("/backends", {"name": name, "environments": {"live": live}})
        if service is not None:
            self.admin.put(f"/backends/{made['id']}/credentials/live", {"values": service})
        path = f"/v1/{name}"
        route = {"name": name, "backend": made["id"], "method": "GET", "path": path, "backend_path": "/api/things/"}
        self.admin.post(f"/apis/{self._api}/routes", {**route, "passthrough": True, "environments": ["live"]})
        self.settle()
        return made["id"], path

    def settle(self) -> None:
        """Wait until the node serves the newest revision."""

        def current() -> bool:
            (node,) = self.admin.get("/nodes")["items"]
            return bool(node["current"])

        self.deployment.wait_for(current, "the newest revision")

    def call(self, path: str, key: str | None = None, method: str = "GET") -> Reply:
        """Call a route."""
        return self.deployment.call(path, method=method, X_Api_Key=key or self.key)

    def ready(self) -> dict[str, Any]:
        """What the node says of itself."""
        port = int(self.deployment.health_url.rpartition(":")[2])
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/health/ready")
            document: dict[str, Any] = json.loads(connection.getresponse().read())
            return document
        finally:
            connection.close()

    def fault(self, reply: Reply) -> str:
        """The fault of a call's record."""
        return str(self.deployment.trace(reply.request_id)["fault"])


@pytest.fixture(scope="module")
def site(deployment: Deployment) -> Site:
    return Site(deployment)


@pytest.fixture
def server() -> Iterator[LoginServer]:
    with LoginServer() as running:
        yield running


def at_once(calls: list[Callable[[], Reply]]) -> list[Reply]:
    barrier = threading.Barrier(len(calls))

    def begin(call: Callable[[], Reply]) -> Reply:
        barrier.wait(30)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(begin, calls))


def test_an_untouched_simplejwt_backend_is_called_with_its_own_token(site: Site) -> None:
    deployment = site.deployment
    login = json.loads((deployment.folder / "insignia" / "login.json").read_text())
    credential = {
        "kind": "exchange",
        "login": {"path": "/api/auth/token/"},
        "refresh": {"path": "/api/auth/token/refresh/"},
    }
    live = {"targets": [deployment.backend_url], "credential": credential}
    backend = site.admin.post("/backends", {"name": "simplejwt", "environments": {"live": live}})["id"]
    route = {"name": "simplejwt", "backend": backend, "method": "GET", "path": "/v1/simplejwt"}
    api = site.admin.get("/apis", {"name": "logins"})["items"][0]["id"]
    further = {"backend_path": "/api/badges/", "passthrough": True, "environments": ["live"]}
    site.admin.post(f"/apis/{api}/routes", {**route, **further})
    site.settle()
    before = site.call("/v1/simplejwt")
    assert (before.status, before.json()["code"]) == (503, "gateway_unavailable")
    assert site.fault(before) == NOT_NOW
    values = {name: login[name] for name in ("username", "password")}
    site.admin.put(f"/backends/{backend}/credentials/live", {"values": values})
    site.settle()
    assert site.call("/v1/simplejwt").status == 200
    outcome = site.admin.post(f"/backends/{backend}/test", {"path": "/api/badges/"})
    assert (outcome["ok"], outcome["status"]) == (True, 200), outcome


def test_many_first_calls_at_once_are_one_login_for_each_identity(site: Site, server: LoginServer) -> None:
    server.slow = 0.3
    credential = {
        **EXCHANGE,
        "login": {"path": "/api/token/", "body": {"username": "{application.id}", "password": "{credential.password}"}},
    }
    _, path = site.backend(server.url, credential, {"password": PASSWORD})
    callers = [site.caller(site.partner) for _ in range(4)]
    site.settle()
    calls = [(application, key) for _, application, key in callers] * (CALLS // 4)
    replies = at_once([partial(site.call, path, key) for _, key in calls])
    assert Counter(reply.status for reply in replies) == {200: CALLS}
    assert [reply.json()["who"] for reply in replies] == [application for application, _ in calls]
    assert Counter(server.logins) == {(application, "login"): 1 for _, application, _ in callers}


def test_a_token_is_shared_only_by_those_that_the_template_does_not_tell_apart(site: Site, server: LoginServer) -> None:
    named = {"username": "{partner.metadata.account}", "password": "{credential.password}"}
    _, path = site.backend(
        server.url, {**EXCHANGE, "login": {"path": "/api/token/", "body": named}}, {"password": PASSWORD}
    )
    other_partner, _, other_key = site.caller()
    _, _, sibling = site.caller(site.partner)
    site.settle()
    mine, brother, other = (site.call(path, key).json()["who"] for key in (site.key, sibling, other_key))
    accounts = {
        one["id"]: one["metadata"]["account"]
        for one in site.admin.pages("/partners", {})
        if one["metadata"].get("account")
    }
    assert (mine, brother, other) == (accounts[site.partner], accounts[site.partner], accounts[other_partner])
    assert server.count() == 2


def test_each_partner_logs_in_with_a_credential_of_its_own(site: Site, server: LoginServer) -> None:
    backend, path = site.backend(server.url, {**EXCHANGE, "credentials": "partner"}, None)
    other, _, other_key = site.caller()
    site.admin.put(
        f"/backends/{backend}/credentials/live", {"partner": site.partner, "values": {**SERVICE, "username": "one"}}
    )
    site.settle()
    assert site.call(path).json()["who"] == "one"
    without = site.call(path, other_key)
    assert (without.status, site.fault(without)) == (503, NOT_NOW)
    site.admin.put(
        f"/backends/{backend}/credentials/live", {"partner": other, "values": {**SERVICE, "username": "two"}}
    )
    site.settle()
    assert site.call(path, other_key).json()["who"] == "two"
    assert site.call(path).json()["who"] == "one"


def test_a_token_is_renewed_in_the_background_by_its_refresh_token(site: Site, server: LoginServer) -> None:
    server.life = 3.0
    _, path = site.backend(server.url, {**EXCHANGE, "refresh": {"path": "/api/token/refresh/"}})
    until = time.monotonic() + 7
    while time.monotonic() < until:
        assert site.call(path).status == 200
        time.sleep(0.05)
    assert server.count(how="login") == 1
    assert 2 <= server.count(how="refresh") <= 5


def test_a_valid_token_outlives_the_login_and_then_calls_are_refused_until_it_is_back(
    site: Site, server: LoginServer
) -> None:
    server.life = 4.0
    _, path = site.backend(server.url, EXCHANGE)
    began = time.monotonic()
    assert site.call(path).status == 200
    server.behaviour = "broken"
    while time.monotonic() < began + 3.5:
        assert site.call(path).status == 200
        time.sleep(0.1)
    time.sleep(max(0.0, began + 4.5 - time.monotonic()))
    reply = site.call(path)
    assert (reply.status, site.fault(reply)) == (503, NOT_NOW)
    assert int(reply.headers["retry-after"]) >= 1
    assert any("down for maintenance" in warning for warning in site.ready()["warnings"])
    server.behaviour = "right"
    site.deployment.wait_for(lambda: site.call(path).status == 200, "the login")
    assert not any("down for maintenance" in warning for warning in site.ready()["warnings"])


FAILURES = {
    "garbage": "no JSON",
    "no token": "without a token",
    "huge": "more than 64 KiB",
    "redirect": "not followed",
    "expired": "has ended already",
    "broken": "failed: 503",
    "echo": "was refused: 400",
}


@pytest.mark.parametrize(("behaviour", "said"), FAILURES.items(), ids=FAILURES)
def test_each_way_of_failing_has_its_reason_and_no_secret(
    site: Site, server: LoginServer, behaviour: str, said: str
) -> None:
    server.behaviour = behaviour
    backend, path = site.backend(server.url, EXCHANGE)
    reply = site.call(path)
    assert (reply.status, site.fault(reply)) == (503, NOT_NOW)
    outcome = site.admin.post(f"/backends/{backend}/test", {"path": "/api/things/"})
    assert outcome["ok"] is False
    assert said in outcome["findings"][0]
    everything = site.deployment.log("gateway") + json.dumps(site.ready()) + json.dumps(outcome) + reply.body.decode()
    assert said in site.deployment.log("gateway")
    assert PASSWORD not in everything


def test_a_login_that_hangs_costs_a_call_five_seconds_at_most(site: Site, server: LoginServer) -> None:
    server.behaviour = "hang"
    timeouts = {"connect_ms": 500, "first_byte_ms": 1_000, "idle_ms": 1_000, "total_ms": 20_000}
    _, path = site.backend(server.url, EXCHANGE, timeouts=timeouts)
    began = time.monotonic()
    reply = site.call(path)
    assert (reply.status, site.fault(reply)) == (503, "token_exchange_timeout")
    assert 1.4 <= time.monotonic() - began < 7.5


def test_a_token_that_the_backend_refuses_is_fetched_anew_once(site: Site, server: LoginServer) -> None:
    _, path = site.backend(server.url, EXCHANGE)
    assert site.call(path).status == 200
    server.withdraw()
    replies = at_once([lambda: site.call(path)] * 20)
    assert {reply.status for reply in replies} == {200}
    assert server.count() == 2
    server.withdraw()
    again = site.call(path)
    assert (again.status, site.fault(again)) == (502, "backend_4xx_ours")
    assert server.count() == 2


def test_a_new_credential_drops_what_the_old_one_brought(site: Site, server: LoginServer) -> None:
    backend, path = site.backend(server.url, EXCHANGE)
    assert site.call(path).json()["who"] == "portazgo"
    site.admin.put(f"/backends/{backend}/credentials/live", {"values": {**SERVICE, "username": "another"}})
    site.settle()
    assert site.call(path).json()["who"] == "another"


def test_another_header_and_scheme_carry_the_token(site: Site, server: LoginServer) -> None:
    attach = {"header": "X-Auth", "value": "Token {token}"}
    _, path = site.backend(server.url, {**EXCHANGE, "attach": attach})
    assert site.call(path).json()["presented"] == "Token"


@pytest.mark.parametrize("authentication", ["client_secret_basic", "client_secret_post"])
def test_client_credentials_get_a_token_of_an_oauth_server(
    site: Site, server: LoginServer, authentication: str
) -> None:
    credential = {
        "kind": "client_credentials",
        "login": {"url": f"{server.url}/oauth/token"},
        "authentication": authentication,
        "scope": "read write",
        "audience": "things",
    }
    service = {"client_id": "portazgo:client", "client_secret": PASSWORD}
    _, path = site.backend(server.url, credential, service)
    assert site.call(path).json()["who"] == "client portazgo:client read write things"


def test_a_minted_token_is_exchanged_for_the_backends(site: Site, server: LoginServer) -> None:
    connection = HTTPConnection("127.0.0.1", site.deployment.control_port, timeout=10)
    connection.request("GET", "/.well-known/jwks.json")
    server.jwks = json.loads(connection.getresponse().read())
    connection.close()
    credential = {
        "kind": "token_exchange",
        "login": {"path": "/oauth/token"},
        "subject": {"audience": "exchange", "claims": {"partner": "{partner.name}"}},
    }
    _, path = site.backend(server.url, credential, None)
    assert site.call(path).json()["who"] == f"subject {site.application}"
    assert server.count() == 1


def test_a_node_that_starts_again_logs_in_again(site: Site, server: LoginServer) -> None:
    _, path = site.backend(server.url, EXCHANGE)
    assert site.call(path).status == 200
    site.deployment.stop("gateway")
    site.deployment.start_gateway()
    assert site.call(path).status == 200
    assert server.count() == 2
