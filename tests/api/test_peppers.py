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


# ------------------------------------------------------------------------------------------- what can't be opened


@pytest.fixture
def broken(api: AdminAPI, world: World) -> str:
    """A key whose inner digest can't be opened any more, among others; a rotation of the pepper has begun."""
    application = world.application()
    kids: list[str] = [world.key(application)["kid"] for _ in range(5)]
    row = KeySecret.objects.get(key=kids[2])
    head, _, sealed = row.sealed.rpartition(":")
    KeySecret.objects.filter(id=row.id).update(sealed=f"{head}:{'A' * len(sealed)}")
    assert api.post("/peppers/rotate").status == 201
    return kids[2]


def test_a_secret_that_cannot_be_opened_holds_up_no_other_and_is_named(
    api: AdminAPI, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pepper_rotation, "SECRETS_AT_ONCE", 2)
    before = KeySecret.objects.get(key=broken)
    assert go_on() == 4
    new, old = api.every("/peppers")
    assert [(row["state"], row["secrets"], row["stuck"]) for row in (new, old)] == [("current", 4, 0), ("stuck", 1, 1)]
    shown = api.get(f"/peppers/{old['version']}").body
    assert [(one["kid"], one["slot"], one["number"]) for one in shown["stuck_secrets"]] == [(broken, "current", 1)]
    assert api.get(f"/peppers/{new['version']}").body["stuck_secrets"] == []
    # It works as before, under the pepper that nodes still have.
    after = KeySecret.objects.get(key=broken)
    assert (after.digest, after.pepper_id) == (before.digest, old["version"])
    assert set(ResourceRow.objects.filter(kind="pepper").values_list("identifier", flat=True)) == {
        str(old["version"]),
        str(new["version"]),
    }
    (row,) = AuditRow.objects.filter(action="pepper.secret_stuck")
    assert (row.subject, row.details["pepper"]) == (broken, old["version"])
    assert before.sealed not in json.dumps(row.details)
    rows = AuditRow.objects.count()
    assert (go_on(), AuditRow.objects.count()) == (0, rows), "a round without work writes nothing"


def test_the_old_pepper_goes_once_that_key_was_rotated_and_its_old_secret_is_over(api: AdminAPI, broken: str) -> None:
    go_on()
    rotated = api.post(f"/keys/{broken}/rotate", {"grace": "0s", "expected_secret": 1})
    assert rotated.status == 200
    assert (go_on(), Pepper.objects.count()) == (0, 2)
    KeySecret.objects.filter(key=broken, slot="retiring").delete()
    go_on()
    assert Pepper.objects.count() == 1


def test_deleting_a_dead_key_lets_the_old_pepper_go_too(api: AdminAPI, broken: str) -> None:
    go_on()
    api.post(f"/keys/{broken}/revoke")
    assert (go_on(), Pepper.objects.count()) == (0, 2)
    assert api.delete(f"/keys/{broken}").status == 204
    go_on()
    assert Pepper.objects.count() == 1


def test_another_rotation_is_not_held_up_either_and_what_opens_again_is_moved(api: AdminAPI, broken: str) -> None:
    mended = KeySecret.objects.get(key=broken)
    assert api.post("/peppers/rotate").body["code"] == "pepper_rotation_under_way"
    go_on()
    assert api.post("/peppers/rotate").status == 201
    assert go_on() == 4
    assert [(row["state"], row["secrets"]) for row in api.every("/peppers")] == [("current", 4), ("stuck", 1)]
    inner_digest = inner(parse_key(api.post(f"/keys/{broken}/rotate", {"grace": "1d"}).body["api_key"]).secret)  # type: ignore[union-attr]
    KeySecret.objects.filter(id=mended.id).update(
        sealed=wrapper().wrap(f"inner/{broken}", inner_digest),
        stuck_at=SYSTEM_CLOCK.now() - pepper_rotation.STUCK_AGAIN,
    )
    assert go_on() == 1
    assert [row["stuck"] for row in api.every("/peppers")] == [0]


def test_an_unknown_version_is_not_found(api: AdminAPI) -> None:
    assert api.get("/peppers/999").status == 404
