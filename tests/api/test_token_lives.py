"""Lives of tokens that an earlier version allowed: an upgrade brings them within the bounds, and says so."""

from __future__ import annotations

from typing import Any

import pytest
from support.admin import AdminAPI
from support.clock import FakeClock
from support.world import CREDENTIAL, World, body_of

from portazgo.accounts.domain import SYSTEM
from portazgo.backends.models import Backend
from portazgo.backends.token_lives import bound_token_lives
from portazgo.snapshot.feed import head_now

pytestmark = pytest.mark.usefixtures("database")

TARGETS = ["http://127.0.0.1:9"]


def from_before(identifier: str, life_seconds: int, *path: str) -> None:
    """Write a life as the version before wrote it: no other way leads there any more."""
    row = Backend.objects.get(id=identifier)
    at = row.environments["live"]["credential"]
    for member in path:
        at = at[member]
    at["life_seconds"] = life_seconds
    row.save()


def lives_of_nodes(identifier: str) -> list[int]:
    return [one["credential"]["life_seconds"] for one in body_of("backend", identifier)["environments"].values()]


def test_lives_out_of_bounds_are_brought_within_them_with_an_audit_row_each(
    api: AdminAPI, world: World, clock: FakeClock
) -> None:
    world.issuer()
    long, short, good = world.minting_backend(), world.minting_backend(), world.minting_backend()
    from_before(long["id"], 600)
    from_before(short["id"], 10)
    assert bound_token_lives(SYSTEM, clock=clock) == [long["name"], short["name"]]
    assert [lives_of_nodes(one["id"]) for one in (long, short, good)] == [[300], [60], [120]]
    found = [row for row in api.every("/audit") if row["action"] == "backend.token_life_bounded"]
    reason = "tokens live 60 to 300 s since this version"
    assert {row["subject"]: row["details"]["reason"] for row in found} == {long["id"]: reason, short["id"]: reason}
    before = head_now()
    assert bound_token_lives(SYSTEM, clock=clock) == []
    assert head_now() == before, "a second start changes nothing"


def test_a_token_that_is_exchanged_is_bounded_too(world: World, clock: FakeClock) -> None:
    world.issuer()
    credential: dict[str, Any] = {
        "kind": "token_exchange",
        "login": {"url": "https://login.example/token"},
        "subject": {"audience": "login"},
    }
    backend = world.backend(environments={"live": {"targets": TARGETS, "credential": credential}})
    from_before(backend["id"], 3600, "subject")
    assert bound_token_lives(SYSTEM, clock=clock) == [backend["name"]]
    assert Backend.objects.get().environments["live"]["credential"]["subject"]["life_seconds"] == 300


def test_after_the_upgrade_such_a_backend_can_be_changed_again(api: AdminAPI, world: World, clock: FakeClock) -> None:
    world.issuer()
    backend = world.minting_backend()
    from_before(backend["id"], 600)
    kept = api.get(f"/backends/{backend['id']}").body["environments"]
    refused = api.patch(f"/backends/{backend['id']}", {"environments": kept})
    assert refused.status == 422
    assert [error["pointer"] for error in refused.body["errors"]] == ["/environments/live/credential/life_seconds"]
    bound_token_lives(SYSTEM, clock=clock)
    kept = api.get(f"/backends/{backend['id']}").body["environments"]
    kept["live"]["targets"] = ["http://127.0.0.1:10"]
    assert api.patch(f"/backends/{backend['id']}", {"environments": kept}).status == 200


def test_a_life_that_is_out_of_bounds_is_still_refused(api: AdminAPI, world: World) -> None:
    world.issuer()
    for life_seconds in (59, 301):
        credential = {**CREDENTIAL, "life_seconds": life_seconds}
        environments = {"live": {"targets": TARGETS, "credential": credential}}
        assert api.post("/backends", {"name": "late", "environments": environments}).status == 422
