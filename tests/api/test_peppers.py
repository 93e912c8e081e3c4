"""The pepper is replaced: every secret moves, whatever becomes of its key meanwhile, and the old version goes."""

from __future__ import annotations

import json

import pytest
from support.admin import AdminAPI
from support.world import World

from portazgo.audit.models import AuditRow
from portazgo.control.provider import wrapper
from portazgo.keys import pepper_rotation
from portazgo.keys.domain import Kid, digest, inner, parse_key
from portazgo.keys.models import Key, KeySecret, Pepper
from portazgo.keys.peppers import unwrapped
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.kit.wrapping import KeyWrapper
from portazgo.snapshot.models import ResourceRow

pytestmark = pytest.mark.usefixtures("database")


def go_on(seconds: float = 60) -> int:
    return pepper_rotation.go_on(wrapper, clock=SYSTEM_CLOCK, seconds=seconds)


def expected_digest(api_key: str, pepper: Pepper) -> str:
    parsed = parse_key(api_key)
    assert parsed is not None
    return digest(unwrapped(pepper, wrapper()), inner(parsed.secret))


def compiled(kid: str) -> dict[str, object]:
    secret: dict[str, object] = json.loads(ResourceRow.objects.get(kind="key", identifier=kid).line)["body"]["secrets"][
        0
    ]
    return secret


def test_every_secret_moves_and_the_old_version_goes_from_database_and_nodes(api: AdminAPI, world: World) -> None:
    keys = [world.key() for _ in range(4)]
    application = world.application()
    disabled, revoked = world.key(application), world.key(application)
    api.post(f"/keys/{disabled['kid']}/disable")
    api.post(f"/keys/{revoked['kid']}/revoke")
    (old,) = Pepper.objects.all()
    made = api.post("/peppers/rotate")
    assert (made.status, made.body["version"], made.body["state"]) == (201, old.version + 1, "current")
    assert [(row["state"], row["secrets"]) for row in api.every("/peppers")] == [("current", 0), ("leaving", 6)]
    assert go_on() == 6
    assert [(row["version"], row["secrets"]) for row in api.every("/peppers")] == [(old.version + 1, 6)]
    (new,) = Pepper.objects.all()
    for one in [*keys, disabled, revoked]:
        assert KeySecret.objects.get(key=one["kid"]).digest == expected_digest(one["api_key"], new)
        assert compiled(one["kid"]) == {
            "slot": "current", "digest": expected_digest(one["api_key"], new), "pepper": new.version, "ends_at_us": None,
        }  # fmt: skip
    assert list(ResourceRow.objects.filter(kind="pepper").values_list("identifier", flat=True)) == [str(new.version)]
    assert go_on() == 0


def test_what_a_batch_leaves_the_next_round_moves(api: AdminAPI, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    application = world.application()
    for _ in range(5):
        world.key(application)
    api.post("/peppers/rotate")
    monkeypatch.setattr(pepper_rotation, "SECRETS_AT_ONCE", 2)
    assert [go_on(seconds=0) for _ in range(4)] == [2, 2, 1, 0]
    moved = AuditRow.objects.filter(action="pepper.secrets_moved").order_by("id")
    assert [row.details["secrets"] for row in moved] == [2, 2, 1]
    assert AuditRow.objects.filter(action="pepper.retired").count() == 1


def test_a_second_rotation_waits_for_the_first(api: AdminAPI, world: World) -> None:
    world.key()
    api.post("/peppers/rotate")
    refused = api.post("/peppers/rotate")
    assert (refused.status, refused.body["code"]) == (409, "pepper_rotation_under_way")
    go_on()
    assert api.post("/peppers/rotate").status == 201


def test_without_a_key_there_is_no_pepper_to_replace(api: AdminAPI) -> None:
    refused = api.post("/peppers/rotate")
    assert (refused.status, refused.body["code"]) == (409, "no_pepper")


def test_a_secret_that_was_replaced_since_it_was_read_keeps_its_own_digest(
    api: AdminAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world.key()
    api.post("/peppers/rotate")
    row = KeySecret.objects.get(key=made["kid"])

    def replaced_meanwhile(pepper: Pepper, ours: KeyWrapper) -> bytes:
        KeySecret.objects.filter(id=row.id).update(sealed="another", digest="d" * 64)
        return unwrapped(pepper, ours)

    with monkeypatch.context() as patched:
        patched.setattr(pepper_rotation, "unwrapped", replaced_meanwhile)
        patched.setattr(pepper_rotation, "SECRETS_AT_ONCE", 1)
        pepper_rotation._move([row], Pepper.objects.order_by("-version")[0], wrapper(), SYSTEM_CLOCK)
    assert KeySecret.objects.get(id=row.id).digest == "d" * 64


def test_a_key_made_with_the_old_version_in_between_keeps_that_version_for_another_round(
    api: AdminAPI, world: World
) -> None:
    old = world.key()
    older = Pepper.objects.get()
    api.post("/peppers/rotate")
    go_on()
    assert Pepper.objects.count() == 1
    # As a `create` that had read the pepper before the rotation: its row comes to lie under a version that is leaving.
    api.post("/peppers/rotate")
    leaving = Pepper.objects.order_by("version")[0]
    assert leaving.version == older.version + 1
    pepper_rotation._drop(leaving, SYSTEM_CLOCK)
    assert Pepper.objects.filter(version=leaving.version).exists()
    assert go_on() == 1
    assert Key.objects.get(kid=Kid(old["kid"])).secrets.get().pepper_id == older.version + 2
