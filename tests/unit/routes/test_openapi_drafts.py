"""What routes come of a document."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import pytest

from portazgo.routes.openapi.drafts import Draft, Drafts, Pick, draft_routes
from portazgo.routes.openapi.operations import Operation, operations
from portazgo.routes.openapi.reading import check_tree
from portazgo.routes.openapi.refused import DocumentRefused


def tree(paths: dict[str, Any], **members: Any) -> dict[str, Any]:
    return check_tree({"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": paths, **members})


def drafted(
    paths: dict[str, Any], pick: Pick | None = None, prefixes: dict[str, str] | None = None, **members: Any
) -> Drafts:
    return draft_routes(operations(tree(paths, **members)), pick or Pick(), prefixes or {})


BADGES: dict[str, Any] = {
    "/api/badges/": {
        "get": {"operationId": "badges_list", "tags": ["badges"]},
        "post": {"operationId": "badges_create", "tags": ["badges"]},
    },
    "/api/badges/{id}/": {"get": {"operationId": "badges_retrieve", "tags": ["badges"]}},
    "/api/issuers/": {"get": {"operationId": "issuers_list", "tags": ["issuers"]}},
}


def test_every_operation_becomes_a_route_under_the_partners_prefix() -> None:
    result = drafted(BADGES, prefixes={"/api": "/v1"})
    assert result.skipped == []
    assert result.drafts[2] == Draft(
        "badges-retrieve", "GET", "/v1/badges/{id}/", "/api/badges/{id}/", (), ("badges",), "badges_retrieve"
    )
    assert [draft.name for draft in result.drafts] == [
        "badges-list",
        "badges-create",
        "badges-retrieve",
        "issuers-list",
    ]


@pytest.mark.parametrize(
    ("pick", "names"),
    [
        (Pick(tags=frozenset({"issuers"})), ["issuers-list"]),
        (Pick(paths=("/api/badges/*",)), ["badges-list", "badges-create", "badges-retrieve"]),
        (Pick(paths=("/api/badges/",)), ["badges-list", "badges-create"]),
        (Pick(operations=frozenset({"badges_create"}), tags=frozenset({"issuers"})), ["badges-create", "issuers-list"]),
        (Pick(paths=("/api/[bi]*",)), []),
    ],
)
def test_operations_are_picked_by_tag_path_or_id(pick: Pick, names: list[str]) -> None:
    assert [draft.name for draft in drafted(BADGES, pick).drafts] == names


def test_the_first_servers_path_belongs_to_the_backends_path() -> None:
    servers = [
        {"url": "https://{host}/base/{v}/", "variables": {"host": {"default": "b.example"}, "v": {"default": "v2"}}}
    ]
    result = drafted(
        {"/x": {"get": {"operationId": "x"}, "put": {"operationId": "y", "servers": [{"url": "/other"}]}}},
        servers=servers,
    )
    assert [draft.backend_path for draft in result.drafts] == ["/base/v2/x", "/other/x"]


def test_header_parameters_are_let_through_but_never_ours() -> None:
    parameters = [{"in": "header", "name": name} for name in ("X-Tenant", "Authorization", "Accept", "X-Api-Key")]
    operation = {"parameters": [{"$ref": "#/components/parameters/Key"}, {"in": "query", "name": "page"}]}
    components = {"parameters": {"Key": {"in": "header", "name": "Idempotency-Key"}}}
    result = drafted({"/x": {"parameters": parameters, "get": operation}}, components=components)
    assert result.drafts[0].request_headers == ("idempotency-key", "x-tenant")


def test_operations_without_an_id_are_named_after_their_place() -> None:
    assert drafted({"/api/Things/{id}": {"get": {}}}).drafts[0].name == "get-api-things-id"


def test_two_ids_of_one_slug_get_two_names() -> None:
    result = drafted(
        {
            "/a": {"get": {"operationId": "do_it"}},
            "/b": {"get": {"operationId": "doIt"}},
            "/c": {"get": {"operationId": "do it"}},
        }
    )
    assert [draft.name for draft in result.drafts] == ["do-it", "do-it-2", "do-it-3"]


def test_thousands_of_operations_with_one_id_are_numbered_at_once() -> None:
    count = 5_000
    paths = {f"/api/a{number}": {"get": {"operationId": "x"}} for number in range(count)}
    found = list(operations(tree(paths)))
    started = time.process_time()
    names = [draft.name for draft in draft_routes(found, Pick(), {}).drafts]
    # Each counted from the first one on before: 2.5 s, and over an hour for the largest document that is read.
    assert time.process_time() - started < 1
    assert names == ["x", *(f"x-{number}" for number in range(2, count + 1))]


def test_long_ids_are_cut_for_their_numbers_and_stay_apart() -> None:
    stem = "a" * 61
    ids = [f"{stem}aa", f"{stem}aab", f"{stem}-2", f"{stem}aac"]
    result = drafted({f"/{number}": {"get": {"operationId": one}} for number, one in enumerate(ids)})
    # The second took `…-2` before the third, whose own name it is, could.
    assert [draft.name for draft in result.drafts] == [f"{stem}aa", f"{stem}-2", f"{stem}-3", f"{stem}-4"]


def test_what_can_not_be_a_route_is_skipped_with_the_reason() -> None:
    result = drafted(
        {"/files/{name}.pdf": {"get": {"operationId": "file"}}, "/a/{x}": {"get": {}}, "/a/{y}": {"get": {}}}
    )
    assert [(skip.path, skip.reason) for skip in result.skipped] == [
        (
            "/files/{name}.pdf",
            "the segment '{name}.pdf' of '/files/{name}.pdf' is neither a literal nor one whole parameter such as {id}",
        ),
        ("/a/{y}", "GET /a/{y} can't be told apart from the route get-a-x"),
    ]


def test_a_servers_variables_are_filled_once_and_never_multiply() -> None:
    def paths(url: str, **defaults: str) -> list[str]:
        variables = {name: {"default": default} for name, default in defaults.items()}
        servers = [{"url": url, "variables": variables}]
        return [one.path for one in operations(tree({"/x": {"get": {}}}, servers=servers))]

    assert paths("https://{host}/{base}/v{n}/{left}", host="a.example", base="api", n="2") == ["/api/v2/{left}/x"]
    assert paths("/{a}/{b}{b}", a="{b}", b="{a}") == ["/{b}/{a}{a}/x"]
    # 8 to the power of 12 characters, were each filled with what the next one says.
    names = "abcdefghijkl"
    nested = {name: f"{{{following}}}" * 8 for name, following in pairwise(names)}
    assert paths("/{a}", **nested, l="x") == ["/" + "{b}" * 8 + "/x"]
    with pytest.raises(DocumentRefused, match="more than 1000 characters"):
        paths("/" + "{a}" * 1_000_000, a="x" * 1_000_000)


@pytest.mark.parametrize(
    ("paths", "pointer"),
    [
        ({"badges": {}}, "/paths/badges"),
        ({"/a": []}, "/paths/~1a"),
        ({"/a": {"get": None}}, "/paths/~1a/get"),
        ({"/a": {"get": {"tags": "x"}}}, "/paths/~1a/get/tags"),
        ({"/a": {"get": {"tags": [1]}}}, "/paths/~1a/get/tags"),
        ({"/a": {"get": {"operationId": 7}}}, "/paths/~1a/get/operationId"),
        ({"/a": {"get": {"parameters": {}}}}, "/paths/~1a/get/parameters"),
        ({"/a": {"get": {"parameters": [1]}}}, "/paths/~1a/get/parameters/0"),
    ],
)
def test_what_is_no_operation_is_refused_with_its_pointer(paths: dict[str, Any], pointer: str) -> None:
    with pytest.raises(DocumentRefused) as caught:
        list(operations(tree(paths)))
    assert caught.value.pointer == pointer


def test_a_path_item_may_be_a_reference() -> None:
    found = list(operations(tree({"/a": {"$ref": "#/x-items/A"}}, **{"x-items": {"A": {"get": {"operationId": "a"}}}})))
    assert found == [Operation("GET", "/a", "a", (), (), "/paths/~1a/get")]
