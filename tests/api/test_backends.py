"""Backends."""

from __future__ import annotations

from typing import Any

import pytest
from support.admin import AdminAPI
from support.certificates import Identity
from support.world import CREDENTIAL, NOBODY, World, body_of, pointers, refusal, resource

from portazgo.backends.forwarding import BOUNDS

pytestmark = pytest.mark.usefixtures("database")

TARGET = {"targets": ["http://127.0.0.1:8000"]}


def test_a_backend_is_made_shown_listed_and_told_to_nodes(api: AdminAPI, world: World) -> None:
    issuer = world.issuer()
    claims = {"partner": "{partner.name}", "level": 3}
    live = {**TARGET, "timeouts": {"total_ms": 5000}, "credential": {**CREDENTIAL, "claims": claims}}
    made = api.post("/backends", {"name": "insignia", "environments": {"live": live}})
    assert made.status == 201
    timeouts = {"connect_ms": 2000, "first_byte_ms": 30000, "idle_ms": 30000, "total_ms": 5000}
    credential = {**CREDENTIAL, "issuer": issuer["id"], "algorithm": "ES256", "life_seconds": 120, "claims": claims}
    environments = {"live": {**TARGET, "timeouts": timeouts, "credential": credential}}
    assert made.body["environments"] == environments
    assert api.get(f"/backends/{made.body['id']}").body == made.body
    assert api.every("/backends", {"name": "insignia"}) == [made.body]
    told = resource("backend", made.body["id"])
    assert told is not None
    assert told["requires"] == ["backend.http1.1", "credential.mint-es256.1"]
    assert told["body"] == {"name": "insignia", "environments": environments}


def test_targets_have_one_spelling(world: World) -> None:
    targets = ["http://Backend.Example", "http://backend.example:80/"]
    environments = {"test": {"targets": targets, "credential": {"kind": "none"}}}
    assert world.backend(environments=environments)["environments"]["test"]["targets"] == ["http://backend.example:80"]


def test_tls_to_a_backend_is_told_to_nodes_that_know_it(world: World) -> None:
    rules: dict[str, Any] = {
        "ca": Identity.authority().pem,
        "server_name": "Inner.example",
        "pins_sha256": [],
        "crl": None,
    }
    live = {"targets": ["https://backend.example"], "credential": {"kind": "none"}, "tls": rules}
    made = world.backend(environments={"live": live})
    told = resource("backend", made["id"])
    assert told is not None
    assert told["requires"] == ["backend.http1.1", "backend.tls.1", "credential.none.1"]
    assert told["body"]["environments"]["live"]["targets"] == ["https://backend.example:443"]
    assert told["body"]["environments"]["live"]["tls"] == {**rules, "server_name": "inner.example"}


def test_how_targets_are_called_is_told_to_nodes_that_know_it(api: AdminAPI, world: World) -> None:
    forwarding: dict[str, Any] = {
        "weights": [3, 1],
        "balance": "least_in_flight",
        "http2": "prior_knowledge",
        "pool": {"connections": 8},
        "ejection": None,
        "check": {"path": "/health"},
        "breaker": {"open_ms": 10},
        "retry": {"attempts": 1},
        "dns": {"most_ttl_seconds": 5},
    }
    live = {
        "targets": ["http://127.0.0.1:8000", "unix:/run/app/web.sock"],
        "credential": {"kind": "none"},
        "forwarding": forwarding,
    }
    made = world.backend(environments={"live": live})
    told = resource("backend", made["id"])
    assert told is not None
    assert told["requires"] == [
        "backend.forwarding.1",
        "backend.http1.1",
        "backend.http2.1",
        "backend.unix.1",
        "credential.none.1",
    ]
    expected = {
        "weights": [3, 1],
        "balance": "least_in_flight",
        "http2": "prior_knowledge",
        "pool": {"connections": 8, "waiting": 100, "wait_ms": 1000, "idle_ms": 1500},
        "ejection": None,
        "check": {"path": "/health", "interval_ms": 5000, "timeout_ms": 1000, "healthy": 2, "unhealthy": 3},
        "breaker": {"failure_percent": 50, "least_calls": 20, "window_ms": 10000, "open_ms": 10},
        "retry": {"attempts": 1, "budget_percent": 20, "least_per_second": 3},
        "dns": {"most_ttl_seconds": 5},
    }
    assert told["body"]["environments"]["live"]["forwarding"] == expected
    assert api.get(f"/backends/{made['id']}").body["environments"]["live"]["forwarding"] == expected


@pytest.mark.parametrize("nothing", [None, {}, {"balance": "round_robin", "retry": {"attempts": 3}}])
def test_what_is_as_usual_is_not_told(world: World, nothing: dict[str, Any] | None) -> None:
    live = {**TARGET, "credential": {"kind": "none"}, "forwarding": nothing}
    made = world.backend(environments={"live": live})
    told = resource("backend", made["id"])
    assert told is not None
    assert told["requires"] == ["backend.http1.1", "credential.none.1"]
    assert "forwarding" not in told["body"]["environments"]["live"]


def _edges() -> list[tuple[str, str, int]]:
    """The first and the last number that each member may be, by the domain's table."""
    return [
        (policy, member, edge)
        for policy, members in BOUNDS.items()
        for member, bounds in members.items()
        for edge in (bounds.start, bounds.stop - 1)
    ]


@pytest.mark.parametrize(("policy", "member", "edge"), _edges())
def test_what_the_api_takes_nodes_take_too(world: World, policy: str, member: str, edge: int) -> None:
    given: dict[str, Any] = {member: edge} | ({"path": "/"} if policy == "check" else {})
    if policy == "ejection":
        # The longest is never shorter than the first.
        given = {"first_ms": 1, "most_ms": 3_600_000} | given
    live = {**TARGET, "credential": {"kind": "none"}, "forwarding": {policy: given}}
    # The data plane's own code checks it before it is committed.
    assert world.backend(environments={"live": live})["environments"]["live"]["targets"] == TARGET["targets"]


@pytest.mark.parametrize(
    ("forwarding", "where"),
    [
        ({"weights": [1, 2]}, "/weights"),
        ({"weights": [0]}, "/weights/0"),
        ({"ejection": {"first_ms": 1000, "most_ms": 999}}, "/ejection/most_ms"),
        ({"check": {}}, "/check/path"),
        ({"check": {"path": "health"}}, "/check/path"),
        ({"http2": "alpn"}, "/http2"),
        ({"http2": "h2c"}, "/http2"),
        ({"pool": {"connections": 0}}, "/pool/connections"),
    ],
)
def test_what_can_not_work_is_refused_with_its_place(api: AdminAPI, forwarding: dict[str, Any], where: str) -> None:
    live = {**TARGET, "credential": {"kind": "none"}, "forwarding": forwarding}
    answer = api.post("/backends", {"name": "insignia", "environments": {"live": live}})
    assert pointers(answer) == {f"/environments/live/forwarding{where}"}


def test_changing_the_environments_replaces_them(api: AdminAPI, world: World) -> None:
    backend = world.backend()
    test = {**TARGET, "credential": {"kind": "none"}}
    changed = api.patch(f"/backends/{backend['id']}", {"environments": {"test": test}})
    assert (changed.status, set(changed.body["environments"]), changed.body["name"]) == (200, {"test"}, backend["name"])
    assert set(body_of("backend", backend["id"])["environments"]) == {"test"}
    renamed = api.patch(f"/backends/{backend['id']}", {"name": "renamed"}).body
    assert renamed == {**changed.body, "name": "renamed"}


def test_a_name_belongs_to_one_backend(api: AdminAPI, world: World) -> None:
    first, second = world.backend(), world.backend()
    body = {"name": first["name"], "environments": {"live": {**TARGET, "credential": {"kind": "none"}}}}
    assert refusal(api.post("/backends", body)) == (409, "name_taken")
    assert refusal(api.patch(f"/backends/{second['id']}", {"name": first["name"]})) == (409, "name_taken")


def test_a_backend_goes_when_no_route_leads_to_it(api: AdminAPI, world: World) -> None:
    backend = world.backend()
    route = world.route(backend=backend)
    assert refusal(api.delete(f"/backends/{backend['id']}")) == (409, "in_use")
    assert api.delete(f"/routes/{route['id']}").status == 204
    assert api.delete(f"/backends/{backend['id']}").status == 204
    assert resource("backend", backend["id"]) is None


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_nobody_can_be_neither_shown_nor_changed(api: AdminAPI, method: str) -> None:
    arguments: list[dict[str, str]] = [{}] if method == "patch" else []
    assert refusal(getattr(api, method)(f"/backends/{NOBODY}", *arguments)) == (404, "backend_unknown")


@pytest.mark.parametrize(
    ("environments", "where", "code"),
    [
        ({}, "/environments", "invalid"),
        ({"live": {"credential": {"kind": "none"}}}, "/environments/live/targets", "invalid"),
        ({"live": {"targets": [], "credential": {"kind": "none"}}}, "/environments/live/targets", "invalid"),
        (
            {"live": {"targets": ["ftp://x"], "credential": {"kind": "none"}}},
            "/environments/live/targets",
            "invalid",
        ),
        (
            {"live": {"targets": ["http://user:pw@x"], "credential": {"kind": "none"}}},
            "/environments/live/targets",
            "invalid",
        ),
        ({"live": {**TARGET, "credential": {"kind": "mint"}}}, "/environments/live/credential", "invalid"),
        ({"live": {**TARGET, "credential": CREDENTIAL}}, "/environments/live/credential/issuer", "issuer_unknown"),
        (
            {"test": {**TARGET, "credential": {**CREDENTIAL, "issuer": NOBODY}}},
            "/environments/test/credential/issuer",
            "issuer_unknown",
        ),
        (
            {"live": {**TARGET, "credential": {**CREDENTIAL, "claims": {"iss": "me"}}}},
            "/environments/live/credential/claims",
            "invalid",
        ),
        (
            {"live": {**TARGET, "credential": {**CREDENTIAL, "claims": {"x": "a\x00b"}}}},
            "/environments/live/credential/claims",
            "invalid",
        ),
        (
            {"live": {"targets": ["http://169.254.169.254"], "credential": CREDENTIAL}},
            "/environments/live/targets",
            "invalid",
        ),
        (
            {"live": {**TARGET, "credential": {**CREDENTIAL, "claims": {"x": "{partner.secret}"}}}},
            "/environments/live/credential/claims",
            "invalid",
        ),
        (
            {"live": {**TARGET, "credential": {**CREDENTIAL, "life_seconds": "300"}}},
            "/environments/live/credential/life_seconds",
            "invalid",
        ),
        (
            {"live": {**TARGET, "timeouts": {"total_ms": 0}, "credential": {"kind": "none"}}},
            "/environments/live/timeouts/total_ms",
            "invalid",
        ),
        ({"staging": {**TARGET, "credential": {"kind": "none"}}}, "/environments/staging", "invalid"),
    ],
)
def test_every_wrong_place_is_named(api: AdminAPI, environments: dict[str, Any], where: str, code: str) -> None:
    refused = api.post("/backends", {"name": "insignia", "environments": environments})
    assert refusal(refused) == (422, code)
    assert where in pointers(refused)
    assert api.every("/backends") == []
