"""Keys that end soon: each notice once, none that tells nothing new."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from django.db import connections, transaction
from support.world import World

from portazgo.accounts.domain import SYSTEM
from portazgo.audit.service import record
from portazgo.keys.models import Key
from portazgo.keys.notices import EXPIRY_NOTICES, notice_due, tell_expiring, tell_retiring
from portazgo.kit.clock import SYSTEM_CLOCK, rfc3339
from portazgo.notifications.models import Event

pytestmark = pytest.mark.usefixtures("database")

DAY = timedelta(days=1)


def notices() -> list[str]:
    return [event.data["notice"] for event in Event.objects.filter(type="key.expiring").order_by("at", "id")]


@pytest.mark.parametrize(
    ("left", "known_for", "due"),
    [
        (31 * DAY, 100 * DAY, None),
        (30 * DAY, 100 * DAY, 30 * DAY),
        (8 * DAY, 100 * DAY, 30 * DAY),
        (7 * DAY, 100 * DAY, 7 * DAY),
        (timedelta(hours=25), 100 * DAY, 7 * DAY),
        (DAY, 100 * DAY, DAY),
        (timedelta(seconds=1), 100 * DAY, DAY),
        (timedelta(0), 100 * DAY, None),
        # Made for three days: whoever made it knows that.
        (3 * DAY, timedelta(0), None),
        (DAY, 2 * DAY, DAY),
        (timedelta(hours=1), timedelta(0), None),
    ],
)
def test_the_shortest_notice_that_has_come_is_due(left: timedelta, known_for: timedelta, due: timedelta | None) -> None:
    assert notice_due(left, EXPIRY_NOTICES, known_for=known_for) == due


def test_a_key_is_told_of_thirty_days_seven_days_and_a_day_before_its_end(world: World) -> None:
    now = SYSTEM_CLOCK.now()
    kid = world.key(expires_at=(now + 60 * DAY).isoformat().replace("+00:00", "Z"))["kid"]
    world.key()
    told = [tell_expiring(now + step * timedelta(hours=6)) for step in range(4 * 62)]
    assert sum(told) == 3
    assert notices() == ["30d", "7d", "1d"]
    assert {event.data["kid"] for event in Event.objects.filter(type="key.expiring")} == {kid}


def test_a_key_that_is_given_more_time_is_told_of_again(world: World) -> None:
    now = SYSTEM_CLOCK.now()
    kid = world.key(expires_at=(now + 60 * DAY).isoformat().replace("+00:00", "Z"))["kid"]
    assert tell_expiring(now + 59.5 * DAY) == 1
    Key.objects.filter(kid=kid).update(expires_at=now + 90 * DAY)
    assert tell_expiring(now + 61 * DAY) == 1
    assert notices() == ["1d", "30d"]


def test_what_is_dead_or_a_canary_is_not_told_of(world: World) -> None:
    now = SYSTEM_CLOCK.now()
    end = (now + 60 * DAY).isoformat().replace("+00:00", "Z")
    world.key(expires_at=end, canary=True)
    Key.objects.filter(kid=world.key(expires_at=end)["kid"]).update(status="revoked")
    assert tell_expiring(now + 59.5 * DAY) == 0


@dataclass(frozen=True)
class OldCaller:
    address: str | None
    requests: int


@dataclass(frozen=True)
class OldUses:
    last_used_at: datetime | None
    callers: tuple[OldCaller, ...]


@dataclass(frozen=True)
class Old:
    """An old secret; in use where somebody used it within a day."""

    kid: str
    rotated_at: datetime
    ends_at: datetime
    uses: OldUses
    number: int = 1

    def is_used(self, now: datetime) -> bool:
        return self.uses.last_used_at is not None and self.uses.last_used_at > now - DAY


def test_an_old_secret_that_is_still_in_use_is_told_of_before_its_end_each_time_once(world: World) -> None:
    kid, rotated = world.key()["kid"], SYSTEM_CLOCK.now()
    end = rotated + 10 * DAY
    callers = (OldCaller("203.0.113.9", 0), OldCaller("203.0.113.7", 3))
    told, now = [], rotated
    for step in range(10 * 48 + 2):
        now = rotated + step * timedelta(minutes=30)
        told.append(tell_retiring([Old(kid, rotated, end, OldUses(now, callers))], now))
    events = list(Event.objects.filter(type="key.secret_retiring").order_by("at"))
    assert [event.data["notice"] for event in events] == ["7d", "1d", "1h"]
    assert [end - event.at for event in events] == [7 * DAY, DAY, timedelta(hours=1)]
    assert {event.data["last_used_from"] for event in events} == {"203.0.113.7"}
    assert sum(told) == 3
    # A later end is another one.
    later = Old(kid, rotated, end + 3 * DAY, OldUses(now, callers))
    assert tell_retiring([later], end + 2.5 * DAY) == 0  # not in use any more
    assert tell_retiring([replace(later, uses=OldUses(end + 2.5 * DAY, callers))], end + 2.5 * DAY) == 1


def test_an_old_secret_that_nobody_uses_and_a_grace_that_was_just_given_are_not_told_of(world: World) -> None:
    kid, rotated = world.key()["kid"], SYSTEM_CLOCK.now()
    unused = OldUses(None, ())
    assert tell_retiring([Old(kid, rotated, rotated + 8 * DAY, unused)], rotated + 7.5 * DAY) == 0
    now = rotated + timedelta(minutes=1)
    assert tell_retiring([Old(kid, rotated, rotated + timedelta(minutes=30), OldUses(now, ()))], now) == 0


def test_a_forgotten_key_is_told_of_before_and_when_it_is_disabled(world: World) -> None:
    kid, now = world.key()["kid"], SYSTEM_CLOCK.now()
    announced = {"last_used_at": None, "disabled_at": rfc3339(now + 7 * DAY)}
    with transaction.atomic():
        record(SYSTEM, "key.dormancy_announced", kid, details=announced, clock=SYSTEM_CLOCK)
        record(SYSTEM, "key.disabled", kid, details={"because": "dormant"}, clock=SYSTEM_CLOCK)
    soon, disabled = Event.objects.exclude(type="key.created").order_by("id")
    assert (soon.type, soon.data["disabled_at"]) == ("key.dormant_soon", rfc3339(now + 7 * DAY))
    assert (disabled.type, disabled.data["kid"]) == ("key.dormant_disabled", kid)


def test_several_workers_tell_it_once(world: World) -> None:
    now = SYSTEM_CLOCK.now()
    application = world.application()
    for _ in range(5):
        world.key(application, expires_at=(now + 60 * DAY).isoformat().replace("+00:00", "Z"))
    told: list[int] = []

    def work() -> None:
        told.append(tell_expiring(now + 55 * DAY))
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(told), len(notices())) == (5, 5)


def test_keys_that_die_together_are_each_told_once(world: World) -> None:
    application = world.application()
    before, *others = (world.key(application)["kid"] for _ in range(3))
    world.api.post(f"/keys/{before}/revoke")
    for owner in (f"/applications/{application['id']}", f"/partners/{application['partner']}"):
        assert world.api.post(f"{owner}/revoke-keys", {"dry_run": False}).status == 200
    told = [event.data["kid"] for event in Event.objects.filter(type="key.revoked")]
    assert sorted(told) == sorted([before, *others])
