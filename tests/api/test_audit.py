"""The audit trail: who did what, under which revision; never a secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.admin import AdminAPI, Answer
from support.world import NOBODY, World, pointers

from portazgo.audit.models import AuditRow
from portazgo.snapshot.feed import head_now

pytestmark = pytest.mark.usefixtures("database")


def newest(api: AdminAPI) -> dict[str, Any]:
    row: dict[str, Any] = api.get("/audit", {"limit": 1}).body["items"][0]
    return row


def test_a_row_says_who_did_what_under_which_revision(api: AdminAPI) -> None:
    made = api.post("/tokens", {"name": "deploys", "scopes": ["partners:write"]}).body
    answer = AdminAPI(made["token"]).post("/partners", {"name": "acme"})
    row = newest(api)
    assert row == {
        **row,
        "actor": {"kind": "token", "id": made["id"], "name": "deploys"},
        "action": "partner.created",
        "subject": answer.body["id"],
        "revision": head_now().revision,
        "request_id": answer.headers["X-Request-Id"],
        "details": {"name": "acme"},
    }


ACTIONS: list[tuple[str, Callable[[AdminAPI, World], tuple[Answer, str]]]] = []
"""Every action of the trail: what is done for it, and the subject that is expected."""


def does(action: str) -> Callable[[Callable[[AdminAPI, World], tuple[Answer, str]]], None]:
    """Enter one into ACTIONS."""
    return lambda act: ACTIONS.append((action, act))


def _on(noun: str, verb: str | None, make: str) -> Callable[[AdminAPI, World], tuple[Answer, str]]:
    def act(api: AdminAPI, world: World) -> tuple[Answer, str]:
        made = getattr(world, make)()
        identifier = made.get("kid") or made["id"]
        path = f"/{noun}/{identifier}"
        if verb is None:
            return api.delete(path), identifier
        if verb == "PATCH":
            return api.patch(path, {"name": "renamed"}), identifier
        if verb == "PUT":
            return api.put(path, {"name": "renamed"}), identifier
        return api.post(f"{path}/{verb}"), identifier

    return act


for _action, _noun, _verb, _make in (
    ("partner.changed", "partners", "PATCH", "partner"),
    ("partner.suspended", "partners", "suspend", "partner"),
    ("partner.resumed", "partners", "resume", "partner"),
    ("partner.deleted", "partners", None, "partner"),
    ("application.changed", "applications", "PATCH", "application"),
    ("application.suspended", "applications", "suspend", "application"),
    ("application.resumed", "applications", "resume", "application"),
    ("application.deleted", "applications", None, "application"),
    ("key.changed", "keys", "PATCH", "key"),
    ("key.disabled", "keys", "disable", "key"),
    ("key.enabled", "keys", "enable", "key"),
    ("key.revoked", "keys", "revoke", "key"),
    ("backend.changed", "backends", "PATCH", "backend"),
    ("backend.deleted", "backends", None, "backend"),
    ("api.deleted", "apis", None, "an_api"),
    ("plan.changed", "plans", "PUT", "plan"),
    ("plan.deleted", "plans", None, "plan"),
    ("route.changed", "routes", "PATCH", "route"),
    ("route.deleted", "routes", None, "route"),
    ("token.revoked", "tokens", "revoke", "token"),
    ("node_token.revoked", "node-tokens", "revoke", "node_token"),
):
    does(_action)(_on(_noun, _verb, _make))

# What makes no revision: nodes need not know of it.
_WITHOUT_REVISION = {"token.revoked", "node_token.revoked", "token.created", "node_token.created"}


@pytest.mark.parametrize(("action", "act"), ACTIONS, ids=[action for action, _ in ACTIONS])
def test_each_action_leaves_one_row(
    api: AdminAPI, world: World, action: str, act: Callable[[AdminAPI, World], tuple[Answer, str]]
) -> None:
    answer, subject = act(api, world)
    assert answer.status in {200, 204}, answer
    row = newest(api)
    assert (row["action"], row["subject"]) == (action, subject)
    assert row["revision"] == (None if action in _WITHOUT_REVISION else head_now().revision)
    assert row["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("make", "action"),
    [
        ("partner", "partner.created"),
        ("application", "application.created"),
        ("key", "key.created"),
        ("issuer", "issuer.created"),
        ("backend", "backend.created"),
        ("an_api", "api.created"),
        ("plan", "plan.created"),
        ("route", "route.created"),
        ("token", "token.created"),
        ("node_token", "node_token.created"),
    ],
)
def test_making_a_thing_leaves_a_row_that_names_it(api: AdminAPI, world: World, make: str, action: str) -> None:
    made = getattr(world, make)()
    row = newest(api)
    assert (row["action"], row["subject"]) == (action, made.get("kid") or made["id"])
    assert row["details"]["name"] == made["name"]


def test_a_change_says_which_members_it_changed(api: AdminAPI, world: World) -> None:
    partner = world.partner()
    api.patch(f"/partners/{partner['id']}", {"metadata": {"iban": "ES00 0000"}})
    assert newest(api)["details"] == {"members": ["metadata"]}


def test_what_was_refused_leaves_no_row(api: AdminAPI, world: World) -> None:
    partner = world.partner()
    before = AuditRow.objects.count()
    assert api.post("/partners", {"name": partner["name"]}).status == 409
    assert api.delete(f"/partners/{NOBODY}").status == 404
    assert api.post("/partners", {"name": "Bad Name"}).status == 422
    assert AuditRow.objects.count() == before


def test_no_row_holds_a_secret(api: AdminAPI, world: World) -> None:
    world.issuer()
    secrets = [world.key()["api_key"], world.token()["token"], world.node_token()["token"]]
    told = json.dumps(api.every("/audit"))
    for secret in secrets:
        assert secret not in told
        assert secret.rsplit("_", 1)[1][:20] not in told


def test_the_trail_narrows_and_reads_to_its_end(api: AdminAPI, world: World) -> None:
    partner = world.partner()
    api.post(f"/partners/{partner['id']}/suspend")
    world.partner()
    mine = api.every("/audit", {"subject": partner["id"], "limit": 1})
    assert [row["action"] for row in mine] == ["partner.suspended", "partner.created"]
    assert [row["subject"] for row in api.every("/audit", {"action": "partner.suspended"})] == [partner["id"]]
    every = api.every("/audit", {"limit": 2})
    assert [row["number"] for row in every] == list(range(len(every), 0, -1))


@pytest.mark.parametrize(("query", "where"), [({"action": "Not One"}, "/action"), ({"subject": "a\x00"}, "/subject")])
def test_every_wrong_place_is_named(api: AdminAPI, query: dict[str, str], where: str) -> None:
    assert pointers(api.get("/audit", query)) == {where}
