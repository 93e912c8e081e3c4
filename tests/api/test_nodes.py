"""Nodes, their tokens, and what propagation proves. The internal listener is the control process's own."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from support.admin import AdminAPI
from support.control import ControlProcess, FeedClient
from support.world import NOBODY, World, pointers, refusal

from portazgo.accounts.domain import SYSTEM
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.nodes.domain import CLOCKS_APART
from portazgo.nodes.models import Node, NodeToken, Receipt
from portazgo.nodes.service import Contact, record_contacts
from portazgo.nodes.tokens import create_node_token, node_token
from portazgo.snapshot.feed import head_now

pytestmark = pytest.mark.usefixtures("database")


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
    token = world.node_token()
    node = FeedClient(control.internal_url, token["token"])
    assert node.snapshot().status == 200
    seen = api.get(f"/nodes/{node.node}").body
    assert (seen["epoch"], seen["current"], seen["receipt"]) == (node.epoch, False, None)
    head = head_now()
    sent = {"history": head.history, "revision": head.revision, "hash": head.hash, "label": "madrid"}
    assert node.receipt(**sent).status == 204
    seen = api.get(f"/nodes/{node.node}").body
    assert (seen["label"], seen["current"], seen["receipt"]["revision"]) == ("madrid", True, head.revision)
    assert (seen["token"], seen["behind"], seen["lease_ends_at"]) == (token["name"], 0, None)
    assert api.every("/nodes") == [seen]
    assert node.receipt(**sent, max_staleness_seconds=300).status == 204
    leased = api.get(f"/nodes/{node.node}").body
    assert leased["max_staleness_seconds"] == 300
    ends, contact = (datetime.fromisoformat(leased[name]) for name in ("lease_ends_at", "contact_at"))
    assert ends - contact == timedelta(seconds=300)
    world.partner()
    assert api.get(f"/nodes/{node.node}").body["behind"] == 1
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


@pytest.mark.parametrize("noun", ["partners", "applications"])
@pytest.mark.parametrize(("act", "receipt"), [("suspend", "/propagation"), ("revoke-keys", "/keys/propagation")])
def test_suspending_and_revoking_all_keys_have_the_receipt_of_a_revocation(
    api: AdminAPI, control: ControlProcess, world: World, noun: str, act: str, receipt: str
) -> None:
    application = world.application()
    for _ in range(2):
        world.key(application)
    owner = application["partner"] if noun == "partners" else application["id"]
    node = FeedClient(control.internal_url, world.node_token()["token"])
    node.snapshot()
    body = {"dry_run": False} if act == "revoke-keys" else None
    assert api.post(f"/{noun}/{owner}/{act}", body).status == 200
    head = head_now()
    told = api.get(f"/{noun}/{owner}{receipt}").body
    assert (told["revision"], told["security_sequence"]) == (head.revision, head.security)
    assert (told["proven"], [one["state"] for one in told["nodes"]]) == (False, ["unproven"])
    # One entry short: of two keys one would still be served.
    node.receipt(history=head.history, revision=0, security=head.security - 1)
    assert api.get(f"/{noun}/{owner}{receipt}").body["proven"] is False
    node.receipt(history=head.history, revision=0, security=head.security)
    told = api.get(f"/{noun}/{owner}{receipt}").body
    assert (told["proven"], [one["state"] for one in told["nodes"]]) == (True, ["confirmed"])
    node.close()


def states(api: AdminAPI, kid: str) -> set[str]:
    """What is known of the nodes about a key's last change."""
    return {one["state"] for one in api.get(f"/keys/{kid}/propagation").body["nodes"]}


@pytest.mark.parametrize("ahead", [1, 2**62])
def test_a_receipt_of_what_was_not_made_yet_proves_nothing(
    api: AdminAPI, control: ControlProcess, world: World, ahead: int
) -> None:
    kid = world.key()["kid"]
    node = FeedClient(control.internal_url, world.node_token()["token"])
    head = head_now()
    now = {"history": head.history, "revision": head.revision, "hash": head.hash}
    assert node.receipt(**now, security=head.security + ahead).status == 204
    shown = api.get(f"/nodes/{node.node}").body
    assert (shown["current"], shown["receipt"]["history"]) == (False, "")
    api.post(f"/keys/{kid}/revoke")
    assert states(api, kid) == {"unproven"}
    node.receipt(**now, security=head.security + 1)
    assert states(api, kid) == {"confirmed"}
    node.close()


def test_what_was_received_before_a_change_says_nothing_of_it_whatever_it_says_of_its_time(
    api: AdminAPI, control: ControlProcess, world: World
) -> None:
    kid = world.key()["kid"]
    node = FeedClient(control.internal_url, world.node_token()["token"])
    api.post(f"/keys/{kid}/revoke")
    head = head_now()
    told = {"history": head.history, "revision": head.revision, "hash": head.hash, "security": head.security}
    assert node.receipt(**told, applied_at="2020-01-01T00:00:00.000000Z").status == 204
    (verdict,) = api.get(f"/keys/{kid}/propagation").body["nodes"]
    assert (verdict["state"], verdict["at"] > api.get(f"/keys/{kid}/propagation").body["changed_at"]) == (
        "confirmed",
        True,
    )
    # As one that an earlier build kept, when nobody looked at what it claims to know.
    Receipt.objects.update(received_at=SYSTEM_CLOCK.now() - CLOCKS_APART - timedelta(minutes=1))
    assert states(api, kid) == {"unproven"}
    node.close()


def test_silence_is_a_fence_only_by_the_lease_that_the_node_itself_has(
    api: AdminAPI, control: ControlProcess, world: World
) -> None:
    kid = world.key()["kid"]
    node = FeedClient(control.internal_url, world.node_token()["token"])
    api.post(f"/keys/{kid}/revoke")
    receipts: list[dict[str, object]] = [{}, {"max_staleness_seconds": None}]
    for said in receipts:
        assert node.receipt(**said).status == 204
        Node.objects.update(contact_at=SYSTEM_CLOCK.now() - timedelta(days=30))
        assert states(api, kid) == {"unproven"}
    assert node.receipt(max_staleness_seconds=60).status == 204
    assert states(api, kid) == {"unproven"}
    Node.objects.update(contact_at=SYSTEM_CLOCK.now() - timedelta(seconds=61))
    assert states(api, kid) == {"fenced"}
    # Its next process may have been told otherwise.
    again = FeedClient(control.internal_url, node.token, node.node)
    assert again.snapshot().status == 200
    Node.objects.update(contact_at=SYSTEM_CLOCK.now() - timedelta(days=30))
    assert states(api, kid) == {"unproven"}
    assert {node.receipt(max_staleness_seconds=wrong).status for wrong in (0, -1, 1e300)} == {422}
    node.close()
    again.close()


def test_a_node_is_spoken_for_by_one_token_until_it_is_revoked(
    api: AdminAPI, control: ControlProcess, world: World
) -> None:
    first, second = world.node_token(), world.node_token()
    node = FeedClient(control.internal_url, first["token"])
    assert node.snapshot().status == 200
    other = FeedClient(control.internal_url, second["token"], node.node)
    nowhere = {"node": other.node, "epoch": other.epoch, "first": 1}
    for refused in (
        other.snapshot(),
        other.receipt(),
        other.post("/internal/v1/segments", nowhere),
        other.post("/internal/v1/epochs", nowhere),
    ):
        assert (refused.status, refused.json()["code"]) == (403, "node_of_another_token")
        assert "retire the node" in refused.json()["remedy"]
    assert api.get(f"/nodes/{node.node}").body["epoch"] == node.epoch
    assert node.snapshot().status == 200
    # How a token is exchanged.
    api.post(f"/node-tokens/{first['id']}/revoke")
    assert other.snapshot().status == 200
    third = FeedClient(control.internal_url, world.node_token()["token"], node.node)
    assert third.snapshot().status == 403
    for client in (node, other, third):
        client.close()


def test_a_node_hands_in_nothing_of_an_epoch_that_another_polls_with(control: ControlProcess, world: World) -> None:
    token = world.node_token()["token"]
    owner = FeedClient(control.internal_url, token)
    assert owner.snapshot().status == 200
    other = FeedClient(control.internal_url, token, epoch=owner.epoch)
    assert other.snapshot().status == 200
    report = {"epoch": owner.epoch, "end": "killed", "last_sequence": 0, "accepted": 0, "seconds_at_risk": 0.0}
    report |= {"started_at": "2026-11-24T12:00:00Z", "ended_at": "2026-11-24T12:00:01Z"}
    for node, expected in ((other, 403), (owner, 422)):
        answer = node.post("/internal/v1/segments", {"node": node.node, "epoch": owner.epoch, "first": 1})
        assert answer.status == expected, answer.json()
    for node, expected in ((other, 403), (owner, 204)):
        assert node.end({**report, "node": node.node}).status == expected
    owner.close()
    other.close()


def test_a_label_that_a_token_gave_is_no_receipts_to_change(
    api: AdminAPI, control: ControlProcess, world: World
) -> None:
    def token(label: str) -> dict[str, str]:
        made: dict[str, str] = api.post("/node-tokens", {"name": "edge", "label": label}).body
        return made

    plain, madrid, lisbon = token(""), token("madrid"), token("lisbon")
    node = FeedClient(control.internal_url, plain["token"])
    assert node.receipt(label="its-host").status == 204
    # What it said itself does not stand in the way of a token with a label, once the old token is revoked.
    labelled = FeedClient(control.internal_url, madrid["token"], node.node)
    assert labelled.snapshot().status == 403
    api.post(f"/node-tokens/{plain['id']}/revoke")
    assert labelled.snapshot().status == 200
    assert labelled.receipt(label="its-host").status == 204
    assert api.get(f"/nodes/{node.node}").body["label"] == "madrid"
    api.post(f"/node-tokens/{madrid['id']}/revoke")
    elsewhere = FeedClient(control.internal_url, lisbon["token"], node.node)
    assert (elsewhere.snapshot().status, elsewhere.snapshot().json()["code"]) == (403, "node_label")
    anywhere = FeedClient(control.internal_url, token("")["token"], node.node)
    assert anywhere.receipt(label="its-host").status == 204
    assert api.get(f"/nodes/{node.node}").body["label"] == "madrid"
    for client in (node, labelled, elsewhere, anywhere):
        client.close()


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
    assert told["tokens_unbounded"] == []


def test_the_lives_of_fetched_tokens_count_and_where_none_is_set_the_backend_is_named(
    api: AdminAPI, world: World
) -> None:
    kid = world.key()["kid"]
    world.login_backend(life_seconds=7_200)
    unbounded = world.login_backend()
    assert api.get(f"/keys/{kid}/propagation").body["tokens_unbounded"] == []
    api.post(f"/keys/{kid}/revoke")
    told = api.get(f"/keys/{kid}/propagation").body
    lived = datetime.fromisoformat(told["tokens_end_at"]) - datetime.fromisoformat(told["changed_at"])
    assert (lived, told["tokens_unbounded"]) == (timedelta(seconds=7_200), [unbounded["name"]])


def test_a_node_tokens_secret_finds_it_and_nothing_else_does() -> None:
    row, secret = create_node_token(SYSTEM, "edge", "", clock=SYSTEM_CLOCK)
    assert node_token(secret) == row
