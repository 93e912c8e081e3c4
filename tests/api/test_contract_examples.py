"""Examples, put through contracts by the code that nodes run."""

from __future__ import annotations

from typing import Any

import pytest
from support.admin import AdminAPI
from support.contracts import Contracts
from support.world import World, pointers, refusal

pytestmark = pytest.mark.usefixtures("database")

GIVEN = '{"secret": "s3", "name": "Box", "id": 1234567890123456789, "weight": 1.10}'


@pytest.fixture
def contracts(world: World) -> Contracts:
    return Contracts(world)


def selecting(*fields: str) -> dict[str, Any]:
    return {"show": {"answers": {"200": [{"select": list(fields)}]}}}


def example(**members: Any) -> dict[str, Any]:
    return {"name": "200", "route": "show", "status": 200, "given": GIVEN, **members}


def test_an_example_of_the_draft_comes_out_byte_for_byte(api: AdminAPI, contracts: Contracts) -> None:
    made = contracts.draft()
    expected = '{"id": 1234567890123456789, "title": "Box"}'
    report = api.post(f"/contracts/{made['id']}/test", {"examples": [example(expected=expected)]}).body
    (result,) = report["results"]
    assert (report["failed"], result["failure"], result["differences"]) == (0, None, [])
    assert result["body"] == '{"title":"Box","id":1234567890123456789}'


def test_what_differs_is_told_by_place(api: AdminAPI, contracts: Contracts) -> None:
    made = contracts.draft(mappings={}, routes=selecting("id", "weight"))
    expected = '{"id": 1234567890123456789, "weight": 1.1, "name": "Box"}'
    report = api.post(f"/contracts/{made['id']}/test", {"examples": [example(expected=expected)]}).body
    assert report["failed"] == 1
    assert report["results"][0]["differences"] == [
        {"pointer": "/weight", "before": "1.1", "after": "1.10"},
        {"pointer": "/name", "before": '"Box"', "after": None},
    ]


def test_an_answer_that_must_not_pass_is_an_example_too(api: AdminAPI, contracts: Contracts) -> None:
    made = contracts.draft()
    broken = '{"id": "seven", "name": "Box"}'
    both = [example(given=broken, refused=True), example(given=broken)]
    report = api.post(f"/contracts/{made['id']}/test", {"examples": both}).body
    assert [one["failed"] for one in report["results"]] == [False, True]
    assert report["results"][1]["failure"].startswith("the answer does not fit: type at /id")


def test_two_versions_are_shown_field_by_field(api: AdminAPI, contracts: Contracts) -> None:
    made, version = contracts.published(mappings={}, routes=selecting("id", "name"))
    path = f"/contracts/{made['id']}"
    api.patch(path, {"routes": selecting("id", "weight")})
    (result,) = api.post(f"{path}/test", {"against": version["name"], "examples": [example()]}).body["results"]
    assert result["changes"] == [
        {"pointer": "/name", "before": '"Box"', "after": None},
        {"pointer": "/weight", "before": None, "after": "1.10"},
    ]
    old = {"version": version["name"], "examples": [example()]}
    assert api.post(f"{path}/test", old).body["results"][0]["body"] == '{"name":"Box","id":1234567890123456789}'


def test_what_can_not_be_asked_for_is_named(api: AdminAPI, contracts: Contracts) -> None:
    made = contracts.draft()
    path = f"/contracts/{made['id']}/test"
    assert pointers(api.post(path, {"examples": []})) == {"/examples"}
    assert pointers(api.post(path, {"examples": [example(status=42)]})) == {"/examples/0/status"}
    large = [example(given="1" * 200_000) for _ in range(6)]
    assert pointers(api.post(path, {"examples": large})) == {"/examples"}
    unknown = api.post(path, {"against": "2001-01-01", "examples": [example()]})
    assert refusal(unknown) == (404, "contract_version_unknown")
    stranger = api.post(path, {"examples": [example(route="other")]}).body
    assert stranger["results"][0]["failure"] == "the contract has no route other"
