"""Routes of an OpenAPI document that is sent along: all of them in one change, or none, with the place of what is wrong."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from support.admin import AdminAPI, Answer
from support.world import NOBODY, World, body_of, pointers, refusal

from portazgo.routes.models import Route
from portazgo.snapshot.feed import head_now

pytestmark = pytest.mark.usefixtures("database")

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Badges", "version": "1"},
    "servers": [{"url": "https://backend.example/api"}],
    "paths": {
        "/badges/": {
            "get": {"operationId": "badges_list", "tags": ["badges"]},
            "post": {"operationId": "badges_create", "tags": ["badges"]},
        },
        "/badges/{id}/": {"get": {"operationId": "badges_retrieve", "tags": ["badges"]}},
        "/issuers/": {"get": {"operationId": "issuers_list", "tags": ["issuers"]}},
    },
}


class Importer:
    """Imports into one API, to one backend."""

    def __init__(self, world: World) -> None:
        self._api = world.api
        self.target = world.an_api()
        self.backend = world.backend()

    def __call__(self, document: object = None, **members: Any) -> Answer:
        text = document if isinstance(document, str) else json.dumps(document)
        source = {} if document is None else {"document": text}
        return self._api.post(f"/apis/{self.target['id']}/import", {"backend": self.backend["id"], **source, **members})


@pytest.fixture
def importer(world: World) -> Importer:
    return Importer(world)


def test_every_operation_becomes_a_route_in_one_revision(api: AdminAPI, importer: Importer) -> None:
    before = head_now().revision
    report = importer(DOCUMENT, prefix_map={"/api": "/v1"})
    names = ["badges-list", "badges-create", "badges-retrieve", "issuers-list"]
    assert (report.status, report.body["created"], report.body["skipped"]) == (200, names, [])
    assert report.body["warnings"]
    assert head_now().revision == before + 1
    routes = {route["name"]: route for route in api.every("/routes", {"api": importer.target["id"]})}
    assert set(routes) == set(names)
    told = body_of("route", routes["badges-retrieve"]["id"])
    assert (told["path"], told["backend_path"], told["passthrough"]) == ("/v1/badges/{id}/", "/api/badges/{id}/", True)


def test_the_same_document_again_changes_nothing(importer: Importer) -> None:
    importer(DOCUMENT)
    before = head_now()
    report = importer(DOCUMENT).body
    assert (report["created"], report["changed"], len(report["unchanged"])) == ([], [], 4)
    assert head_now() == before


@pytest.mark.parametrize(
    ("order", "pointer", "sentence"),
    [
        (
            {"pick": {"operations": ["badges_list", "badge_create"]}},
            "/pick/operations",
            "the document has no operation 'badge_create'; did you mean \"badges_create\"?",
        ),
        (
            {"pick": {"tags": ["nobody"]}},
            "/pick/tags",
            "no operation of the document has the tag 'nobody' (there is: badges, issuers)",
        ),
        (
            {"prefix_map": {"/apis": "/v1"}},
            "/prefix_map",
            "no path that is imported begins with '/apis'; did you mean \"/api\"?",
        ),
    ],
)
def test_a_name_that_takes_nothing_is_refused_and_nothing_is_made(
    api: AdminAPI, importer: Importer, order: dict[str, Any], pointer: str, sentence: str
) -> None:
    refused = importer(DOCUMENT, **order)
    assert (refused.status, refused.body["code"], refused.body["detail"]) == (422, "nothing_picked", sentence)
    assert refused.body["errors"] == [{"pointer": pointer, "message": sentence}]
    assert list(api.every("/routes", {"api": importer.target["id"]})) == []


def test_what_an_operator_added_survives_a_new_import(api: AdminAPI, importer: Importer) -> None:
    importer(DOCUMENT)
    (route,) = api.every("/routes", {"name": "badges-list"})
    api.patch(f"/routes/{route['id']}", {"scopes": ["badges:read"], "max_request_bytes": 7})
    moved = {**DOCUMENT, "servers": [{"url": "/moved"}]}
    assert "badges-list" in importer(moved).body["changed"]
    after = api.get(f"/routes/{route['id']}").body
    assert (after["scopes"], after["max_request_bytes"], after["path"]) == (["badges:read"], 7, "/moved/badges/")


@pytest.mark.parametrize(
    ("pick", "names"),
    [
        ({"tags": ["issuers"]}, ["issuers-list"]),
        ({"paths": ["/api/badges/*"]}, ["badges-list", "badges-create", "badges-retrieve"]),
        ({"operations": ["badges_create"]}, ["badges-create"]),
    ],
)
def test_operations_are_picked_by_tag_path_or_name(
    importer: Importer, pick: dict[str, list[str]], names: list[str]
) -> None:
    assert importer(DOCUMENT, pick=pick).body["created"] == names


def test_a_dry_run_says_what_would_be_and_does_nothing(importer: Importer) -> None:
    before = head_now()
    report = importer(DOCUMENT, dry_run=True)
    assert (report.status, len(report.body["created"])) == (200, 4)
    assert (head_now(), Route.objects.count()) == (before, 0)


def test_a_route_that_stands_in_the_way_stops_all_of_it(world: World, importer: Importer) -> None:
    taken = world.route(path="/issuers/{id}", backend_path="/api/issuers/{id}/")
    document = {**DOCUMENT, "servers": [], "paths": {**DOCUMENT["paths"], "/issuers/{pk}": {"get": {}}}}
    before = head_now()
    refused = importer(document)
    assert refusal(refused) == (409, "route_taken")
    assert taken["name"] in refused.body["detail"]
    assert (head_now(), Route.objects.count()) == (before, 1)


def deep(levels: int) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for _ in range(levels):
        tree = {"properties": {"x": tree}}
    return {**DOCUMENT, "components": {"schemas": {"Deep": tree}}}


def with_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {**DOCUMENT, "components": {"schemas": {"A": schema, "B": {"$ref": "#/components/schemas/A"}}}}


# Ten lists of ten references to the one before: a billion entries, were they copied.
BOMB = "openapi: 3.1.0\npaths: {}\nx-0: &a0 [x, x]\n" + "".join(
    f"x-{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]\n" for number in range(1, 10)
)

WRONG: dict[str, tuple[Any, str]] = {
    "empty": ("", "not an object"),
    "not a document": ("once upon a time", "not an object"),
    "broken JSON": ('{"openapi": "3.1.0",\n "paths": {]}', "line 2"),
    "broken YAML": ("openapi: 3.1.0\npaths: [", "line"),
    "another format": ({"swagger": "2.0"}, "OpenAPI 3.0 or 3.1"),
    "another version": ({"openapi": "4.0.0"}, "at /openapi"),
    "paths is a list": ({"openapi": "3.1.0", "paths": []}, "at /paths"),
    "a path without a slash": ({"openapi": "3.1.0", "paths": {"badges": {}}}, "at /paths/badges"),
    "an operation is text": ({"openapi": "3.1.0", "paths": {"/a": {"get": "x"}}}, "at /paths/~1a/get"),
    "a parameter is text": ({"openapi": "3.1.0", "paths": {"/a": {"get": {"parameters": "x"}}}}, "~1a/get/parameters"),
    "a reference in a circle": (with_schema({"$ref": "#/components/schemas/B"}), "circle"),
    "a reference to nothing": (with_schema({"$ref": "#/components/schemas/C"}), "leads nowhere"),
    "a reference to another server": (
        with_schema({"$ref": "https://backend.example/schemas.json#/A"}),
        "leads out of the document",
    ),
    "a reference to a file": (with_schema({"$ref": "file:///etc/passwd"}), "leads out of the document"),
    "nested too deep": (deep(200), "levels deep"),
    "nested very deep": ("[" * 100_000, "levels deep"),
    "nested very deep JSON": ('{"a":' * 100_000, "levels deep"),
    "a member twice": ('{"openapi": "3.1.0", "paths": {}, "paths": {}}', "'paths' twice"),
    "a number without end": ('{"openapi": "3.1.0", "x": ' + "9" * 10_000 + "}", "too long"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_told_with_its_place_and_nothing_is_applied(importer: Importer, what: str) -> None:
    document, told = WRONG[what]
    before = head_now()
    refused = importer(document)
    assert (refusal(refused), pointers(refused)) == ((422, "document_invalid"), {"/document"})
    assert told in refused.body["detail"]
    assert (head_now(), Route.objects.count()) == (before, 0)


def test_a_schema_that_contains_itself_is_no_reason_to_refuse(importer: Importer) -> None:
    tree = {"properties": {"children": {"items": {"$ref": "#/components/schemas/A"}}}}
    assert importer(with_schema(tree)).status == 200


def test_aliases_that_multiply_are_refused_and_cost_nothing(importer: Importer) -> None:
    started = time.monotonic()
    refused = importer(BOMB)
    assert time.monotonic() - started < 5
    assert (refusal(refused), pointers(refused)) == ((422, "document_invalid"), {"/document"})
    assert "aliases" in refused.body["detail"]


def test_a_document_that_is_too_large_is_refused(importer: Importer) -> None:
    refused = importer(json.dumps({**DOCUMENT, "x-padding": "x" * (5 * 1024 * 1024)}))
    assert pointers(refused) == {"/document"}


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({}, ""),
        ({"document": "{}", "url": "http://x.example"}, ""),
        ({"url": "ftp://x.example"}, "/url"),
        ({"url": "file:///etc/passwd"}, "/url"),
        ({"document": "{}", "dry_run": "yes"}, "/dry_run"),
        ({"document": "{}", "pick": {"colour": []}}, "/pick/colour"),
        ({"document": "{}", "prefix_map": {"/a": 1}}, "/prefix_map//a"),
    ],
)
def test_every_wrong_place_of_the_request_is_named(importer: Importer, members: dict[str, Any], where: str) -> None:
    found = pointers(importer(**members))
    assert {pointer.replace("~1", "/") for pointer in found} == {where}


def test_an_api_or_a_backend_that_there_is_not_is_told(api: AdminAPI, importer: Importer) -> None:
    body = {"backend": importer.backend["id"], "document": json.dumps(DOCUMENT)}
    assert refusal(api.post(f"/apis/{NOBODY}/import", body)) == (404, "api_unknown")
    refused = importer(DOCUMENT, backend=NOBODY)
    assert (refusal(refused), pointers(refused)) == ((422, "backend_unknown"), {"/backend"})
