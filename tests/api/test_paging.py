"""Cursors: what every list promises about its pages."""

from __future__ import annotations

import base64

import pytest
from support.admin import AdminAPI
from support.world import World, pointers, refusal

from portazgo.kit.paging import encode_cursor

pytestmark = pytest.mark.usefixtures("database")

# The path of every list that pages by cursor, what makes its items, and the name that its cursors carry.
LISTS = [
    ("/partners", "partner"),
    ("/applications", "application"),
    ("/keys", "key"),
    ("/backends", "backend"),
    ("/apis", "an_api"),
    ("/plans", "plan"),
    ("/routes", "route"),
    ("/issuers", "issuer"),
    ("/signing-keys", "issuer"),
    ("/tokens", "token"),
    ("/node-tokens", "node_token"),
    ("/audit", "partner"),
]


@pytest.mark.parametrize(("path", "make"), LISTS)
def test_pages_put_together_are_the_list(api: AdminAPI, world: World, path: str, make: str) -> None:
    for _ in range(3):
        getattr(world, make)()
    whole = api.get(path, {"limit": 200}).body
    assert whole["next_cursor"] is None
    assert api.every(path, {"limit": 1}) == whole["items"]
    assert api.every(path, {"limit": 2}) == whole["items"]


@pytest.mark.parametrize(("path", "make"), LISTS)
def test_a_cursor_that_was_changed_is_refused(api: AdminAPI, world: World, path: str, make: str) -> None:
    for _ in range(2):
        getattr(world, make)()
    cursor = api.get(path, {"limit": 1}).body["next_cursor"]
    content = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    content[len(content) // 2] ^= 1
    tampered = base64.urlsafe_b64encode(content).decode().rstrip("=")
    for wrong in (tampered, cursor[:-4], cursor + "AAAA", f"{cursor}!", "x", "", "e30", "a\x00"):
        refused = api.get(path, {"cursor": wrong})
        assert refusal(refused) == (422, "cursor_invalid"), wrong
        assert pointers(refused) == {"/cursor"}


def test_a_cursor_of_another_list_is_refused(api: AdminAPI, world: World) -> None:
    for _ in range(2):
        world.partner()
        world.backend()
    cursor = api.get("/partners", {"limit": 1}).body["next_cursor"]
    assert refusal(api.get("/backends", {"cursor": cursor})) == (422, "cursor_invalid")


@pytest.mark.parametrize(
    ("path", "table", "values"),
    [
        ("/keys", "key", [5, "aaaaaaaaaa"]),
        ("/keys", "key", ["2026-01-01", "aaaaaaaaaa"]),
        ("/keys", "key", ["2026-01-01T00:00:00", "aaaaaaaaaa"]),
        ("/keys", "key", ["9999-12-31T23:59:59-23:00", "aaaaaaaaaa"]),
        ("/keys", "key", ["2026-01-01T00:00:00.000000Z"]),
        ("/partners", "partner", [-1]),
        ("/partners", "partner", [1]),
        ("/partners", "partner", ["01A20E60-E200-7018-AF02-628CC3D9F17F"]),
    ],
)
def test_values_that_no_row_has_are_refused_even_with_the_right_check_sum(
    api: AdminAPI, path: str, table: str, values: list[str | int]
) -> None:
    assert refusal(api.get(path, {"cursor": encode_cursor(values, of=table)})) == (422, "cursor_invalid")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "many", "1.5", ""])
def test_a_page_has_one_to_two_hundred_items(api: AdminAPI, limit: str) -> None:
    assert pointers(api.get("/partners", {"limit": limit})) == {"/limit"}
