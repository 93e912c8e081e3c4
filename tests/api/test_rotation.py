"""Two secrets under one kid: rotate, extend, end, cancel; and that nobody is left without a secret that works."""

from __future__ import annotations

import concurrent.futures
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import serializers
from django.db import connections
from support.admin import AdminAPI
from support.clock import FakeClock
from support.control import ControlProcess
from support.world import NO_KID, World, body_of, pointers, refusal

from portazgo.accounts.domain import SYSTEM, Actor
from portazgo.audit.models import AuditRow
from portazgo.control.models import IdempotentRequest
from portazgo.keys import rotation
from portazgo.keys.domain import digest, inner, parse_key
from portazgo.keys.grace import ENDED_KEPT, GraceBounds
from portazgo.keys.models import Key, KeySecret
from portazgo.kit.clock import microseconds
from portazgo.kit.errors import Conflict, Invalid
from portazgo.kit.http import JsonClient
from portazgo.kit.secret import Secret
from portazgo.kit.wrapping import KeyWrapper
from portazgo.settings import Settings
from portazgo.snapshot.models import ChangeRow
from portazgo.snapshot.verify import differing

pytestmark = pytest.mark.usefixtures("database")

BOUNDS = GraceBounds(timedelta(0), timedelta(days=30), timedelta(days=7))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AT_ONCE = 8


@pytest.fixture
def slots(wrapper: KeyWrapper) -> Callable[[str], dict[str, int | None]]:
    """Tell what nodes would make of a whole key: the slots that its secret is in, each with its end."""

    def find(api_key: str) -> dict[str, int | None]:
        parsed = parse_key(api_key)
        assert parsed is not None
        pepper = wrapper.unwrap("pepper/1", body_of("pepper", "1")["wrapped"])
        ours = digest(pepper, inner(parsed.secret))
        secrets = body_of("key", parsed.kid)["secrets"]
        return {one["slot"]: one["ends_at_us"] for one in secrets if one["digest"] == ours}

    return find


def rotate(api: AdminAPI, kid: str, **body: Any) -> Any:
    answer = api.post(f"/keys/{kid}/rotate", body)
    assert answer.status == 200, answer
    return answer.body


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def milliseconds(time_us: int | None) -> int:
    """The API tells times to the millisecond."""
    assert time_us is not None
    return time_us // 1_000


def secrets_of(key: Any) -> dict[str, Any]:
    return {secret["slot"]: secret for secret in key["secrets"]}


def test_a_rotation_keeps_the_kid_and_both_secrets_work_until_the_old_one_ends(
    api: AdminAPI, world: World, slots: Callable[[str], dict[str, int | None]]
) -> None:
    old = world.key(name="main")
    began = datetime.now(UTC)
    new = rotate(api, old["kid"], grace="7d")
    assert (new["kid"], new["name"], new["status"]) == (old["kid"], "main", "active")
    assert new["api_key"] != old["api_key"]
    current, retiring = secrets_of(new)["current"], secrets_of(new)["retiring"]
    assert (current["number"], current["ends_at"], current["ended"]) == (2, None, False)
    assert (retiring["number"], retiring["ended"], retiring["created_at"]) == (1, False, old["created_at"])
    ends_at = moment(retiring["ends_at"])
    assert began + 7 * DAY - timedelta(milliseconds=1) <= ends_at <= datetime.now(UTC) + 7 * DAY
    assert slots(new["api_key"]) == {"current": None}
    assert milliseconds(slots(old["api_key"])["retiring"]) == milliseconds(microseconds(ends_at))
    shown = api.get(f"/keys/{old['kid']}").body
    assert "api_key" not in shown
    assert shown["secrets"] == new["secrets"]
    assert shown["retiring_use"] == {"requests": 0, "refused": 0, "last_used_at": None, "callers": []}
    assert differing() == []


def test_without_a_wish_the_operators_usual_grace_holds(api: AdminAPI, world: World, settings: Settings) -> None:
    retiring = secrets_of(rotate(api, world.key()["kid"]))["retiring"]
    left = moment(retiring["ends_at"]) - datetime.now(UTC)
    assert timedelta(0) < settings.rotation_default_grace - left < timedelta(minutes=1)


def test_a_key_before_its_first_rotation_tells_of_no_old_secret(api: AdminAPI, world: World) -> None:
    shown = api.get(f"/keys/{world.key()['kid']}").body
    assert shown["retiring_use"] is None
    assert [secret["slot"] for secret in shown["secrets"]] == ["current"]


def test_a_second_rotation_is_refused_with_the_choices_while_the_old_secret_still_retires(
    api: AdminAPI, world: World, slots: Callable[[str], dict[str, int | None]]
) -> None:
    first = world.key()
    second = rotate(api, first["kid"], grace="1d")
    refused = api.post(f"/keys/{first['kid']}/rotate", {"grace": "1d"})
    assert refusal(refused) == (409, "rotation_pending")
    assert refused.body["retiring_secret"] == 1
    assert refused.body["retiring_ends_at"].startswith(secrets_of(second)["retiring"]["ends_at"][:19])
    assert all(choice in refused.body["remedy"] for choice in ("extend", "end", "cancel", "end_retiring"))
    assert [list(slots(key["api_key"])) for key in (first, second)] == [["retiring"], ["current"]]
    # By an explicit word, and with the secret named, it is done.
    third = rotate(api, first["kid"], grace="1d", end_retiring=True, expected_secret=2)
    assert [list(slots(key["api_key"])) for key in (first, second, third)] == [[], ["retiring"], ["current"]]


@pytest.mark.parametrize("body", [{"grace": "0s"}, {"grace": "1d", "end_retiring": True}])
def test_what_lets_a_secret_die_at_once_must_name_what_it_replaces(
    api: AdminAPI, world: World, body: dict[str, Any]
) -> None:
    kid = world.key()["kid"]
    refused = api.post(f"/keys/{kid}/rotate", body)
    assert (refusal(refused), pointers(refused)) == ((422, "expected_secret_needed"), {"/expected_secret"})
    named = {**body, "expected_secret": 1}
    assert api.post(f"/keys/{kid}/rotate", named).status == 200
    # Sent a second time, by another hand or after a lost answer, it kills nothing.
    again = api.post(f"/keys/{kid}/rotate", named)
    assert refusal(again) == (409, "secret_moved")
    assert again.body["current_secret"] == 2


def test_without_grace_the_old_secret_has_ended_at_once_and_makes_room_for_the_next_rotation(
    api: AdminAPI, world: World, slots: Callable[[str], dict[str, int | None]]
) -> None:
    old = world.key()
    new = rotate(api, old["kid"], grace="0s", expected_secret=1)
    (end,) = slots(old["api_key"]).values()
    assert end is not None
    assert end <= microseconds(datetime.now(UTC))
    assert secrets_of(new)["retiring"]["ended"] is True
    assert refusal(api.post(f"/keys/{old['kid']}/rotation/cancel", {})) == (409, "no_rotation")
    third = rotate(api, old["kid"], grace="1d")
    assert slots(old["api_key"]) == {}
    assert [secret["number"] for secret in third["secrets"]] == [3, 2]


def test_an_idempotency_key_gives_the_same_key_again_and_nothing_of_it_is_stored_in_clear(
    api: AdminAPI, world: World
) -> None:
    kid = world.key()["kid"]
    first, second = (api.post(f"/keys/{kid}/rotate", {"grace": "1h"}, Idempotency_Key="one") for _ in range(2))
    assert first.body == second.body
    assert second.headers["Idempotent-Replayed"] == "true"
    secret = parse_key(first.body["api_key"]).secret  # type: ignore[union-attr]
    tables = (Key, KeySecret, AuditRow, ChangeRow, IdempotentRequest)
    stored = "".join(serializers.serialize("json", table.objects.all()) for table in tables)
    assert secret.reveal() not in stored
    assert inner(secret).hex() not in stored
    told = json.dumps([api.get(path).body for path in ("/audit", "/keys", f"/keys/{kid}")])
    assert secret.reveal() not in told


def test_the_grace_is_extended_ended_early_and_never_past_the_most(api: AdminAPI, world: World) -> None:
    kid = world.key()["kid"]
    end = moment(secrets_of(rotate(api, kid, grace="2d"))["retiring"]["ends_at"])
    longer = api.post(f"/keys/{kid}/rotation/extend", {"grace": "10d"})
    assert moment(secrets_of(longer.body)["retiring"]["ends_at"]) - end >= 8 * DAY
    told_us = microseconds(moment(secrets_of(longer.body)["retiring"]["ends_at"]))
    assert milliseconds(body_of("key", kid)["secrets"][1]["ends_at_us"]) == milliseconds(told_us)
    assert refusal(api.post(f"/keys/{kid}/rotation/extend", {"grace": "3d"})) == (409, "grace_not_longer")
    assert refusal(api.post(f"/keys/{kid}/rotation/end", {"grace": "20d"})) == (409, "grace_not_shorter")
    sooner = api.post(f"/keys/{kid}/rotation/end", {"grace": "1h"})
    assert moment(secrets_of(sooner.body)["retiring"]["ends_at"]) < datetime.now(UTC) + HOUR
    at_once = api.post(f"/keys/{kid}/rotation/end", {})
    assert secrets_of(at_once.body)["retiring"]["ended"] is True
    for verb, body in (("extend", {"grace": "1d"}), ("end", {}), ("cancel", {})):
        assert refusal(api.post(f"/keys/{kid}/rotation/{verb}", body)) == (409, "no_rotation")
    actions = [row["action"] for row in api.every("/audit") if row["subject"] == kid]
    assert actions[:4] == ["key.grace_ended", "key.grace_ended", "key.grace_extended", "key.rotated"]


def test_a_cancelled_rotation_kills_the_new_secret_and_the_old_one_is_current_without_an_end(
    api: AdminAPI, world: World, slots: Callable[[str], dict[str, int | None]]
) -> None:
    old = world.key()
    lost = rotate(api, old["kid"], grace="1d")
    assert refusal(api.post(f"/keys/{old['kid']}/rotation/cancel", {"expected_secret": 2})) == (409, "secret_moved")
    back = api.post(f"/keys/{old['kid']}/rotation/cancel", {"expected_secret": 1})
    assert [(secret["slot"], secret["number"]) for secret in back.body["secrets"]] == [("current", 1)]
    assert (slots(old["api_key"]), slots(lost["api_key"])) == ({"current": None}, {})
    # The number of a dead secret is never used again, so that a late request can't mean another one.
    again = rotate(api, old["kid"], grace="1d")
    assert secrets_of(again)["current"]["number"] == 3


def test_a_grace_never_outlives_the_key(api: AdminAPI, world: World) -> None:
    expires_at = datetime.now(UTC).replace(microsecond=0) + DAY
    kid = world.key(expires_at=expires_at.isoformat())["kid"]
    assert moment(secrets_of(rotate(api, kid, grace="7d"))["retiring"]["ends_at"]) == expires_at
    assert refusal(api.post(f"/keys/{kid}/rotation/extend", {"grace": "8d"})) == (409, "grace_not_longer")


@pytest.mark.parametrize("verb", ["rotate", "rotation/extend", "rotation/end", "rotation/cancel"])
def test_a_dead_key_and_one_that_is_not_there_are_not_rotated(api: AdminAPI, world: World, verb: str) -> None:
    kid = world.key()["kid"]
    rotate(api, kid)
    body = {"grace": "9d"} if verb == "rotation/extend" else {}
    assert refusal(api.post(f"/keys/{NO_KID}/{verb}", body)) == (404, "key_unknown")
    api.post(f"/keys/{kid}/revoke")
    assert refusal(api.post(f"/keys/{kid}/{verb}", body)) == (409, "key_revoked")


@pytest.mark.parametrize(
    ("verb", "body", "where"),
    [
        ("rotate", {"grace": "31d"}, {"/grace"}),
        ("rotate", {"grace": 7}, {"/grace"}),
        ("rotate", {"grace": "7 days"}, {"/grace"}),
        ("rotate", {"expected_secret": 0}, {"/expected_secret"}),
        ("rotate", {"expected_secret": "1"}, {"/expected_secret"}),
        ("rotate", {"end_retiring": "yes"}, {"/end_retiring"}),
        ("rotation/extend", {}, {"/grace"}),
        ("rotation/end", {"unless_used_within": "1w"}, {"/unless_used_within"}),
        ("rotation/cancel", {"grace": "1d"}, {"/grace"}),
    ],
)
def test_every_wrong_place_is_named(
    api: AdminAPI, world: World, verb: str, body: dict[str, Any], where: set[str]
) -> None:
    kid = world.key()["kid"]
    assert pointers(api.post(f"/keys/{kid}/{verb}", body)) == where
    assert KeySecret.objects.count() == 1


def test_the_operators_bounds_hold_for_the_whole_grace(
    world: World, actor: Actor, clock: FakeClock, wrapper: KeyWrapper
) -> None:
    bounds = GraceBounds(least=HOUR, most=2 * DAY, usual=DAY)
    kid = world.key()["kid"]

    def turn(grace: timedelta | None) -> Key:
        wanted = rotation.Rotation(grace, expected_secret=1)
        return rotation.rotate(actor, kid, wanted, bounds, "ptz", wrapper=wrapper, clock=clock)[0]

    for grace in (timedelta(minutes=59), timedelta(days=2, seconds=1)):
        with pytest.raises(Conflict) as refused:
            turn(grace)
        assert (refused.value.code, refused.value.members) == ("grace_out_of_bounds", {"least": "1h", "most": "2d"})
    rotated_at = clock.now()
    turn(None)
    assert KeySecret.objects.get(slot="retiring").ends_at == rotated_at + DAY
    clock.move(20 * HOUR)
    rotation.extend(actor, kid, DAY, bounds, clock=clock)
    with pytest.raises(Conflict, match="at the latest"):
        rotation.extend(actor, kid, 30 * HOUR, bounds, clock=clock)
    rotation.extend(actor, kid, 28 * HOUR, bounds, clock=clock)
    assert KeySecret.objects.get(slot="retiring").ends_at == rotated_at + 2 * DAY
    # To end early is not a matter of the least grace.
    rotation.end(actor, kid, timedelta(minutes=1), clock=clock)
    assert KeySecret.objects.get(slot="retiring").ends_at == clock.now() + timedelta(minutes=1)


def test_an_ended_secret_is_forgotten_after_a_day_and_not_before(
    world: World, actor: Actor, clock: FakeClock, wrapper: KeyWrapper
) -> None:
    kids = [world.key()["kid"] for _ in range(3)]
    for kid in kids[:2]:
        rotation.rotate(actor, kid, rotation.Rotation(HOUR), BOUNDS, "ptz", wrapper=wrapper, clock=clock)
    clock.move(HOUR + ENDED_KEPT - timedelta(microseconds=1))
    assert rotation.forget_ended(SYSTEM, clock=clock) == 0
    rotation.rotate(actor, kids[1], rotation.Rotation(HOUR), BOUNDS, "ptz", wrapper=wrapper, clock=clock)
    clock.move(timedelta(microseconds=1))
    assert [rotation.forget_ended(SYSTEM, clock=clock) for _ in range(2)] == [1, 0]
    numbers = {kid: list(KeySecret.objects.filter(key=kid).order_by("number").values_list("number")) for kid in kids}
    assert numbers == {kids[0]: [(2,)], kids[1]: [(2,), (3,)], kids[2]: [(1,)]}
    assert [len(body_of("key", kid)["secrets"]) for kid in kids] == [1, 2, 1]
    assert differing() == []


# ------------------------------------------------------------------------------------------------------------ at once


@pytest.mark.parametrize(
    "body", [{"grace": "1d"}, {"grace": "1d", "expected_secret": 1}, {"grace": "0s", "expected_secret": 1}]
)
def test_of_rotations_at_once_exactly_one_is_carried_out_and_the_others_are_told_what_to_do(
    control: ControlProcess,
    admin_token: str,
    world: World,
    body: dict[str, Any],
    slots: Callable[[str], dict[str, int | None]],
) -> None:
    old = world.key()

    def turn(_: int) -> tuple[int, Any]:
        client = JsonClient(control.control_url, Secret(admin_token))
        answer = client.request("POST", f"/api/v1/keys/{old['kid']}/rotate", body=body)
        return answer.status, answer.json()

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(turn, range(AT_ONCE)))
    done = [told for status, told in answers if status == 200]
    refused = [told for status, told in answers if status == 409]
    assert (len(done), len(refused)) == (1, AT_ONCE - 1)
    assert {told["code"] for told in refused} <= {"secret_moved", "rotation_pending"}
    assert all(told["remedy"] for told in refused)
    assert list(slots(done[0]["api_key"])) == ["current"]
    assert list(slots(old["api_key"])) == ["retiring"]
    assert sorted(KeySecret.objects.values_list("slot", "number")) == [("current", 2), ("retiring", 1)]
    assert AuditRow.objects.filter(action="key.rotated").count() == 1


def test_whatever_is_done_at_once_nobody_who_was_handed_a_key_is_stranded(
    api: AdminAPI, world: World, actor: Actor, wrapper: KeyWrapper, slots: Callable[[str], dict[str, int | None]]
) -> None:
    """Rotations without a name, extensions and cancellations by four hands: no secret dies but by a cancellation."""
    kid = world.key()["kid"]
    clock = FakeClock()
    refused: list[str] = []
    handed_out: list[str] = []

    def hand(number: int) -> None:
        acts: list[Callable[[], object]] = [
            lambda: handed_out.append(
                rotation.rotate(actor, kid, rotation.Rotation(DAY), BOUNDS, "ptz", wrapper=wrapper, clock=clock)[
                    1
                ].reveal()
            ),
            lambda: rotation.cancel(actor, kid, clock=clock),
            lambda: rotation.extend(actor, kid, 2 * DAY, BOUNDS, clock=clock),
        ]
        try:
            for turn in range(6):
                try:
                    acts[(number + turn) % len(acts)]()
                except (Conflict, Invalid) as problem:
                    refused.append(problem.code)
        finally:
            connections.close_all()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(hand, range(4)))
    assert set(refused) <= {"secret_moved", "rotation_pending", "no_rotation", "grace_not_longer"}
    secrets = {secret.slot: secret for secret in KeySecret.objects.all()}
    assert len(secrets) == KeySecret.objects.count()
    assert "current" in secrets
    # One secret is current: the first, or one that was handed out; every other that was is dead by a cancellation.
    cancelled = AuditRow.objects.filter(action="key.rotation_cancelled").count()
    rotated = AuditRow.objects.filter(action="key.rotated").count()
    assert rotated == len(handed_out) == Key.objects.get().last_secret - 1
    alive = [key for key in handed_out if slots(key)]
    assert len(handed_out) - len(alive) == cancelled
    assert rotated - cancelled == (1 if "retiring" in secrets else 0)
    assert differing() == []
