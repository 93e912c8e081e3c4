"""A call that waits on its way to the backend goes on only if it would still be let in: a receipt counts for it too."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from support.deployment import Deployment, Reply
from support.login_server import LoginServer
from support.login_site import EXCHANGE, Site

# The usual times let a call wait five seconds at most.
PATIENT = {"connect_ms": 5_000, "first_byte_ms": 20_000, "idle_ms": 20_000, "total_ms": 60_000}


@pytest.fixture(scope="module")
def site(deployment: Deployment) -> Site:
    return Site(deployment)


@pytest.fixture
def server() -> Iterator[LoginServer]:
    with LoginServer() as running:
        yield running


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def own_key(site: Site) -> dict[str, Any]:
    key: dict[str, Any] = site.admin.post(f"/applications/{site.application}/keys", {"name": "parked"})
    site.settle()
    return key


def revoke(site: Site, key: dict[str, Any]) -> None:
    """Revoke, and wait for the receipt: from then on it must open nothing."""
    site.admin.post(f"/keys/{key['kid']}/revoke")
    site.deployment.wait_for(lambda: site.admin.get(f"/keys/{key['kid']}/propagation")["proven"], "the receipt")


def told(reply: Reply) -> tuple[int, dict[str, Any], list[str]]:
    """What a partner is told, but for the ids of the call."""
    return reply.status, {**reply.json(), "request_id": None, "instance": None}, sorted(reply.headers)


def outcome(site: Site, parked: Future[Reply]) -> tuple[int, str]:
    reply = parked.result(60)
    return reply.status, site.fault(reply)


def test_a_call_that_waits_for_a_login_goes_out_no_more_when_its_key_is_dead(
    site: Site, server: LoginServer, threads: ThreadPoolExecutor
) -> None:
    _, path = site.backend(server.url, EXCHANGE, timeouts=PATIENT)
    key = own_key(site)
    server.gate.clear()
    parked = threads.submit(site.call, path, key["api_key"])
    site.deployment.wait_for(lambda: len(server.requests) == 1, "the login")
    also = threads.submit(site.call, path)
    revoke(site, key)
    server.gate.set()
    assert outcome(site, parked) == (401, "key_revoked")
    assert told(parked.result()) == told(site.call(path, key["api_key"])) == told(site.call(path, "unknown"))
    # The login served the other; and only that one came to the backend.
    assert also.result(60).status == 200
    assert server.came == ["/api/things/"]


def test_so_it_is_with_one_that_waits_for_a_connection(
    site: Site, server: LoginServer, threads: ThreadPoolExecutor
) -> None:
    pool = {"connections": 1, "waiting": 10, "wait_ms": 10_000}
    made, path = site.backend(server.url, EXCHANGE, timeouts=PATIENT, forwarding={"pool": pool})
    backend = site.admin.get(f"/backends/{made}")
    key = own_key(site)
    assert site.call(path, key["api_key"]).status == 200
    server.gate.clear()
    holds = threads.submit(site.call, path)
    site.deployment.wait_for(lambda: len(server.came) == 2, "the call that holds the connection")
    parked = threads.submit(site.call, path, key["api_key"])
    waiting = f'portazgo_target_waiting{{backend="{backend["name"]}",environment="live",target="{server.url}"}} 1'
    site.deployment.wait_for(lambda: waiting in site.metrics(), "the call that waits for it")
    revoke(site, key)
    server.gate.set()
    assert holds.result(60).status == 200
    assert outcome(site, parked) == (401, "key_revoked")
    assert len(server.came) == 2
    assert site.call(path).status == 200


def test_a_key_that_is_disabled_or_widened_meanwhile_is_judged_by_the_newest_revision(
    site: Site, server: LoginServer, threads: ThreadPoolExecutor
) -> None:
    _, path = site.backend(server.url, EXCHANGE, timeouts=PATIENT)
    dead, renamed = own_key(site), own_key(site)
    server.gate.clear()
    parked = [threads.submit(site.call, path, key["api_key"]) for key in (dead, renamed)]
    site.deployment.wait_for(lambda: len(server.requests) == 1, "the login")
    site.admin.patch(f"/keys/{renamed['kid']}", {"name": "renamed"})
    site.admin.post(f"/keys/{dead['kid']}/disable")
    site.settle()
    server.gate.set()
    assert outcome(site, parked[0]) == (401, "key_disabled")
    assert parked[1].result(60).status == 200
    assert len(server.came) == 1
