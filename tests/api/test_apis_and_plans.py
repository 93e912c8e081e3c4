"""APIs, and the plans that open them."""

from __future__ import annotations

from typing import Any

import pytest
from support.admin import AdminAPI
from support.world import NOBODY, World, body_of, pointers, refusal, resource

pytestmark = pytest.mark.usefixtures("database")


def test_an_api_is_made_shown_and_listed(api: AdminAPI) -> None:
    made = api.post("/apis", {"name": "credentials"})
    assert made.status == 201
    assert api.get(f"/apis/{made.body['id']}").body == made.body
    assert api.every("/apis", {"name": "credentials"}) == [made.body]
    assert refusal(api.post("/apis", {"name": "credentials"})) == (409, "name_taken")
    assert pointers(api.post("/apis", {"name": "No Name"})) == {"/name"}


def test_an_api_goes_when_it_has_no_route_and_no_plan_opens_it(api: AdminAPI, world: World) -> None:
    an_api = world.an_api()
    route, plan = world.route(an_api), world.plan(apis=[an_api["id"]])
    path = f"/apis/{an_api['id']}"
    assert refusal(api.delete(path)) == (409, "in_use")
    assert api.delete(f"/routes/{route['id']}").status == 204
    assert refusal(api.delete(path)) == (409, "in_use")
    assert api.delete(f"/plans/{plan['id']}").status == 204
    assert api.delete(path).status == 204
    assert refusal(api.get(path)) == (404, "api_unknown")
    assert refusal(api.delete(path)) == (404, "api_unknown")


def test_a_plan_is_made_shown_listed_and_told_to_nodes(api: AdminAPI, world: World) -> None:
    apis = sorted(world.an_api()["id"] for _ in range(2))
    throttle = {"name": "burst", "quota": 10, "window_seconds": 1, "burst": 5}
    body = {"name": "basic", "apis": apis, "scopes": ["read"], "throttles": [throttle], "rates": ["60/min"]}
    made = api.post("/plans", body)
    assert made.status == 201
    throttles = [throttle, {"name": "per-minute", "quota": 60, "window_seconds": 60, "burst": None}]
    assert made.body == {**made.body, "name": "basic", "apis": apis, "scopes": ["read"], "throttles": throttles}
    assert api.get(f"/plans/{made.body['id']}").body == made.body
    assert api.every("/plans", {"name": "basic"}) == [made.body]
    assert body_of("plan", made.body["id"]) == {
        "name": "basic",
        "apis": apis,
        "scopes": ["read"],
        "throttles": [{**one, "per": "key"} for one in throttles],
    }


def test_new_terms_replace_all_of_the_old(api: AdminAPI, world: World) -> None:
    plan = world.plan(apis=[world.an_api()["id"]], scopes=["read"], rates=["60/min"])
    replaced = api.put(f"/plans/{plan['id']}", {"name": "renamed"})
    assert replaced.body == {**plan, "name": "renamed", "apis": [], "scopes": None, "throttles": []}
    assert body_of("plan", plan["id"]) == {"name": "renamed", "apis": [], "scopes": None, "throttles": []}


def test_a_plan_goes_when_no_application_is_on_it(api: AdminAPI, world: World) -> None:
    plan = world.plan()
    application = world.application(plan=plan["id"])
    assert refusal(api.delete(f"/plans/{plan['id']}")) == (409, "in_use")
    assert api.delete(f"/applications/{application['id']}").status == 204
    assert api.delete(f"/plans/{plan['id']}").status == 204
    assert resource("plan", plan["id"]) is None


def test_a_plans_name_is_its_own(api: AdminAPI, world: World) -> None:
    first, second = world.plan(), world.plan()
    assert refusal(api.post("/plans", {"name": first["name"]})) == (409, "name_taken")
    assert refusal(api.put(f"/plans/{second['id']}", {"name": first["name"]})) == (409, "name_taken")
    assert api.put(f"/plans/{second['id']}", {"name": second["name"]}).status == 200


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_no_plan_can_be_neither_shown_nor_changed(api: AdminAPI, method: str) -> None:
    arguments: list[dict[str, str]] = [{"name": "x"}] if method == "put" else []
    assert refusal(getattr(api, method)(f"/plans/{NOBODY}", *arguments)) == (404, "plan_unknown")


@pytest.mark.parametrize(
    ("terms", "where", "code"),
    [
        ({"apis": [NOBODY]}, "/apis", "api_unknown"),
        ({"apis": ["credentials"]}, "/apis/0", "invalid"),
        ({"rates": ["60/month"]}, "", "invalid"),
        ({"rates": ["60/min", "30/min"]}, "", "invalid"),
        ({"throttles": [{"name": "x", "quota": 0, "window_seconds": 1}]}, "/throttles/0/quota", "invalid"),
        ({"throttles": [{"name": "x", "quota": "5", "window_seconds": 1}]}, "/throttles/0/quota", "invalid"),
        ({"throttles": [{"name": "x", "quota": 5, "window_seconds": 1, "burst": 6}]}, "", "invalid"),
        ({"scopes": [""]}, "/scopes/0", "invalid"),
        ({"price": 1}, "/price", "invalid"),
    ],
)
def test_every_wrong_place_is_named(api: AdminAPI, terms: dict[str, Any], where: str, code: str) -> None:
    refused = api.post("/plans", {"name": "basic", **terms})
    assert (refusal(refused), pointers(refused)) == ((422, code), {where})
    assert api.every("/plans") == []
