"""A refusal is a sentence for a person: it calls things as people do, names what is meant, and says what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.admin import AdminAPI, Answer
from support.contracts import Contracts
from support.world import World

from portazgo.kit.clock import SYSTEM_CLOCK

pytestmark = pytest.mark.usefixtures("database")


def said(answer: Answer) -> tuple[str, str | None]:
    return answer.body["detail"], answer.body.get("remedy")


def test_a_name_that_is_taken_is_told_with_a_way_on(api: AdminAPI, world: World) -> None:
    world.an_api(name="badges")
    assert said(api.post("/apis", {"name": "badges"})) == (
        "there is already an API named 'badges'",
        "choose another name",
    )
    contracts = Contracts(world)
    contracts.draft(name="basic")
    assert said(api.post("/contracts", contracts.body(name="basic"))) == (
        "there is already a contract named 'basic'",
        "change its draft (`portazgo contract change`), or choose another name",
    )


def test_what_is_in_use_is_told_by_name(api: AdminAPI, world: World) -> None:
    contracts = Contracts(world)
    contracts.draft(name="basic")
    assert said(api.delete(f"/schemas/{contracts.schema['id']}")) == (
        "the schema is still in use by 1 contract: basic",
        "remove this contract first",
    )
    busy = world.an_api()
    for number in range(6):
        world.route(busy, name=f"route-{number}", path=f"/v1/r{number}", backend_path=f"/r{number}")
    assert said(api.delete(f"/apis/{busy['id']}")) == (
        "the API is still in use by 6 routes: route-0, route-1, route-2, route-3, route-4, …",
        "remove these routes first",
    )


def test_a_version_that_is_not_there_is_told_with_the_nearest(api: AdminAPI, world: World) -> None:
    made, version = Contracts(world).published()
    day = version["name"]
    path = f"/contracts/{made['id']}"
    near = f"the contract has no version {day}.2; did you mean {day}?"
    listed = "`portazgo contract show` lists them"
    assert said(api.post(f"{path}/versions/{day}.2/default")) == (near, listed)
    assert said(api.get(f"{path}/differences?before={day}&after=draught")) == (
        "the contract has no version draught",
        listed,
    )
    document = f"/schemas/{made['schema']}/document?version=7"
    assert said(api.get(document)) == ("the schema has no version 7 (there is: 1)", None)


def test_an_end_that_has_passed_is_told_as_it_was_understood(api: AdminAPI, world: World) -> None:
    made, version = Contracts(world).published()
    passed = (SYSTEM_CLOCK.now() - timedelta(days=1)).replace(microsecond=0).astimezone(UTC)
    answer = api.post(f"/contracts/{made['id']}/versions/{version['name']}/deprecate", {"sunset_at": _written(passed)})
    assert said(answer) == (f"this end has passed ({passed.isoformat()}): name one that lies ahead", None)


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        (
            "/apis",
            {"name": "My badges"},
            {"pointer": "/name", "message": "this is no name: 1 to 63 small letters, digits and hyphens"},
        ),
        (
            "/schemas",
            {"name": "x", "backend": "00000000-0000-0000-0000-000000000000", "url": "badges.example"},
            {"pointer": "/url", "message": "this is no URL: it begins with http:// or https://"},
        ),
    ],
)
def test_a_form_is_told_in_words_and_not_by_its_pattern(
    api: AdminAPI, path: str, body: dict[str, Any], error: dict[str, str]
) -> None:
    assert api.post(path, body).body["errors"] == [error]


def test_a_month_is_told_by_an_example(api: AdminAPI) -> None:
    (error,) = api.get("/usage/fields?month=nov").body["errors"]
    assert error == {"pointer": "/month", "message": "this is no month, such as 2026-11"}


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
