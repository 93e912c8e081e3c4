"""Nodes, their tokens, and what propagation proves. The internal listener is the control process's own."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from support.admin import AdminAPI
from support.control import ControlProcess, FeedClient
from support.world import NOBODY, World, pointers, refusal

from portazgo.accounts.domain import SYSTEM
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.nodes.models import NodeToken
from portazgo.nodes.service import Contact, record_contacts
from portazgo.nodes.tokens import create_node_token, node_token
from portazgo.settings import Settings
from portazgo.snapshot.feed import head_now

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def control(database: None, settings: Settings, state_url: str | None) -> Iterator[ControlProcess]:
    process = ControlProcess(settings, state_url).start()
    yield process
    process.stop()


def test_a_node_token_is_shown_once_and_only_its_hash_is_kept(api: AdminAPI) -> None:
    made = api.post("/node-tokens", {"name": "edge", "label": "madrid"})
    assert (made.status, made.body["label"]) == (201, "madrid")
    assert made.body["token"].startswith("ptzn_")
    (listed,) = api.every("/node-tokens")
    assert listed == {name: value for name, value in made.body.items() if name != "token"}
    assert made.body["token"] not in str(vars(NodeToken.objects.get()))
    assert made.body["token"] not in str(api.get("/audit").body)


def test_node_tokens_are_listed_newest_first(api: AdminAPI, world: World) -> None:
    made = [world.node_token()["id"] for _ in range(3)]
    assert [item["id"] for item in api.every("/node-tokens", {"limit": 1})] == made[::-1]


@pytest.mark.parametrize(
    ("body", "where"),
    [({}, "/name"), ({"name": ""}, "/name"), ({"name": "x\n"}, "/name"), ({"name": "x", "label": None}, "/label")],
)
def test_every_wrong_place_is_named(api: AdminAPI, body: dict[str, object], where: str) -> None:
    assert pointers(api.post("/node-tokens", body)) == {where}


def test_a_revoked_node_token_is_dead_and_stays_so(api: AdminAPI, control: ControlProcess, world: World) -> None:
    made = world.node_token()
    node = FeedClient(control.internal_url, made["token"])
    assert node.snapshot().status == 200
    revoked = api.post(f"/node-tokens/{made['id']}/revoke")
    assert revoked.body["revoked_at"] is not None
    assert api.post(f"/node-tokens/{made['id']}/revoke").body == revoked.body
    refused = node.snapshot()
    assert (refused.status, refused.json()["code"]) == (401, "node_token_invalid")
    assert refusal(api.post(f"/node-tokens/{NOBODY}/revoke")) == (404, "node_token_unknown")
    node.close()


def test_a_node_is_seen_from_its_first_poll_on(api: AdminAPI, control: ControlProcess, world: World) -> None:
    node = FeedClient(control.internal_url, world.node_token()["token"])
    assert node.snapshot().status == 200
    seen = api.get(f"/nodes/{node.node}").body
    assert (seen["epoch"], seen["current"], seen["receipt"]) == (node.epoch, False, None)
    head = head_now()
    sent = {"history": head.history, "revision": head.revision, "hash": head.hash, "label": "madrid"}
    assert node.receipt(**sent).status == 204
    seen = api.get(f"/nodes/{node.node}").body
    assert (seen["label"], seen["current"], seen["receipt"]["revision"]) == ("madrid", True, head.revision)
    assert api.every("/nodes") == [seen]
    world.partner()
    assert api.get(f"/nodes/{node.node}").body["current"] is False
    refused = {"revision": 9, "where": "line 1", "why": "unheard of"}
    node.receipt(**sent, refused=refused)
    assert api.get(f"/nodes/{node.node}").body["receipt"]["refused"] == refused
    node.close()


def test_a_retired_node_is_not_let_in_again(api: AdminAPI, control: ControlProcess, world: World) -> None:
    node = FeedClient(control.internal_url, world.node_token()["token"])
    assert node.snapshot().status == 200
    retired = api.post(f"/nodes/{node.node}/retire")
    assert (retired.status, retired.body["retired_at"] is not None) == (200, True)
    assert api.post(f"/nodes/{node.node}/retire").body["retired_at"] == retired.body["retired_at"]
    refused = node.snapshot()
    assert (refused.status, refused.json()["code"]) == (403, "node_retired")
    node.close()


@pytest.mark.parametrize(("method", "path"), [("get", ""), ("post", "/retire")])
def test_no_node_can_be_neither_shown_nor_retired(api: AdminAPI, method: str, path: str) -> None:
    assert refusal(getattr(api, method)(f"/nodes/{NOBODY}{path}")) == (404, "node_unknown")


def test_a_revocation_is_proven_when_every_node_says_so(api: AdminAPI, control: ControlProcess, world: World) -> None:
    kid = world.key()["kid"]
    nodes = [FeedClient(control.internal_url, world.node_token()["token"]) for _ in range(2)]
    for node in nodes:
        node.snapshot()
    api.post(f"/keys/{kid}/revoke")
    head = head_now()
    told = api.get(f"/keys/{kid}/propagation").body
    assert (told["kid"], told["revision"], told["security_sequence"]) == (kid, head.revision, 1)
    assert (told["proven"], {one["state"] for one in told["nodes"]}) == (False, {"unproven"})
    nodes[0].receipt(history=head.history, revision=head.revision, hash=head.hash, security=1)
    # The lane alone kills a key too, while the node still refuses the revision.
    nodes[1].receipt(history=head.history, revision=0, security=1)
    told = api.get(f"/keys/{kid}/propagation").body
    assert (told["proven"], {one["state"] for one in told["nodes"]}) == (True, {"confirmed"})
    for node in nodes:
        node.close()


def test_a_retired_node_stands_in_the_way_of_no_proof(api: AdminAPI, world: World) -> None:
    kid = world.key()["kid"]
    node = UUID(NOBODY)
    record_contacts([Contact(node, node, "gone", SYSTEM_CLOCK.now())])
    api.post(f"/keys/{kid}/revoke")
    assert api.get(f"/keys/{kid}/propagation").body["proven"] is False
    api.post(f"/nodes/{node}/retire")
    told = api.get(f"/keys/{kid}/propagation").body
    assert (told["proven"], told["nodes"]) == (True, [])


def test_the_tokens_that_backends_still_hold_are_told(api: AdminAPI, world: World) -> None:
    world.issuer()
    world.minting_backend()
    kid = world.key()["kid"]
    assert api.get(f"/keys/{kid}/propagation").body["tokens_end_at"] is None
    api.post(f"/keys/{kid}/revoke")
    told = api.get(f"/keys/{kid}/propagation").body
    assert told["tokens_end_at"] > told["changed_at"]


def test_a_node_tokens_secret_finds_it_and_nothing_else_does() -> None:
    row, secret = create_node_token(SYSTEM, "edge", "", clock=SYSTEM_CLOCK)
    assert node_token(secret) == row
