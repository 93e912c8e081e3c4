"""Who still uses an old secret, by the records of real nodes: counted once, by caller, and told to the owner."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.admin import AdminAPI
from support.clock import FakeClock
from support.segments import KEY, KID, OLD_KEY, PATH, ROUTE, Recorded, record
from support.world import World, refusal

from portazgo._native import summarize_segment
from portazgo.accounts.domain import Actor
from portazgo.keys import rotation
from portazgo.keys.grace import GraceBounds
from portazgo.keys.models import KeySecret
from portazgo.keys.notices import tell_retiring
from portazgo.kit.clock import SYSTEM_CLOCK, microseconds
from portazgo.kit.wrapping import KeyWrapper
from portazgo.notifications.models import Event
from portazgo.usage.collector import collect
from portazgo.usage.models import RetiringUse
from portazgo.usage.retiring import (
    KEPT,
    NOTICE_BEFORE,
    STILL_USED,
    forget_old_uses,
    retiring_secrets_ending,
    uses_since,
)

pytestmark = pytest.mark.usefixtures("database", "data_keys")

BOUNDS = GraceBounds(timedelta(0), timedelta(days=30), timedelta(days=7))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def collected(records: Recorded) -> list[bool]:
    return [collect(records.node, records.epoch, first, content).stored for first, content in records.segments]


def in_an_hour() -> int:
    return microseconds(datetime.now(UTC) + HOUR)


def told(uses: Any) -> list[tuple[str | None, str | None, int, int]]:
    return sorted((one.address, one.user_agent, one.requests, one.refused) for one in uses.callers)


def test_uses_of_the_old_secret_are_counted_by_caller_and_nothing_else_is() -> None:
    before = datetime.now(UTC)
    calls = [
        (PATH, {"X-Api-Key": OLD_KEY, "User-Agent": "batch/1"}),
        (PATH, {"X-Api-Key": KEY, "User-Agent": "new/1"}),
        (PATH, {"X-Api-Key": OLD_KEY, "User-Agent": "batch/1"}),
        ("/v1/nowhere", {"X-Api-Key": OLD_KEY, "User-Agent": "shop/2"}),
        (PATH, {"X-Api-Key": OLD_KEY[:-1] + ("0" if OLD_KEY[-1] != "0" else "1"), "User-Agent": "typo/1"}),
    ]
    assert collected(record(calls, in_an_hour())) == [True]
    uses = uses_since(KID, before)
    assert (uses.requests, uses.refused) == (2, 0)  # a call to no route is refused before its key is looked at
    assert told(uses) == [("127.0.0.1", "batch/1", 2, 0)]
    assert uses.last_used_at is not None
    assert before < uses.last_used_at < datetime.now(UTC)
    assert uses.callers[0].route == ROUTE  # by its id, since this state has no such route
    assert uses_since(KID, datetime.now(UTC)).callers == ()


def test_after_its_end_the_old_secret_is_refused_and_the_record_says_whose_it_was() -> None:
    before = datetime.now(UTC)
    calls = [(PATH, {"X-Api-Key": OLD_KEY, "User-Agent": "late/1"})] * 2
    collected(record(calls, microseconds(before) - 1))
    uses = uses_since(KID, before)
    assert (uses.requests, uses.refused, uses.last_used_at) == (0, 2, None)
    assert told(uses) == [("127.0.0.1", "late/1", 0, 2)]


def test_what_a_node_sends_twice_is_counted_once_and_epochs_add_up() -> None:
    before = datetime.now(UTC)
    calls = [(PATH, {"X-Api-Key": OLD_KEY, "User-Agent": "batch/1"})] * 3
    first, second = record(calls, in_an_hour()), record(calls[:2], in_an_hour())
    assert [collected(first), collected(first), collected(second), collected(first)] == [
        [True],
        [False],
        [True],
        [False],
    ]
    assert uses_since(KID, before).requests == 5
    assert RetiringUse.objects.using("ledger").count() <= 2  # a row a day, however many calls


def test_segments_that_come_late_do_not_move_the_last_use_back() -> None:
    before = datetime.now(UTC)
    earlier = record([(PATH, {"X-Api-Key": OLD_KEY, "User-Agent": "batch/1"})], in_an_hour())
    later = record([(PATH, {"X-Api-Key": OLD_KEY, "User-Agent": "batch/1"})], in_an_hour())
    collected(later)
    last = uses_since(KID, before).last_used_at
    collected(earlier)
    uses = uses_since(KID, before)
    assert (uses.last_used_at, uses.requests) == (last, 2)
    rows = RetiringUse.objects.using("ledger").all()
    assert min(row.first_at_us for row in rows) < max(row.last_at_us for row in rows)


def a_rotated_key(world: World, actor: Actor, wrapper: KeyWrapper) -> str:
    """A key that was rotated before its old secret was used: rows are written in its name by the collector's own way."""
    kid: str = world.key()["kid"]
    rotation.rotate(actor, kid, rotation.Rotation(DAY), BOUNDS, "ptz", wrapper=wrapper, clock=SYSTEM_CLOCK)
    return kid


def used(kid: str, agent: str = "batch/1") -> None:
    """Collect a call with the old secret; the recorded key stands for this one."""
    collected(record([(PATH, {"X-Api-Key": OLD_KEY, "User-Agent": agent})], in_an_hour()))
    RetiringUse.objects.using("ledger").filter(kid=KID).update(kid=kid)


def test_the_owner_is_told_who_used_the_old_secret_and_when(
    api: AdminAPI, world: World, actor: Actor, wrapper: KeyWrapper
) -> None:
    kid = a_rotated_key(world, actor, wrapper)
    used(kid)
    use = api.get(f"/keys/{kid}").body["retiring_use"]
    assert (use["requests"], use["refused"], len(use["callers"])) == (1, 0, 1)
    caller = use["callers"][0]
    assert caller == {
        "address": "127.0.0.1",
        "user_agent": "batch/1",
        "route": ROUTE,
        "requests": 1,
        "refused": 0,
        "last_at": use["last_used_at"],
    }
    assert OLD_KEY not in json.dumps(use)


def test_an_end_by_evidence_is_refused_while_somebody_uses_the_old_secret(
    api: AdminAPI, world: World, actor: Actor, wrapper: KeyWrapper
) -> None:
    kid = a_rotated_key(world, actor, wrapper)
    used(kid)
    refused = api.post(f"/keys/{kid}/rotation/end", {"unless_used_within": "1h"})
    assert refusal(refused) == (409, "secret_in_use")
    assert "127.0.0.1 (batch/1)" in refused.body["detail"]
    assert KeySecret.objects.get(key=kid, slot="retiring").ends_at > datetime.now(UTC) + 23 * HOUR  # type: ignore[operator]
    time.sleep(1.1)
    assert api.post(f"/keys/{kid}/rotation/end", {"unless_used_within": "1s"}).status == 200


def test_secrets_that_end_soon_are_listed_with_their_last_use(
    api: AdminAPI, world: World, actor: Actor, clock: FakeClock, wrapper: KeyWrapper
) -> None:
    clock.wall = datetime.now(UTC)

    def rotated(grace: timedelta) -> str:
        kid: str = world.key(name="main")["kid"]
        rotation.rotate(actor, kid, rotation.Rotation(grace), BOUNDS, "ptz", wrapper=wrapper, clock=clock)
        return kid

    soon, later, much_later, dead = (rotated(grace) for grace in (HOUR, 6 * DAY, 8 * DAY, HOUR))
    world.key()
    api.post(f"/keys/{dead}/revoke")
    used(soon)
    first, second = retiring_secrets_ending(7 * DAY, clock=clock)
    assert [(one.kid, one.number, one.name, one.ends_at - clock.now()) for one in (first, second)] == [
        (soon, 1, "main", HOUR),
        (later, 1, "main", 6 * DAY),
    ]
    application = api.get(f"/keys/{soon}").body["application"]
    assert (str(first.application), first.rotated_at) == (application, clock.now())
    assert str(first.partner) == api.get(f"/applications/{application}").body["partner"]
    assert [one.is_used(clock.now()) for one in (first, second)] == [True, False]
    assert not first.is_used(clock.now() + STILL_USED + DAY)
    assert {one.kid for one in retiring_secrets_ending(9 * DAY, clock=clock)} == {soon, later, much_later}
    clock.move(2 * HOUR)
    assert [one.kid for one in retiring_secrets_ending(7 * DAY, clock=clock)] == [later]


def test_its_owner_is_told_once_of_an_old_secret_that_ends_soon_and_is_still_used(
    world: World, actor: Actor, clock: FakeClock, wrapper: KeyWrapper
) -> None:
    clock.wall = datetime.now(UTC) - 5.5 * DAY
    used_still, unused = (world.key()["kid"] for _ in range(2))
    for kid in (used_still, unused):
        rotation.rotate(actor, kid, rotation.Rotation(6 * DAY), BOUNDS, "ptz", wrapper=wrapper, clock=clock)
    clock.wall = datetime.now(UTC)
    used(used_still)
    now = clock.now() + timedelta(seconds=5)
    for expected in (1, 0):
        assert tell_retiring(retiring_secrets_ending(NOTICE_BEFORE, clock=clock), now) == expected
    (event,) = Event.objects.filter(type="key.secret_retiring")
    assert (event.data["kid"], event.data["notice"]) == (used_still, "1d")
    assert event.data["last_used_from"] == "127.0.0.1"


def test_uses_are_forgotten_after_sixty_days() -> None:
    collected(record([(PATH, {"X-Api-Key": OLD_KEY})], in_an_hour()))
    now = datetime.now(UTC)
    assert forget_old_uses(now + KEPT - DAY) == 0
    assert forget_old_uses(now + KEPT + DAY) == 1


def test_a_segment_without_old_secrets_tells_of_none() -> None:
    ((_, content),) = record([(PATH, {"X-Api-Key": KEY})], in_an_hour()).segments
    assert summarize_segment(content)["retiring"] == []
