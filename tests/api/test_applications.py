"""Applications."""

from __future__ import annotations

from typing import Any

import pytest
from support.admin import AdminAPI
from support.world import NOBODY, World, body_of, lane, pointers, refusal, resource

pytestmark = pytest.mark.usefixtures("database")


def test_an_application_is_made_shown_listed_and_told_to_nodes(api: AdminAPI, world: World) -> None:
    partner, plan = world.partner(), world.plan()
    body = {
        "partner": partner["id"],
        "name": "orders",
        "environment": "test",
        "plan": plan["id"],
        "metadata": {"team": "x"},
    }
    made = api.post("/applications", body)
    assert (made.status, made.body) == (201, {**made.body, **body, "status": "active"})
    assert api.get(f"/applications/{made.body['id']}").body == made.body
    assert body_of("application", made.body["id"]) == {**body, "status": "active"}


def test_a_list_narrows_by_partner_and_name(api: AdminAPI, world: World) -> None:
    partner = world.partner()
    mine = [world.application(partner)["id"] for _ in range(2)]
    other = world.application()
    assert [item["id"] for item in api.every("/applications", {"partner": partner["id"]})] == mine
    assert [item["id"] for item in api.every("/applications", {"name": other["name"]})] == [other["id"]]
    assert api.every("/applications", {"partner": NOBODY}) == []


def test_changes_reach_nodes_and_leave_the_rest(api: AdminAPI, world: World) -> None:
    application, plan = world.application(metadata={"a": 1}), world.plan()
    changed = api.patch(f"/applications/{application['id']}", {"plan": plan["id"], "name": "renamed"})
    assert changed.body == {**application, "plan": plan["id"], "name": "renamed"}
    body = body_of("application", application["id"])
    assert (body["plan"], body["name"], body["metadata"]) == (plan["id"], "renamed", {"a": 1})


def test_a_name_is_unique_within_its_partner_only(api: AdminAPI, world: World) -> None:
    partner, other = world.partner(), world.partner()
    first = world.application(partner, name="orders")
    world.application(other, name="orders")
    body = {"partner": partner["id"], "name": "orders", "environment": "live"}
    assert refusal(api.post("/applications", body)) == (409, "name_taken")
    second = world.application(partner)
    assert refusal(api.patch(f"/applications/{second['id']}", {"name": first["name"]})) == (409, "name_taken")


def test_suspension_goes_through_the_lane(api: AdminAPI, world: World) -> None:
    application = world.application()
    path = f"/applications/{application['id']}"
    for _ in range(2):
        assert api.post(f"{path}/suspend").body["status"] == "suspended"
    assert body_of("application", application["id"])["status"] == "suspended"
    assert api.post(f"{path}/resume").body["status"] == "active"
    assert body_of("application", application["id"])["status"] == "active"
    assert lane() == [("suspend_application", application["id"]), ("resume_application", application["id"])]


def test_an_application_that_had_a_key_stays_on_record(api: AdminAPI, world: World) -> None:
    application = world.application()
    key = world.key(application)
    assert api.post(f"/keys/{key['kid']}/revoke").status == 200
    refused = api.delete(f"/applications/{application['id']}")
    assert refusal(refused) == (409, "in_use")
    assert "suspend" in refused.body["remedy"]


def test_an_application_without_keys_goes(api: AdminAPI, world: World) -> None:
    application = world.application()
    assert api.delete(f"/applications/{application['id']}").status == 204
    assert resource("application", application["id"]) is None
    assert refusal(api.get(f"/applications/{application['id']}")) == (404, "application_unknown")


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", ""), ("patch", ""), ("delete", ""), ("post", "/suspend"), ("post", "/resume"), ("post", "/keys")],
)
def test_nobody_can_be_neither_shown_nor_changed(api: AdminAPI, method: str, path: str) -> None:
    arguments: list[dict[str, str]] = [{}] if method == "patch" else []
    answer = getattr(api, method)(f"/applications/{NOBODY}{path}", *arguments)
    assert refusal(answer) == (404, "application_unknown")


@pytest.mark.parametrize(
    ("change", "where", "code"),
    [
        ({"partner": NOBODY}, {"/partner"}, "partner_unknown"),
        ({"plan": NOBODY}, {"/plan"}, "plan_unknown"),
        ({"environment": "staging"}, {"/environment"}, "invalid"),
        ({"partner": "acme"}, {"/partner"}, "invalid"),
        ({"name": "-x"}, {"/name"}, "invalid"),
        ({"status": "suspended"}, {"/status"}, "invalid"),
    ],
)
def test_every_wrong_place_is_named(
    api: AdminAPI, world: World, change: dict[str, Any], where: set[str], code: str
) -> None:
    body = {"partner": world.partner()["id"], "name": "orders", "environment": "live", **change}
    refused = api.post("/applications", body)
    assert (refusal(refused), pointers(refused)) == ((422, code), where)
    assert api.every("/applications") == []


def test_a_plan_that_there_is_not_changes_nothing(api: AdminAPI, world: World) -> None:
    application = world.application()
    refused = api.patch(f"/applications/{application['id']}", {"name": "renamed", "plan": NOBODY})
    assert (refusal(refused), pointers(refused)) == ((422, "plan_unknown"), {"/plan"})
    assert api.get(f"/applications/{application['id']}").body == application
