"""Rotation by a plan's schedule: who is told when, what ends, and that nobody is cut off without notice."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from support.admin import AdminAPI
from support.clock import FakeClock
from support.world import Body, World, body_of, pointers

from portazgo.accounts.domain import SYSTEM
from portazgo.applications.models import Application
from portazgo.audit.models import AuditRow
from portazgo.keys import overdue, rotation
from portazgo.keys.grace import GraceBounds
from portazgo.keys.models import Key, KeySecret
from portazgo.kit.clock import microseconds
from portazgo.kit.errors import Conflict
from portazgo.kit.wrapping import KeyWrapper
from portazgo.notifications.models import Event
from portazgo.settings import Settings
from portazgo.snapshot.feed import head_now
from portazgo.snapshot.verify import differing

pytestmark = pytest.mark.usefixtures("database")

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BOUNDS = GraceBounds(timedelta(0), 30 * DAY, 7 * DAY)


@pytest.fixture
def clock() -> FakeClock:
    """A clock that starts now: the API under test makes keys by the machine's."""
    clock = FakeClock()
    clock.wall = datetime.now(UTC)
    return clock


def key_on(world: World, **rotation: Any) -> Body:
    return world.key(world.application(plan=world.plan(rotation=rotation or None)["id"]))


def current(kid: str) -> KeySecret:
    return KeySecret.objects.get(key=kid, slot="current")


def told(event: str, kid: str) -> list[tuple[str, bool]]:
    """The notices of an event, and whether each tells an end."""
    rows = Event.objects.filter(type=event, data__kid=kid).order_by("at", "id")
    return [(row.data["notice"], row.data["secret_ends_at"] is not None) for row in rows]


def days(clock: FakeClock, count: int, *, hours: int = 6) -> int:
    """Let the worker look every six hours for so many days."""
    done = 0
    for _ in range(count * 24 // hours):
        clock.move(timedelta(hours=hours))
        done += overdue.tend(clock=clock)
    return done


def test_a_secret_that_is_due_is_told_of_seven_days_a_day_before_and_then_and_goes_on_working(
    api: AdminAPI, world: World, clock: FakeClock
) -> None:
    kid = key_on(world, every="90d")["kid"]
    without = key_on(world)["kid"]
    shown = api.get(f"/keys/{kid}").body
    made = datetime.fromisoformat(shown["secrets"][0]["created_at"])
    assert datetime.fromisoformat(shown["rotation_due_at"]) == made + 90 * DAY
    assert shown["rotation_state"] == "scheduled"
    before = head_now().revision
    clock.move(82 * DAY)
    days(clock, 20)
    assert told("key.rotation_due", kid) == [("7d", False), ("1d", False), ("0s", False)]
    at = [row.at for row in Event.objects.filter(type="key.rotation_due").order_by("at")]
    for told_at, left in zip(at, (7 * DAY, DAY, 0 * DAY), strict=True):
        assert timedelta(0) <= told_at - (made + 90 * DAY - left) <= 6 * HOUR
    clock.move(100 * DAY)
    days(clock, 2)
    assert len(told("key.rotation_due", kid)) == 3
    assert (current(kid).ends_at, head_now().revision) == (None, before)
    assert (told("key.rotation_due", without), api.get(f"/keys/{without}").body["rotation_state"]) == ([], None)
    assert told("key.secret_ending", kid) == []
    KeySecret.objects.filter(key=kid).update(created_at=made - 91 * DAY)
    assert api.get(f"/keys/{kid}").body["rotation_state"] == "due"


def test_where_the_plan_says_so_it_ends_after_its_notices_unless_it_is_rotated(
    api: AdminAPI, world: World, clock: FakeClock, wrapper: KeyWrapper
) -> None:
    ignored, rotated = (key_on(world, every="30d", end_after="14d")["kid"] for _ in range(2))
    clock.move(22 * DAY)
    days(clock, 9)
    assert told("key.rotation_due", ignored) == [("7d", True), ("1d", True), ("0s", True)]
    end = current(ignored).ends_at
    assert end is not None
    assert 13 * DAY < end - clock.now() <= 14 * DAY
    assert body_of("key", ignored)["secrets"][0]["ends_at_us"] == microseconds(end)
    shown = api.get(f"/keys/{ignored}").body
    assert (shown["rotation_state"], shown["secrets"][0]["ended"]) == ("ending", False)
    row = AuditRow.objects.get(action="key.rotation_due", subject=ignored)
    assert (row.actor_kind, row.details["secret"], row.details["ends_at"] is not None) == ("system", 1, True)
    # One is rotated an hour before its end: whoever still has the old secret has the whole grace, as ever.
    clock.wall = end - HOUR
    overdue.tend(clock=clock)
    wanted = rotation.Rotation(grace=7 * DAY)
    key, _ = rotation.rotate(SYSTEM, rotated, wanted, BOUNDS, "ptz", wrapper=wrapper, clock=clock)
    secrets = {one.slot: one.ends_at for one in key.secrets.all()}
    assert secrets == {"current": None, "retiring": clock.now() + 7 * DAY}
    clock.move(HOUR)
    overdue.tend(clock=clock)
    assert told("key.secret_ending", ignored) == [("1h", True)]
    assert told("key.secret_ending", rotated) == [("1h", True)]
    days(clock, 2)
    assert len(told("key.secret_ending", ignored)) == 1
    assert len(told("key.rotation_due", rotated)) == 3
    KeySecret.objects.filter(key=ignored).update(ends_at=datetime.now(UTC) - HOUR)
    assert api.get(f"/keys/{ignored}").body["rotation_state"] == "ended"
    assert differing() != [], "the row was changed by hand"


def test_the_end_is_told_seven_days_a_day_and_an_hour_before(world: World, clock: FakeClock) -> None:
    kid = key_on(world, every="30d", end_after="14d")["kid"]
    clock.move(30 * DAY)
    days(clock, 13)
    days(clock, 2, hours=1)
    assert told("key.secret_ending", kid) == [("7d", True), ("1d", True), ("1h", True)]


def test_a_plan_that_is_made_stricter_ends_nothing_at_once(api: AdminAPI, world: World, clock: FakeClock) -> None:
    plan = world.plan()
    kid = world.key(world.application(plan=plan["id"]))["kid"]
    clock.move(400 * DAY)
    body = {"name": plan["name"]}
    assert api.put(f"/plans/{plan['id']}", {**body, "rotation": {"every": "90d"}}).status == 200
    assert overdue.tend(clock=clock) == 1
    assert (told("key.rotation_due", kid), current(kid).ends_at) == ([("0s", False)], None)
    assert overdue.tend(clock=clock) == 0
    api.put(f"/plans/{plan['id']}", {**body, "rotation": {"every": "90d", "end_after": "2d"}})
    overdue.tend(clock=clock)
    assert current(kid).ends_at == clock.now() + 2 * DAY
    assert told("key.rotation_due", kid) == [("0s", False), ("0s", True)]
    end = current(kid).ends_at
    clock.move(HOUR)
    api.put(f"/plans/{plan['id']}", {**body, "rotation": {"every": "90d", "end_after": "1d"}})
    assert overdue.tend(clock=clock) == 0
    assert current(kid).ends_at == end, "what was told holds"


@pytest.mark.parametrize("milder", [None, {"every": "90d"}, {"every": "500d", "end_after": "14d"}])
def test_a_plan_that_is_made_milder_takes_the_end_away(
    api: AdminAPI, world: World, clock: FakeClock, milder: Body | None
) -> None:
    plan = world.plan(rotation={"every": "90d", "end_after": "14d"})
    kid = world.key(world.application(plan=plan["id"]))["kid"]
    clock.move(91 * DAY)
    overdue.tend(clock=clock)
    assert current(kid).ends_at is not None
    api.put(f"/plans/{plan['id']}", {"name": plan["name"], "rotation": milder})
    overdue.tend(clock=clock)
    assert (current(kid).ends_at, body_of("key", kid)["secrets"][0]["ends_at_us"]) == (None, None)
    assert overdue.tend(clock=clock) == 0
    assert differing() == []


def test_so_does_an_application_that_leaves_its_plan(world: World, clock: FakeClock) -> None:
    made = key_on(world, every="90d", end_after="14d")
    clock.move(91 * DAY)
    overdue.tend(clock=clock)
    Application.objects.filter(id=made["application"]).update(plan=None)
    overdue.tend(clock=clock)
    assert (current(made["kid"]).ends_at, current(made["kid"]).due_told_at) == (None, None)


def test_the_end_of_a_secret_that_leaked_is_left_alone(api: AdminAPI, world: World, clock: FakeClock) -> None:
    plan = world.plan(rotation={"every": "90d", "end_after": "14d"})
    made = world.key(world.application(plan=plan["id"]))
    clock.move(91 * DAY)
    overdue.tend(clock=clock)
    leaked = api.post("/security/leak-reports", {"api_key": made["api_key"], "response": "retire_in_1h"})
    assert (leaked.status, leaked.body["response"]) == (200, "retire_in_1h")
    end = current(made["kid"]).ends_at
    assert end is not None
    clock.wall = datetime.now(UTC)
    api.put(f"/plans/{plan['id']}", {"name": plan["name"]})
    assert overdue.tend(clock=clock) == 0
    assert current(made["kid"]).ends_at == end
    clock.move(30 * 60 * timedelta(seconds=1))
    rotated = api.post(f"/keys/{made['kid']}/rotate", {"grace": "7d"}).body
    retiring = next(one for one in rotated["secrets"] if one["slot"] == "retiring")
    assert datetime.fromisoformat(retiring["ends_at"]) <= end


def test_what_has_ended_stays_dead_whatever_becomes_of_the_plan(
    api: AdminAPI, world: World, clock: FakeClock, wrapper: KeyWrapper
) -> None:
    plan = world.plan(rotation={"every": "90d", "end_after": "14d"})
    kid = world.key(world.application(plan=plan["id"]))["kid"]
    clock.move(91 * DAY)
    overdue.tend(clock=clock)
    end = current(kid).ends_at
    assert end is not None
    clock.move(15 * DAY)
    api.put(f"/plans/{plan['id']}", {"name": plan["name"]})
    assert overdue.tend(clock=clock) == 0
    assert current(kid).ends_at == end
    key, _ = rotation.rotate(SYSTEM, kid, rotation.Rotation(), BOUNDS, "ptz", wrapper=wrapper, clock=clock)
    assert {one.slot: one.ends_at for one in key.secrets.all()} == {"current": None, "retiring": end}


def test_whoever_cannot_use_a_key_is_told_when_he_can_again(api: AdminAPI, world: World, clock: FakeClock) -> None:
    policy = {"every": "90d", "end_after": "14d"}
    disabled, revoked = key_on(world, **policy), key_on(world, **policy)
    canary = world.key(world.application(plan=world.plan(rotation=policy)["id"]), canary=True)
    suspended = key_on(world, **policy)
    api.post(f"/keys/{disabled['kid']}/disable")
    api.post(f"/keys/{revoked['kid']}/revoke")
    api.post(f"/applications/{suspended['application']}/suspend")
    clock.move(91 * DAY)
    assert overdue.tend(clock=clock) == 0
    assert [api.get(f"/keys/{one['kid']}").body["rotation_due_at"] is None for one in (revoked, canary, disabled)] == [
        True,
        True,
        False,
    ]
    api.post(f"/keys/{disabled['kid']}/enable")
    api.post(f"/applications/{suspended['application']}/resume")
    clock.move(30 * DAY)
    assert overdue.tend(clock=clock) == 2
    assert current(disabled["kid"]).ends_at == clock.now() + 14 * DAY


def test_a_cancelled_rotation_leaves_the_end_that_was_told_or_that_of_its_grace(
    world: World, clock: FakeClock, wrapper: KeyWrapper
) -> None:
    kid = key_on(world, every="90d", end_after="14d")["kid"]
    clock.move(91 * DAY)
    overdue.tend(clock=clock)
    scheduled = clock.now() + 14 * DAY
    for grace in (7 * DAY, 30 * DAY):
        clock.move(DAY)
        rotation.rotate(SYSTEM, kid, rotation.Rotation(grace=grace), BOUNDS, "ptz", wrapper=wrapper, clock=clock)
        rotation.cancel(SYSTEM, kid, clock=clock)
        assert (current(kid).ends_at, current(kid).schedule_ends_at) == (max(scheduled, clock.now() + grace), scheduled)
        assert overdue.tend(clock=clock) == 0


@pytest.mark.parametrize("first_at", [1 * DAY, 89 * DAY, 91 * DAY])
def test_whoever_rotates_and_cancels_again_and_again_keeps_no_secret_for_ever(
    world: World, clock: FakeClock, wrapper: KeyWrapper, first_at: timedelta
) -> None:
    kid = key_on(world, every="90d", end_after="14d")["kid"]
    made = current(kid).created_at
    rotated = rotation.Rotation(grace=30 * DAY)
    clock.move(first_at)
    overdue.tend(clock=clock)
    with pytest.raises(Conflict) as over:
        for _ in range(100):
            # In one breath, before the worker can see that it is current.
            rotation.rotate(SYSTEM, kid, rotated, BOUNDS, "ptz", wrapper=wrapper, clock=clock)
            days(clock, 7, hours=24)
            rotation.cancel(SYSTEM, kid, clock=clock)
    assert over.value.code == "no_rotation"  # what has ended stays dead
    assert clock.now() - made <= (90 + 30 + 14 + 30 + 7) * DAY
    assert current(kid).created_at > made


def test_an_extension_does_not_outlive_the_schedule_either(world: World, clock: FakeClock, wrapper: KeyWrapper) -> None:
    kid = key_on(world, every="90d", end_after="14d")["kid"]
    clock.move(91 * DAY)
    overdue.tend(clock=clock)
    latest = clock.now() + 44 * DAY
    clock.move(13 * DAY)
    rotation.rotate(SYSTEM, kid, rotation.Rotation(grace=30 * DAY), BOUNDS, "ptz", wrapper=wrapper, clock=clock)
    clock.move(20 * DAY)
    rotation.cancel(SYSTEM, kid, clock=clock)
    rotation.rotate(SYSTEM, kid, rotation.Rotation(grace=5 * DAY), BOUNDS, "ptz", wrapper=wrapper, clock=clock)
    key = rotation.extend(SYSTEM, kid, 30 * DAY, BOUNDS, clock=clock)
    assert key.secrets.get(slot="retiring").ends_at == latest


def test_a_plan_without_an_end_leaves_a_cancelled_rotation_without_one(
    api: AdminAPI, world: World, clock: FakeClock, wrapper: KeyWrapper
) -> None:
    plan = world.plan(rotation={"every": "90d", "end_after": "14d"})
    kid = world.key(world.application(plan=plan["id"]))["kid"]
    clock.move(91 * DAY)
    overdue.tend(clock=clock)
    rotation.rotate(SYSTEM, kid, rotation.Rotation(grace=7 * DAY), BOUNDS, "ptz", wrapper=wrapper, clock=clock)
    mild = {"name": plan["name"], "rotation": {"every": "90d"}}
    assert api.put(f"/plans/{plan['id']}", mild).status == 200
    rotation.cancel(SYSTEM, kid, clock=clock)
    assert (current(kid).ends_at, current(kid).schedule_ends_at) == (None, None)


def test_the_plans_grace_holds_where_a_rotation_says_nothing_within_the_operators_bounds(
    api: AdminAPI, world: World
) -> None:
    kid = key_on(world, every="90d", grace="14d")["kid"]
    rotated = api.post(f"/keys/{kid}/rotate", {}).body
    retiring = next(one for one in rotated["secrets"] if one["slot"] == "retiring")
    left = datetime.fromisoformat(retiring["ends_at"]) - datetime.now(UTC)
    assert timedelta(0) < 14 * DAY - left < timedelta(minutes=1)
    assert GraceBounds(DAY, 3 * DAY, 2 * DAY).usual_for(14 * DAY) == 3 * DAY
    assert GraceBounds(DAY, 3 * DAY, 2 * DAY).usual_for(timedelta(0)) == DAY
    assert GraceBounds(DAY, 3 * DAY, 2 * DAY).usual_for(None) == 2 * DAY


def test_a_plan_tells_its_rotation_and_refuses_what_is_out_of_bounds(api: AdminAPI, world: World) -> None:
    plan = world.plan(rotation={"every": "90d", "end_after": "14d"})
    assert api.get(f"/plans/{plan['id']}").body["rotation"] == {"every": "90d", "grace": None, "end_after": "14d"}
    assert AuditRow.objects.get(action="plan.created", subject=plan["id"]).details["rotation"] == {
        "every": "90d",
        "end_after": "14d",
    }
    for wrong in (
        {"every": "12h"},
        {"every": "4000d"},
        {"every": "90d", "grace": "31d"},
        {"every": "90d", "end_after": "1h"},
    ):
        assert pointers(api.post("/plans", {"name": "wrong", "rotation": wrong})) == {"/rotation"}
    assert pointers(api.post("/plans", {"name": "wrong", "rotation": {"grace": "1d"}})) == {"/rotation/every"}


def test_lists_find_what_is_due(api: AdminAPI, world: World) -> None:
    application = world.application(plan=world.plan(rotation={"every": "90d"})["id"])
    due, soon, dead = (world.key(application)["kid"] for _ in range(3))
    world.key()
    now = datetime.now(UTC)
    KeySecret.objects.filter(key__in=[due, dead]).update(created_at=now - 91 * DAY)
    api.post(f"/keys/{dead}/revoke")

    def found(before: datetime) -> set[str]:
        return {row["kid"] for row in api.every(f"/keys?rotation_due_before={before:%Y-%m-%dT%H:%M:%SZ}")}

    assert found(now) == {due}
    assert found(now + 91 * DAY) == {due, soon}
    row = next(row for row in api.every("/keys") if row["kid"] == due)
    assert row["rotation_state"] == "due"


def test_many_keys_come_due_some_at_a_time(world: World, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    application = world.application(plan=world.plan(rotation={"every": "90d", "end_after": "14d"})["id"])
    for _ in range(5):
        world.key(application)
    monkeypatch.setattr(overdue, "KEYS_AT_ONCE", 2)
    clock.move(91 * DAY)
    before = head_now().revision
    assert [overdue.tend(clock=clock, seconds=0) for _ in range(4)] == [2, 2, 1, 0]
    assert head_now().revision - before == 3


def test_several_workers_tell_it_once(world: World, clock: FakeClock) -> None:
    application = world.application(plan=world.plan(rotation={"every": "90d", "end_after": "14d"})["id"])
    kids = [world.key(application)["kid"] for _ in range(5)]
    clock.move(91 * DAY)

    def work() -> None:
        overdue.tend(clock=clock)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [told("key.rotation_due", kid) for kid in kids] == [[("0s", True)]] * 5


def test_a_rotation_at_the_moment_at_which_it_comes_due_is_not_given_an_end(
    world: World, clock: FakeClock, wrapper: KeyWrapper, settings: Settings
) -> None:
    """Both at once, again and again: whatever is first, the new secret has no end, and the old one a whole grace."""
    application = world.application(plan=world.plan(rotation={"every": "90d", "end_after": "1d"})["id"])
    for _ in range(8):
        kid = world.key(application)["kid"]
        Key.objects.filter(kid=kid).update(created_at=clock.now())
        later = FakeClock()
        later.wall = clock.now() + 91 * DAY

        def rotate(kid: str = kid, later: FakeClock = later) -> None:
            wanted = rotation.Rotation(grace=7 * DAY)
            rotation.rotate(SYSTEM, kid, wanted, BOUNDS, settings.key_prefix, wrapper=wrapper, clock=later)
            connections.close_all()

        rotating = threading.Thread(target=rotate)
        rotating.start()
        overdue.tend(clock=later)
        rotating.join()
        secrets = {one.slot: one.ends_at for one in KeySecret.objects.filter(key=kid)}
        assert secrets == {"current": None, "retiring": later.now() + 7 * DAY}
        assert differing() == []
