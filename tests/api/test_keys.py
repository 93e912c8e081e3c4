"""API keys."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import serializers
from support.admin import AdminAPI
from support.world import NO_KID, NOBODY, World, body_of, lane, pointers, refusal, resource

from portazgo.audit.models import AuditRow
from portazgo.control.models import IdempotentRequest
from portazgo.keys.domain import digest, inner, parse_key
from portazgo.keys.models import Key, KeySecret, Pepper
from portazgo.kit.wrapping import KeyWrapper
from portazgo.settings import Settings
from portazgo.snapshot import revocations
from portazgo.snapshot.models import ChangeRow

pytestmark = pytest.mark.usefixtures("database")


def test_a_key_has_the_deployments_form_and_opens_by_its_digest(
    world: World, settings: Settings, wrapper: KeyWrapper
) -> None:
    application = world.application(environment="test")
    made = world.key(application, name="main")
    parsed = parse_key(made["api_key"])
    assert parsed is not None
    assert (parsed.prefix, parsed.environment, parsed.kid) == (settings.key_prefix, "test", made["kid"])
    body = body_of("key", made["kid"])
    pepper = wrapper.unwrap("pepper/1", body_of("pepper", "1")["wrapped"])
    assert body == {
        "application": application["id"],
        "status": "active",
        "name": "main",
        "secrets": [
            {"slot": "current", "digest": digest(pepper, inner(parsed.secret)), "pepper": 1, "ends_at_us": None}
        ],
        "expires_at_us": None,
        "scopes": None,
        "networks": None,
    }


def test_a_key_is_bound_to_client_certificates_and_set_free_again(api: AdminAPI, world: World) -> None:
    colons = ":".join(["AB"] * 32)
    made = world.key(client_certificates=[colons, "ab" * 32, "cd" * 32])
    assert made["client_certificates"] == ["ab" * 32, "cd" * 32]
    told = resource("key", made["kid"])
    assert told is not None
    assert told["requires"] == ["key.hmac-sha256.1", "key.client-certificate.1"]
    assert told["body"]["client_certificates"] == ["ab" * 32, "cd" * 32]
    free = api.patch(f"/keys/{made['kid']}", {"without_client_certificates": True})
    assert free.body["client_certificates"] is None
    assert "client_certificates" not in body_of("key", made["kid"])


@pytest.mark.parametrize("bad", [[], ["ab"], ["zz" * 32], [f"{number:02x}" * 32 for number in range(6)]])
def test_what_is_no_list_of_fingerprints_is_refused(api: AdminAPI, world: World, bad: list[str]) -> None:
    answer = api.post(f"/applications/{world.application()['id']}/keys", {"client_certificates": bad})
    assert {pointer.split("/")[1] for pointer in pointers(answer)} == {"client_certificates"}


def test_a_key_is_shown_once_and_never_again(api: AdminAPI, world: World) -> None:
    made = world.key()
    secret = made["api_key"].rsplit("_", 1)[1]
    api.patch(f"/keys/{made['kid']}", {"name": "renamed"})
    answers = [
        api.get(f"/keys/{made['kid']}"),
        api.get("/keys"),
        api.get("/audit"),
        api.get(f"/keys/{made['kid']}/propagation"),
        api.post(f"/keys/{made['kid']}/disable"),
        api.post(f"/keys/{made['kid']}/revoke"),
    ]
    assert all(answer.status == 200 for answer in answers)
    told = json.dumps([answer.body for answer in answers])
    assert "api_key" not in told
    assert secret not in told
    tables = (Key, KeySecret, Pepper, AuditRow, ChangeRow, IdempotentRequest)
    stored = "".join(serializers.serialize("json", table.objects.all()) for table in tables)
    assert secret[:32] not in stored
    assert inner(parse_key(made["api_key"]).secret).hex() not in stored  # type: ignore[union-attr]


def test_the_first_key_makes_one_pepper_and_the_second_none(world: World) -> None:
    for _ in range(2):
        world.key()
    assert list(Pepper.objects.values_list("version", flat=True)) == [1]


def test_a_list_is_newest_first_and_narrows(api: AdminAPI, world: World) -> None:
    application = world.application()
    kids = [world.key(application)["kid"] for _ in range(3)]
    world.key()
    api.post(f"/keys/{kids[0]}/disable")
    assert [item["kid"] for item in api.every("/keys", {"application": application["id"], "limit": 2})] == kids[::-1]
    narrowed = api.every("/keys", {"application": application["id"], "status": "disabled"})
    assert [item["kid"] for item in narrowed] == [kids[0]]
    assert api.get("/keys", {"status": "dead"}).status == 422


def test_a_newest_first_list_does_not_repeat_what_was_shown_when_keys_are_made(api: AdminAPI, world: World) -> None:
    application = world.application()
    kids = [world.key(application)["kid"] for _ in range(4)]
    page = api.get("/keys", {"limit": 2}).body
    world.key(application)
    rest = api.get("/keys", {"limit": 10, "cursor": page["next_cursor"]}).body["items"]
    assert [item["kid"] for item in [*page["items"], *rest]] == kids[::-1]


def test_disabling_and_enabling_reach_nodes_both_ways(api: AdminAPI, world: World) -> None:
    kid = world.key()["kid"]
    for _ in range(2):
        assert api.post(f"/keys/{kid}/disable").body["status"] == "disabled"
    assert body_of("key", kid)["status"] == "disabled"
    assert api.post(f"/keys/{kid}/enable").body["status"] == "active"
    assert body_of("key", kid)["status"] == "active"
    assert lane() == [("disable_key", kid), ("enable_key", kid)]


def test_a_revoked_key_is_dead_for_ever(api: AdminAPI, world: World, settings: Settings) -> None:
    kid = world.key()["kid"]
    revoked = api.post(f"/keys/{kid}/revoke")
    assert (revoked.status, revoked.body["status"]) == (200, "revoked")
    assert revoked.body["revoked_at"] is not None
    assert body_of("key", kid)["status"] == "revoked"
    assert revocations.revoked_kids(settings.data_dir) == {kid}
    again = api.post(f"/keys/{kid}/revoke")
    # What is shown beside it is who uses an old secret: there is none.
    assert {**again.body, "retiring_use": None} == api.get(f"/keys/{kid}").body
    assert lane() == [("revoke_key", kid)]
    for verb in ("enable", "disable"):
        assert refusal(api.post(f"/keys/{kid}/{verb}")) == (409, "key_revoked")
    assert refusal(api.patch(f"/keys/{kid}", {"name": "back"})) == (409, "key_revoked")


def test_a_revocation_counts_also_when_its_file_cannot_be_written(
    api: AdminAPI, world: World, settings: Settings
) -> None:
    kid = world.key()["kid"]
    file = settings.data_dir / revocations.FILE_NAME
    file.mkdir()
    try:
        assert api.post(f"/keys/{kid}/revoke").status == 200
    finally:
        file.rmdir()
    assert lane() == [("revoke_key", kid)]
    assert revocations.catch_up(settings.data_dir) == 1
    assert revocations.revoked_kids(settings.data_dir) == {kid}


def test_only_narrower_networks_hurry(api: AdminAPI, world: World) -> None:
    kid = world.key(networks=["10.0.0.0/8"])["kid"]
    assert api.patch(f"/keys/{kid}", {"networks": ["10.0.0.0/8", "192.168.0.0/16"]}).status == 200
    assert lane() == []
    narrowed = api.patch(f"/keys/{kid}", {"networks": ["10.1.0.0/16"]})
    assert narrowed.body["networks"] == ["10.1.0.0/16"]
    assert lane() == [("narrow_networks", kid)]
    assert body_of("key", kid)["networks"] == ["10.1.0.0/16"]


def test_scopes_and_name_change_and_the_rest_stays(api: AdminAPI, world: World) -> None:
    made = world.key(scopes=["read"], networks=["10.0.0.0/8"])
    changed = api.patch(f"/keys/{made['kid']}", {"scopes": ["read", "write"], "name": "n"}).body
    assert (changed["scopes"], changed["name"], changed["networks"]) == (["read", "write"], "n", ["10.0.0.0/8"])
    assert body_of("key", made["kid"])["scopes"] == ["read", "write"]


def test_an_expiry_is_kept_in_utc_and_told_to_nodes_in_microseconds(api: AdminAPI, world: World) -> None:
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    made = world.key(expires_at=(moment.isoformat().replace("+00:00", "") + "+00:00"))
    shown = api.get(f"/keys/{made['kid']}").body["expires_at"]
    assert datetime.fromisoformat(shown) == moment
    assert made["expires_at"] == shown
    assert body_of("key", made["kid"])["expires_at_us"] == int(moment.timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"expires_at": "2020-01-01T00:00:00Z"}, {"/expires_at"}),
        ({"expires_at": "2099-01-01T00:00:00"}, {"/expires_at"}),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, {"/expires_at"}),
        ({"expires_at": 4102444800}, {"/expires_at"}),
        ({"networks": ["10.0.0.1/8"]}, {"/networks"}),
        ({"networks": ["everywhere"]}, {"/networks"}),
        ({"scopes": ["with space"]}, {"/scopes/0"}),
        ({"name": "bell\x07"}, {"/name"}),
        ({"api_key": "chosen"}, {"/api_key"}),
    ],
)
def test_every_wrong_place_is_named(api: AdminAPI, world: World, body: dict[str, Any], where: set[str]) -> None:
    refused = api.post(f"/applications/{world.application()['id']}/keys", body)
    assert (refusal(refused), pointers(refused)) == ((422, "invalid"), where)
    assert not Key.objects.exists()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ""),
        ("patch", ""),
        ("post", "/disable"),
        ("post", "/enable"),
        ("post", "/revoke"),
        ("get", "/propagation"),
    ],
)
def test_no_key_can_be_neither_shown_nor_changed(api: AdminAPI, method: str, path: str) -> None:
    arguments: list[dict[str, str]] = [{}] if method == "patch" else []
    assert refusal(getattr(api, method)(f"/keys/{NO_KID}{path}", *arguments)) == (404, "key_unknown")


@pytest.mark.parametrize("kid", ["short", "with-hyphen", NOBODY, "aaaaaaaaa%00"])
@pytest.mark.parametrize("path", ["", "/propagation"])
def test_what_has_not_the_form_of_a_kid_is_told_so(api: AdminAPI, kid: str, path: str) -> None:
    assert pointers(api.get(f"/keys/{kid}{path}")) == {"/kid"}
