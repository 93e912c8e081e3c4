"""A name that picks nothing, or a prefix that begins nothing, is a mistake: it is told, with what was meant."""

from __future__ import annotations

import pytest

from portazgo.routes.openapi.drafts import Pick
from portazgo.routes.openapi.idle import Idle, idle_parts
from portazgo.routes.openapi.operations import Operation, operations
from portazgo.routes.openapi.reading import check_tree


@pytest.fixture
def found() -> list[Operation]:
    paths = {
        "/api/badges/": {"get": {"operationId": "badges_list", "tags": ["badges"]}},
        "/api/badges/{id}/": {"get": {"operationId": "badges_retrieve", "tags": ["badges"]}},
        "/health": {"get": {}},
    }
    return list(operations(check_tree({"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": paths})))


@pytest.mark.parametrize(
    ("pick", "prefixes"),
    [
        (Pick(), {}),
        (Pick(), {"/api": "/v1", "/health": "/up"}),
        (Pick(), {"/": "/v1", "/api/": "/api"}),
        (Pick(operations=frozenset({"badges_list"}), tags=frozenset({"badges"}), paths=("/health", "/api/*")), {}),
    ],
)
def test_what_takes_something_is_fine(found: list[Operation], pick: Pick, prefixes: dict[str, str]) -> None:
    assert idle_parts(found, pick, prefixes) == []


def test_each_name_that_takes_nothing_is_told_with_the_nearest(found: list[Operation]) -> None:
    pick = Pick(frozenset({"badge", "badges"}), ("/api/badges", "/nowhere/*"), frozenset({"badge_list", "issue"}))
    assert idle_parts(found, pick, {}) == [
        Idle("/pick/operations", "the document has no operation 'badge_list'; did you mean \"badges_list\"?"),
        Idle("/pick/operations", "the document has no operation 'issue' (there is: badges_list, badges_retrieve)"),
        Idle("/pick/tags", "no operation of the document has the tag 'badge'; did you mean \"badges\"?"),
        Idle(
            "/pick/paths", "no operation of the document has a path like '/api/badges'; did you mean \"/api/badges/\"?"
        ),
        Idle(
            "/pick/paths",
            "no operation of the document has a path like '/nowhere/*'"
            " (there is: /api/badges/, /api/badges/{id}/, /health)",
        ),
    ]


def test_a_prefix_begins_a_path_of_what_is_picked(found: list[Operation]) -> None:
    badges = Pick(tags=frozenset({"badges"}))
    assert idle_parts(found, badges, {"/apis": "/v1"}) == [
        Idle("/prefix_map", "no path that is imported begins with '/apis'; did you mean \"/api\"?")
    ]
    assert idle_parts(found, badges, {"/health": "/up"}) == [
        Idle("/prefix_map", "no path that is imported begins with '/health' (there is: /api)")
    ]


def test_of_thousands_of_names_that_take_nothing_the_first_are_told_with_the_nearest() -> None:
    """Else one request would keep the control plane busy for minutes."""
    paths = {f"/things-{number}/": {"get": {"operationId": f"things_{number}_list"}} for number in range(3000)}
    tree = check_tree({"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": paths})
    misspelt = frozenset(f"things-{number}-list" for number in range(3000))
    idle = idle_parts(list(operations(tree)), Pick(operations=misspelt), {})
    assert len(idle) == len(misspelt)
    assert sum("did you mean" in one.sentence for one in idle) == 20
