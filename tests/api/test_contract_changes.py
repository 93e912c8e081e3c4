"""What a new version, or a new schema of the backend's, changes for partners."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from support.admin import AdminAPI
from support.contracts import Contracts
from support.small_document import SMALL_DOCUMENT
from support.world import World, refusal

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def contracts(world: World) -> Contracts:
    return Contracts(world)


def selecting(*fields: str) -> dict[str, Any]:
    return {"show": {"answers": {"200": [{"select": list(fields)}]}}}


def test_the_draft_is_compared_with_the_newest_version(api: AdminAPI, contracts: Contracts) -> None:
    made, version = contracts.published(mappings={}, routes=selecting("id", "name"))
    path = f"/contracts/{made['id']}"
    assert api.get(f"{path}/diff").body == {"old": version["name"], "new": "draft", "breaking": False, "changes": []}
    api.patch(path, {"routes": selecting("id", "weight")})
    found = api.get(f"{path}/diff").body
    assert found["breaking"] is True
    assert [
        (change["rule"], change["path"], change["breaking"], change["exposure"]) for change in found["changes"]
    ] == [
        ("answer-field-removed", "name", True, False),
        ("answer-field-added", "weight", False, True),
    ]
    assert found["changes"][0]["sentence"] == "show: answer 200 name: the member is gone"


def test_two_versions_are_compared_in_either_direction(api: AdminAPI, contracts: Contracts) -> None:
    made, one = contracts.published(mappings={}, routes=selecting("id"))
    path = f"/contracts/{made['id']}"
    api.patch(path, {"routes": selecting("id", "name")})
    two = api.post(f"{path}/publish", {}).body
    forth = api.get(f"{path}/diff", {"old": one["name"], "new": two["name"]}).body
    back = api.get(f"{path}/diff", {"old": two["name"], "new": one["name"]}).body
    assert [forth["breaking"], back["breaking"]] == [False, True]
    unknown = api.get(f"{path}/diff", {"old": "2001-01-01"})
    assert refusal(unknown) == (404, "contract_version_unknown")


def test_before_the_first_version_there_is_nobody_to_break(api: AdminAPI, contracts: Contracts) -> None:
    made = contracts.draft()
    assert api.get(f"/contracts/{made['id']}/diff").body == {
        "old": None,
        "new": "draft",
        "breaking": False,
        "changes": [],
    }


def changed(change: Any) -> dict[str, Any]:
    document: dict[str, Any] = copy.deepcopy(SMALL_DOCUMENT)
    change(document["components"]["schemas"]["Thing"])
    return document


def test_an_import_says_what_is_new_and_what_it_means_for_who_is_served(contracts: Contracts) -> None:
    made, version = contracts.published(mappings={}, routes=selecting("id", "name"))

    def grow(schema: dict[str, Any]) -> None:
        schema["properties"]["colour"] = {"type": "string"}
        schema["properties"]["id"] = {"type": "array", "items": {"type": "string"}}

    report = contracts.import_again(changed(grow))
    assert [(change["place"], change["path"], change["kind"]) for change in report["changes"]] == [
        ("answer 200", "id", "retyped"),
        ("answer 200", "colour", "new"),
    ]
    served = f"{made['name']}@{version['name']}"
    assert [(one["contract"], one["route"], one["outcome"]) for one in report["effects"]] == [
        (served, "show", "fails"),
        (served, "show", "hidden"),
    ]
    assert report["effects"][1]["sentence"] == "colour is not selected: partners don't see it"


def test_the_first_import_and_the_same_again_change_nothing(contracts: Contracts) -> None:
    contracts.published()
    again = contracts.import_again()
    assert (again["outcome"], again["changes"], again["effects"]) == ("unchanged", [], [])


def test_a_retired_version_is_nobodys_concern(api: AdminAPI, contracts: Contracts) -> None:
    made, version = contracts.published(mappings={}, routes=selecting("id"))
    assert api.post(f"/contracts/{made['id']}/versions/{version['name']}/retire").status == 200
    report = contracts.import_again(changed(lambda schema: schema["properties"].pop("weight")))
    assert report["changes"]
    assert report["effects"] == []
