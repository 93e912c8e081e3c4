"""Who is served by a version: by what leads to it, and by the calls that it would serve."""

from __future__ import annotations

import json

import pytest
from support.admin import AdminAPI
from support.named_records import collect_named
from support.segments import API, APPLICATION, BACKEND, PARTNER, ROUTE

from portazgo.contracts.models import ToldFields
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.usage.told import add_told

pytestmark = pytest.mark.usefixtures("database")

THING = {"type": "object", "required": ["id", "secret"], "properties": {"id": {"type": "integer"}, "secret": {}}}
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Things", "version": "1"},
    "paths": {
        "/api/things/": {
            "get": {
                "operationId": "listThings",
                "responses": {"200": {"description": "All.", "content": {"application/json": {"schema": THING}}}},
            }
        }
    },
}


def published(api: AdminAPI, name: str) -> str:
    """Publish a contract over the route that was called. Returns the path of its version."""
    schema = api.post("/schemas", {"name": "things", "backend": BACKEND, "document": json.dumps(DOCUMENT)}).body
    routes = {"things-list": {"answers": {"200": [{"select": ["id"]}]}}}
    made = api.post("/contracts", {"name": name, "api": API, "schema": schema["id"], "routes": routes})
    assert made.status == 201, made
    version = api.post(f"/contracts/{made.body['id']}/publish", {}).body
    return f"/contracts/{made.body['id']}/versions/{version['name']}"


def served(api: AdminAPI, version: str) -> list[tuple[str, str, str]]:
    calls = api.get(f"{version}/users").body["calls"]
    assert all(one["calls"] > 0 for one in calls)
    return [(one["partner"], one["name"], one["route"]) for one in calls]


def test_calls_count_for_the_version_that_serves_them_now(api: AdminAPI) -> None:
    collect_named()
    basic, wide = published(api, "basic"), published(api, "wide")
    # The route passes bodies through: no version serves it.
    assert served(api, basic) == served(api, wide) == []
    assert api.post(f"{basic}/default").status == 200
    assert (served(api, basic), served(api, wide)) == ([("acme", "orders", "things-list")], [])
    assert api.get(f"{basic}/users").body["routes"] == ["things-list"]
    # The nearest pin wins: the partner's over the default, the application's over the partner's.
    assert api.post(f"{wide}/pin", {"partner": PARTNER}).status == 200
    assert (served(api, basic), served(api, wide)) == ([], [("acme", "orders", "things-list")])
    assert api.post(f"{basic}/pin", {"application": APPLICATION}).status == 200
    assert (served(api, basic), served(api, wide)) == ([("acme", "orders", "things-list")], [])
    for version, holder in ((wide, {"partner": PARTNER}), (basic, {"application": APPLICATION})):
        assert api.post(f"{version.rpartition('/versions/')[0]}/unpin", holder).status == 204
    assert api.patch(f"/routes/{ROUTE}", {"passthrough": True}).status == 200
    assert served(api, basic) == []


def test_answers_are_told_by_the_version_that_gave_them(api: AdminAPI) -> None:
    collect_named()
    basic, wide = published(api, "basic"), published(api, "wide")
    number = ToldFields.objects.get(contract="wide").number
    now_us = int(SYSTEM_CLOCK.now().timestamp() * 1_000_000)
    row = {"partner": PARTNER, "application": APPLICATION, "route": ROUTE, "contract_version": number}
    row |= {"fields_selected": False}
    long_ago_us = now_us - 63 * 86_400 * 1_000_000
    for status, answers, day_us in ((200, 5, now_us), (404, 2, now_us), (200, 9, long_ago_us)):
        add_told([{**row, "backend_status": status, "answers": answers, "day_us": day_us}])
    (answered,) = api.get(f"{wide}/users").body["answered"]
    assert answered == {
        "application": APPLICATION,
        "name": "orders",
        "partner": "acme",
        "route": "things-list",
        "month": SYSTEM_CLOCK.now().strftime("%Y-%m"),
        "answers": 7,
    }
    # Whom it would serve today is another question: nobody, since the route passes bodies through.
    assert api.get(f"{wide}/users").body["calls"] == []
    assert api.get(f"{basic}/users").body["answered"] == []
