"""Routes that are made one by one. Those of an OpenAPI document: test_import.py."""

from __future__ import annotations

from typing import Any

import pytest
from support.admin import AdminAPI
from support.world import NOBODY, World, body_of, pointers, refusal, resource

pytestmark = pytest.mark.usefixtures("database")


def test_a_route_is_made_shown_listed_and_told_to_nodes(api: AdminAPI, world: World) -> None:
    an_api, backend = world.an_api(), world.backend()
    body = {
        "name": "badges-list",
        "backend": backend["id"],
        "hosts": ["Api.Example"],
        "method": "GET",
        "path": "/v1/badges",
        "backend_path": "/api/badges/",
        "scopes": ["badges:read"],
        "passthrough": True,
        "query": ["page"],
        "request_headers": ["X-Tenant"],
    }
    made = api.post(f"/apis/{an_api['id']}/routes", body)
    assert made.status == 201
    terms = {
        **body,
        "hosts": ["api.example"],
        "request_headers": ["x-tenant"],
        "response_headers": [],
        "backend_method": "GET",
        "environments": ["live", "test"],
        "max_request_bytes": 10 * 1024**2,
        "max_response_bytes": None,
    }
    assert made.body == {**made.body, **terms, "api": an_api["id"]}
    assert api.get(f"/routes/{made.body['id']}").body == made.body
    assert api.every("/routes", {"api": an_api["id"], "name": "badges-list"}) == [made.body]
    assert api.every("/routes", {"api": NOBODY}) == []
    told = resource("route", made.body["id"])
    assert told is not None
    assert told["requires"] == ["route.passthrough.1", "route.hosts.1"]
    assert told["body"] == {**terms, "api": an_api["id"], "api_name": an_api["name"]}


def test_upgrades_repeats_and_times_are_told_to_nodes_that_know_them(api: AdminAPI, world: World) -> None:
    socket = world.route(upgrades=["websocket"], timeouts={"total_ms": None, "idle_ms": 60_000})
    told = resource("route", socket["id"])
    assert told is not None
    assert told["requires"] == ["route.passthrough.1", "route.upgrade.1", "route.timeouts.1"]
    assert (told["body"]["upgrades"], told["body"]["timeouts"]) == (
        ["websocket"],
        {"total_ms": None, "idle_ms": 60_000},
    )
    assert api.get(f"/routes/{socket['id']}").body["timeouts"] == {"total_ms": None, "idle_ms": 60_000}
    order = world.route(method="POST", idempotency_key=True)
    told = resource("route", order["id"])
    assert told is not None
    assert (told["requires"], told["body"]["idempotency_key"]) == (
        ["route.passthrough.1", "route.idempotency-key.1"],
        True,
    )
    plain = api.patch(f"/routes/{order['id']}", {"idempotency_key": False}).body
    assert plain["idempotency_key"] is False
    assert "idempotency_key" not in body_of("route", order["id"])


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({"upgrades": ["h2c"]}, "/upgrades/0"),
        ({"upgrades": ["websocket"], "method": "POST"}, "/upgrades"),
        ({"idempotency_key": True}, "/idempotency_key"),
        ({"timeouts": {"idle_ms": 0}}, "/timeouts/idle_ms"),
        ({"timeouts": {"first_byte_ms": None}}, "/timeouts/first_byte_ms"),
    ],
)
def test_what_a_route_can_not_promise_is_refused(
    api: AdminAPI, world: World, members: dict[str, Any], where: str
) -> None:
    route = {
        "name": "odd",
        "backend": world.backend()["id"],
        "method": "GET",
        "path": "/v1/odd",
        "backend_path": "/odd",
    }
    answer = api.post(f"/apis/{world.an_api()['id']}/routes", {**route, "passthrough": True, **members})
    assert pointers(answer) == {where}


def test_what_is_absent_stays_and_null_counts(api: AdminAPI, world: World) -> None:
    route = world.route(hosts=["api.example"], max_response_bytes=10)
    changed = api.patch(f"/routes/{route['id']}", {"hosts": None, "path": "/v1/other/{id}"})
    assert changed.body == {**route, "hosts": None, "path": "/v1/other/{id}"}
    assert body_of("route", route["id"])["hosts"] is None


def test_a_place_belongs_to_one_route(api: AdminAPI, world: World) -> None:
    an_api = world.an_api()
    first = world.route(an_api, path="/v1/things/{id}")
    second = world.route(an_api)
    # The parameters' names don't tell two paths apart; another API doesn't either: nodes know hosts only.
    same = {**_terms(world), "path": "/v1/things/{thing}", "backend_path": "/api/"}
    refused = api.post(f"/apis/{world.an_api()['id']}/routes", same)
    assert refusal(refused) == (409, "route_taken")
    assert first["name"] in refused.body["detail"]
    moved = {"path": "/v1/things/{thing}", "backend_path": "/api/{thing}"}
    assert refusal(api.patch(f"/routes/{second['id']}", moved)) == (409, "route_taken")
    assert api.get(f"/routes/{second['id']}").body == second
    world.route(an_api, path="/v1/things/{id}", hosts=["other.example"])
    world.route(an_api, path="/v1/things/{id}", method="POST")


def test_a_place_is_free_again_when_its_route_is_gone(api: AdminAPI, world: World) -> None:
    route = world.route(path="/v1/things/{id}")
    assert api.delete(f"/routes/{route['id']}").status == 204
    assert resource("route", route["id"]) is None
    assert refusal(api.get(f"/routes/{route['id']}")) == (404, "route_unknown")
    world.route(path="/v1/things/{id}")


def test_a_name_is_unique_within_its_api(api: AdminAPI, world: World) -> None:
    an_api = world.an_api()
    first, second = world.route(an_api), world.route(an_api)
    terms = {**_terms(world), "name": first["name"]}
    assert refusal(api.post(f"/apis/{an_api['id']}/routes", terms)) == (409, "name_taken")
    assert refusal(api.patch(f"/routes/{second['id']}", {"name": first["name"]})) == (409, "name_taken")
    assert api.post(f"/apis/{world.an_api()['id']}/routes", terms).status == 201


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_no_route_can_be_neither_shown_nor_changed(api: AdminAPI, method: str) -> None:
    arguments: list[dict[str, str]] = [{}] if method == "patch" else []
    assert refusal(getattr(api, method)(f"/routes/{NOBODY}", *arguments)) == (404, "route_unknown")


def test_an_api_that_there_is_not_gets_no_route(api: AdminAPI, world: World) -> None:
    assert refusal(api.post(f"/apis/{NOBODY}/routes", _terms(world))) == (404, "api_unknown")


@pytest.mark.parametrize(
    ("change", "where", "code"),
    [
        ({"backend": NOBODY}, "/backend", "backend_unknown"),
        ({"passthrough": "no"}, "/passthrough", "invalid"),
        ({"passthrough": False, "upgrades": ["websocket"]}, "/upgrades", "invalid"),
        ({"path": "v1/things"}, "/path", "invalid"),
        ({"path": "/v1/../things"}, "/path", "path_invalid"),
        ({"path": "/v1/%2Fthings"}, "/path", "path_invalid"),
        ({"path": "/.well-known/x"}, "/path", "path_invalid"),
        ({"backend_path": "/api/{unknown}"}, "/backend_path", "path_invalid"),
        ({"hosts": []}, "/hosts", "invalid"),
        ({"hosts": ["*.example"]}, "/hosts", "invalid"),
        ({"hosts": ["api.example:443"]}, "/hosts", "invalid"),
        ({"method": "CONNECT"}, "/method", "invalid"),
        ({"request_headers": ["Authorization"]}, "/request_headers", "invalid"),
        ({"response_headers": ["Transfer-Encoding"]}, "/response_headers", "invalid"),
        ({"environments": []}, "/environments", "invalid"),
        ({"max_request_bytes": -1}, "/max_request_bytes", "invalid"),
        ({"max_request_bytes": True}, "/max_request_bytes", "invalid"),
        ({"contract": {}}, "/contract", "invalid"),
    ],
)
def test_every_wrong_place_is_named(api: AdminAPI, world: World, change: dict[str, Any], where: str, code: str) -> None:
    refused = api.post(f"/apis/{world.an_api()['id']}/routes", {**_terms(world), **change})
    assert (refusal(refused), pointers(refused)) == ((422, code), {where})
    assert api.every("/routes") == []


@pytest.mark.parametrize(("change", "where"), [({"path": None}, "/path"), ({"method": None}, "/method")])
def test_a_change_cannot_take_away_what_a_route_needs(
    api: AdminAPI, world: World, change: dict[str, Any], where: str
) -> None:
    assert pointers(api.patch(f"/routes/{world.route()['id']}", change)) == {where}


def _terms(world: World) -> dict[str, Any]:
    return {
        "name": "things",
        "backend": world.backend()["id"],
        "method": "GET",
        "path": "/v1/things",
        "backend_path": "/api/things/",
        "passthrough": True,
    }
