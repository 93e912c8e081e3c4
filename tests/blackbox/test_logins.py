"""Tokens that are fetched at the backend's own token endpoint: whose they are, how often, and what failing ones come to."""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from support.certificates import Identity
from support.command import portazgo
from support.deployment import Deployment, Reply
from support.login_server import PASSWORD, LoginServer
from support.login_site import EXCHANGE, SERVICE, Site
from support.ports import free_port

CALLS = 200
NOT_NOW = "token_exchange_failed"


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
    backend, path = site.backend(server.url, EXCHANGE)
    began = time.monotonic()
    assert site.call(path).status == 200
    # The token was made between the two.
    logged_in = time.monotonic()
    server.behaviour = "broken"
    while time.monotonic() < began + 3.5:
        assert site.call(path).status == 200
        time.sleep(0.1)
    time.sleep(max(0.0, logged_in + 4.5 - time.monotonic()))
    reply = site.call(path)
    assert (reply.status, site.fault(reply)) == (503, NOT_NOW)
    assert int(reply.headers["retry-after"]) >= 1
    (warning,) = (warning for warning in site.ready()["warnings"] if "down for maintenance" in warning)
    name = site.admin.get(f"/backends/{backend}")["name"]
    told = rf"no login at {name} \(live\) for all calls, \d+ s ago, the next (in \d+ s|when a call needs it): "
    assert re.match(told, warning), warning
    failing = f'portazgo_logins_failing{{backend="{name}",environment="live"}}'
    assert f"{failing} 1" in site.metrics()
    assert_told(site, "backend", "show", name)
    assert_told(site, "backend", "test", name, exit_code=7)
    (node,) = site.admin.get("/nodes")["items"]
    assert_told(site, "node", "show", node["id"])
    server.behaviour = "right"
    site.deployment.wait_for(lambda: site.call(path).status == 200, "the login")
    # The calls that waited are let go a moment before.
    site.deployment.wait_for(
        lambda: not any("down for maintenance" in warning for warning in site.ready()["warnings"]),
        "the end of the warning",
    )
    assert f"{failing} 0" in site.metrics()
    site.deployment.wait_for(lambda: not failing_at(site, backend), "the end of what is told")


def assert_told(site: Site, *words: str, exit_code: int = 0) -> None:
    """A person at the command line reads of the failing login: where, for whom, since when and why."""
    told = re.compile(
        r"^No login at [\w-]+ \(live\) for all calls on the node \S+ since \S+ \S+Z, tried last \S+ \S+Z: .*maintenance",
        re.MULTILINE,
    )

    def is_told() -> bool:
        done = portazgo(site.deployment.environment, site.deployment.folder, *words)
        assert done.returncode == exit_code, done.stdout + done.stderr
        return told.search(done.stdout) is not None

    site.deployment.wait_for(is_told, f"what {words} tells")


def failing_at(site: Site, backend: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.admin.get(f"/backends/{backend}/logins")["failing"]
    return found


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
    site.deployment.wait_for(lambda: bool(failing_at(site, backend)), "what the node tells")
    (told,) = failing_at(site, backend)
    assert said in told["why"]
    everything = site.deployment.log("gateway") + json.dumps(site.ready()) + json.dumps(outcome) + reply.body.decode()
    everything += json.dumps(told) + json.dumps(site.admin.get("/nodes"))
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


def test_one_partner_that_the_backend_refuses_costs_the_others_nothing(site: Site, server: LoginServer) -> None:
    backend, path = site.backend(server.url, EXCHANGE)
    refused = site.route(backend, "/api/refused/")
    _, _, theirs = site.caller()
    site.settle()
    assert site.call(path).status == 200
    server.slow = 1.0
    over = threading.Event()
    answers: list[int] = []

    def storm() -> None:
        while not over.is_set():
            answers.append(site.call(refused, theirs).status)

    attackers = [threading.Thread(target=storm, daemon=True) for _ in range(4)]
    for attacker in attackers:
        attacker.start()
    began = time.monotonic()
    mine: list[tuple[int, float]] = []
    while time.monotonic() < began + 3:
        at = time.monotonic()
        mine.append((site.call(path).status, time.monotonic() - at))
    over.set()
    for attacker in attackers:
        attacker.join(30)
    assert {status for status, _ in mine} == {200}
    assert set(answers) == {502}
    # The first, and one for each ten seconds of refusals; whoever is not refused waits for none.
    assert server.count() <= 2 + (time.monotonic() - began) // 10
    assert sorted(took for _, took in mine)[len(mine) // 2] < 0.5


def test_a_shared_token_whose_successor_does_not_come_serves_the_others_until_its_end(
    site: Site, server: LoginServer
) -> None:
    backend, path = site.backend(server.url, EXCHANGE)
    refused = site.route(backend, "/api/refused/")
    assert site.call(path).status == 200
    server.behaviour = "broken"
    for _ in range(3):
        assert site.fault(site.call(refused)) == "backend_4xx_ours"
        assert site.call(path).status == 200
    assert server.count() == 1


def test_a_backend_with_an_authority_of_its_own_is_logged_in_at_and_called_over_tls(site: Site, tmp_path: Path) -> None:
    authority = Identity.authority()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.server("127.0.0.1").write(tmp_path, "backend"))
    with LoginServer(tls=context) as server:
        _, path = site.backend(server.url, EXCHANGE, tls={"ca": authority.pem})
        assert site.call(path).json()["who"] == "portazgo"
        _, unknown = site.backend(server.url, EXCHANGE)
        assert site.fault(site.call(unknown)) == NOT_NOW
        assert server.count() == 1


def test_a_login_goes_to_the_next_target_where_the_first_does_not_answer(site: Site, server: LoginServer) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    _, path = site.backend(nobody, EXCHANGE, targets=[nobody, server.url])
    assert [site.call(path).status for _ in range(4)] == [200] * 4
    assert server.count() == 1
