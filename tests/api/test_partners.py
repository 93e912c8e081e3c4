"""Partners."""

from __future__ import annotations

from typing import Any

import pytest
from support.admin import AdminAPI
from support.world import NOBODY, World, body_of, lane, pointers, refusal, resource

pytestmark = pytest.mark.usefixtures("database")


def test_a_partner_is_made_shown_listed_and_told_to_nodes(api: AdminAPI) -> None:
    made = api.post("/partners", {"name": "acme-freight", "metadata": {"tier": "gold", "seats": 7, "beta": True}})
    assert made.status == 201
    assert made.body["status"] == "active"
    path = f"/partners/{made.body['id']}"
    assert api.get(path).body == made.body
    assert api.get("/partners", {"name": "acme-freight"}).body == {"items": [made.body], "next_cursor": None}
    assert api.get("/partners", {"name": "acme"}).body["items"] == []
    assert body_of("partner", made.body["id"]) == {
        "name": "acme-freight",
        "status": "active",
        "metadata": {"tier": "gold", "seats": 7, "beta": True},
    }


def test_what_is_not_given_stays(api: AdminAPI, world: World) -> None:
    partner = world.partner(metadata={"tier": "gold"})
    renamed = api.patch(f"/partners/{partner['id']}", {"name": "other"})
    assert (renamed.status, renamed.body) == (200, {**partner, "name": "other"})
    assert body_of("partner", partner["id"])["name"] == "other"
    cleared = api.patch(f"/partners/{partner['id']}", {"metadata": {}})
    assert cleared.body == {**partner, "name": "other", "metadata": {}}
    assert api.patch(f"/partners/{partner['id']}", {"name": "other"}).status == 200


def test_a_name_belongs_to_one_partner(api: AdminAPI, world: World) -> None:
    first, second = world.partner(), world.partner()
    assert refusal(api.post("/partners", {"name": first["name"]})) == (409, "name_taken")
    assert refusal(api.patch(f"/partners/{second['id']}", {"name": first["name"]})) == (409, "name_taken")


def test_suspending_and_resuming_reach_nodes_through_both_ways(api: AdminAPI, world: World) -> None:
    partner = world.partner()
    suspended = api.post(f"/partners/{partner['id']}/suspend")
    assert (suspended.status, suspended.body["status"]) == (200, "suspended")
    assert body_of("partner", partner["id"])["status"] == "suspended"
    assert lane() == [("suspend_partner", partner["id"])]
    resumed = api.post(f"/partners/{partner['id']}/resume")
    assert (resumed.status, resumed.body["status"]) == (200, "active")
    assert body_of("partner", partner["id"])["status"] == "active"
    assert lane() == [("suspend_partner", partner["id"]), ("resume_partner", partner["id"])]


def test_suspending_again_says_nothing_new_to_nodes(api: AdminAPI, world: World) -> None:
    partner = world.partner()
    for _ in range(2):
        assert api.post(f"/partners/{partner['id']}/suspend").status == 200
    assert lane() == [("suspend_partner", partner["id"])]


def test_a_partner_goes_when_nothing_depends_on_it(api: AdminAPI, world: World) -> None:
    partner = world.partner()
    application = world.application(partner)
    assert refusal(api.delete(f"/partners/{partner['id']}")) == (409, "in_use")
    assert api.delete(f"/applications/{application['id']}").status == 204
    assert api.delete(f"/partners/{partner['id']}").status == 204
    assert resource("partner", partner["id"]) is None
    assert refusal(api.get(f"/partners/{partner['id']}")) == (404, "partner_unknown")


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", ""), ("patch", ""), ("delete", ""), ("post", "/suspend"), ("post", "/resume")],
)
def test_nobody_can_be_neither_shown_nor_changed(api: AdminAPI, method: str, path: str) -> None:
    arguments: list[dict[str, str]] = [{}] if method == "patch" else []
    answer = getattr(api, method)(f"/partners/{NOBODY}{path}", *arguments)
    assert refusal(answer) == (404, "partner_unknown")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, {"/name"}),
        ({"name": "Upper"}, {"/name"}),
        ({"name": "a" * 64}, {"/name"}),
        ({"name": "line\n"}, {"/name"}),
        ({"name": None}, {"/name"}),
        ({"name": "good", "colour": "red"}, {"/colour"}),
        ({"name": "good", "metadata": {"a b": 1}}, {"/metadata"}),
        ({"name": "good", "metadata": {"n": 2**53 + 1}}, {"/metadata"}),
        ({"name": "good", "metadata": {"n": "\x00"}}, {"/metadata"}),
        ({"name": "good", "metadata": {"n": "a\ud800"}}, {"/metadata"}),
        ({"name": "good", "metadata": {"n": "\udfff\ud800"}}, {"/metadata"}),
        ({"name": "Bad", "metadata": 3}, {"/name", "/metadata"}),
        ([], {""}),
    ],
)
def test_every_wrong_place_is_named(api: AdminAPI, body: Any, where: set[str]) -> None:
    refused = api.post("/partners", body)
    assert refusal(refused) == (422, "invalid")
    # Below /metadata, pydantic tells the member too.
    assert {
        pointer if pointer in where else pointer[: pointer.rfind("/")] for pointer in pointers(refused)
    } <= where | {"/metadata"}
    assert api.get("/partners").body["items"] == []


def test_a_list_can_be_read_to_its_end_while_partners_are_made(api: AdminAPI, world: World) -> None:
    before = [world.partner()["id"] for _ in range(5)]
    page = api.get("/partners", {"limit": 2}).body
    seen = [item["id"] for item in page["items"]]
    while page["next_cursor"]:
        world.partner()
        page = api.get("/partners", {"limit": 2, "cursor": page["next_cursor"]}).body
        seen += [item["id"] for item in page["items"]]
        if len(seen) > 20:
            break
    assert seen[:5] == before
    assert len(seen) == len(set(seen))


def test_a_partner_that_goes_takes_nobody_with_it_from_a_list(api: AdminAPI, world: World) -> None:
    made = [world.partner() for _ in range(4)]
    page = api.get("/partners", {"limit": 2}).body
    assert api.delete(f"/partners/{made[1]['id']}").status == 204
    rest = api.get("/partners", {"cursor": page["next_cursor"]}).body["items"]
    assert [item["id"] for item in rest] == [one["id"] for one in made[2:]]
