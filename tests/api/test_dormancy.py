"""Keys that nobody uses are announced, then disabled; the ledger tells when they were used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.test import override_settings
from support.admin import AdminAPI
from support.clock import FakeClock
from support.segments import KID, recorded
from support.world import Body, World, body_of, lane

from portazgo.audit.models import AuditRow
from portazgo.keys import dormancy
from portazgo.keys.models import Key
from portazgo.kit.clock import microseconds
from portazgo.settings import Settings
from portazgo.snapshot.feed import head_now
from portazgo.usage.collector import collect
from portazgo.usage.key_use import ALL_EVERY, LastUses
from portazgo.usage.models import KeyUse

pytestmark = pytest.mark.usefixtures("database")

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture(autouse=True)
def _ninety_days(settings: Settings) -> Iterator[None]:
    with override_settings(PORTAZGO=replace(settings, key_dormant_after=90 * DAY)):
        yield


@pytest.fixture
def clock() -> FakeClock:
    """A clock that starts now: the API under test makes keys by the machine's."""
    clock = FakeClock()
    clock.wall = datetime.now(UTC)
    return clock


def announced(kid: str) -> list[dict[str, str | None]]:
    rows = AuditRow.objects.filter(action="key.dormancy_announced", subject=kid).order_by("id")
    return [row.details for row in rows]


def used(key: Body, at: datetime) -> None:
    KeyUse.objects.using("ledger").update_or_create(kid=key["kid"], defaults={"last_used_us": microseconds(at)})


def test_an_unused_key_is_announced_then_disabled_and_enabling_it_starts_anew(
    api: AdminAPI, world: World, clock: FakeClock
) -> None:
    kid = world.key()["kid"]
    clock.move(75 * DAY)
    assert dormancy.tend(clock=clock) == 0
    clock.move(DAY + 2 * HOUR)
    before = head_now().revision
    assert dormancy.tend(clock=clock) == 1
    (notice,) = announced(kid)
    assert (notice["last_used_at"], head_now().revision) == (None, before)
    assert api.get(f"/keys/{kid}").body["status"] == "active"
    clock.move(13 * DAY)
    assert (dormancy.tend(clock=clock), len(announced(kid))) == (0, 1)
    clock.move(DAY + 2 * HOUR)
    assert dormancy.tend(clock=clock) == 1
    shown = api.get(f"/keys/{kid}").body
    assert (shown["status"], shown["disabled_because"]) == ("disabled", "dormant")
    assert (lane(), body_of("key", kid)["status"]) == ([("disable_key", kid)], "disabled")
    row = AuditRow.objects.get(action="key.disabled", subject=kid)
    assert (row.actor_kind, row.details) == ("system", {"because": "dormant", "last_used_at": None})
    assert dormancy.tend(clock=clock) == 0
    Key.objects.filter(kid=kid).update(created_at=datetime.now(UTC) - 200 * DAY)
    revived = api.post(f"/keys/{kid}/enable").body
    assert (revived["status"], revived["disabled_because"]) == ("active", None)
    assert datetime.fromisoformat(revived["dormant_at"]) > datetime.now(UTC) + 89 * DAY
    clock.wall = datetime.now(UTC) + 70 * DAY
    assert dormancy.tend(clock=clock) == 0


def test_a_key_that_is_used_after_its_notice_lives_on(world: World, clock: FakeClock) -> None:
    made = world.key()
    clock.move(77 * DAY)
    assert dormancy.tend(clock=clock) == 1
    clock.move(10 * DAY)
    used(made, clock.now())
    assert LastUses(clock).note() == 1
    clock.move(20 * DAY)
    assert dormancy.tend(clock=clock) == 0
    clock.move(60 * DAY)
    assert dormancy.tend(clock=clock) == 1
    assert len(announced(made["kid"])) == 2
    assert announced(made["kid"])[1]["last_used_at"] is not None


def test_however_old_a_key_is_its_notice_comes_first(api: AdminAPI, world: World, clock: FakeClock) -> None:
    kid = world.key()["kid"]
    clock.move(400 * DAY)
    assert (dormancy.tend(clock=clock), api.get(f"/keys/{kid}").body["status"]) == (1, "active")
    clock.move(13 * DAY)
    assert dormancy.tend(clock=clock) == 0
    clock.move(2 * DAY)
    assert (dormancy.tend(clock=clock), api.get(f"/keys/{kid}").body["status"]) == (1, "disabled")


def test_what_cannot_be_used_is_not_forgotten_for_it(api: AdminAPI, world: World, clock: FakeClock) -> None:
    expired, revoked, disabled = world.key(expires_at="2099-01-01T00:00:00Z"), world.key(), world.key()
    Key.objects.filter(kid=expired["kid"]).update(expires_at=datetime.now(UTC) + DAY)
    api.post(f"/keys/{revoked['kid']}/revoke")
    api.post(f"/keys/{disabled['kid']}/disable")
    application, partner = world.application(), world.partner()
    for key, path in (
        (world.key(application), f"/applications/{application['id']}/suspend"),
        (world.key(world.application(partner)), f"/partners/{partner['id']}/suspend"),
    ):
        assert (key["status"], api.post(path).status) == ("active", 200)
    clock.move(400 * DAY)
    assert dormancy.tend(clock=clock) == 0


def test_switched_off_nobody_is_forgotten(api: AdminAPI, world: World, clock: FakeClock, settings: Settings) -> None:
    kid = world.key()["kid"]
    clock.move(400 * DAY)
    with override_settings(PORTAZGO=replace(settings, key_dormant_after=None)):
        assert dormancy.tend(clock=clock) == 0
        assert api.get(f"/keys/{kid}").body["dormant_at"] is None


def test_many_keys_are_tended_some_at_a_time(world: World, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    application = world.application()
    for _ in range(5):
        world.key(application)
    monkeypatch.setattr(dormancy, "AT_ONCE", 2)
    clock.move(77 * DAY)
    assert [dormancy.tend(clock=clock) for _ in range(4)] == [2, 2, 1, 0]


# ------------------------------------------------------------------------------------------------------------ last use


def test_the_collector_learns_from_proven_uses_only(world: World) -> None:
    records = recorded()
    for first, content in records.segments:
        collect(records.node, records.epoch, first, content)
    # Two calls bore the key, one none: the rollups of the others prove nobody's use.
    (use,) = KeyUse.objects.using("ledger").all()
    assert use.kid == KID
    assert use.last_used_us % 60_000_000 == 0
    newest = use.last_used_us
    for first, content in records.segments:
        assert not collect(records.node, records.epoch, first, content).stored
    assert KeyUse.objects.using("ledger").get().last_used_us == newest


def test_a_segment_that_comes_late_takes_nothing_back() -> None:
    records = recorded()
    later = KeyUse.objects.using("ledger").create(kid=KID, last_used_us=2**60).last_used_us
    for first, content in records.segments:
        collect(records.node, records.epoch, first, content)
    assert KeyUse.objects.using("ledger").get().last_used_us == later


def test_keys_are_told_what_is_news_and_no_more_than_that(world: World, api: AdminAPI, clock: FakeClock) -> None:
    one, other = world.key(), world.key()
    start = clock.now().replace(second=0, microsecond=0)
    used(one, start)
    KeyUse.objects.using("ledger").create(kid="Unknown001", last_used_us=microseconds(start))
    uses = LastUses(clock)
    assert uses.note() == 1
    shown = api.get(f"/keys/{one['kid']}").body
    assert datetime.fromisoformat(shown["last_used_at"]) == start
    assert api.get(f"/keys/{other['kid']}").body["last_used_at"] is None
    used(one, start + timedelta(minutes=9))
    assert uses.note() == 0
    used(one, start + timedelta(minutes=10))
    assert uses.note() == 1
    # What a node ships a day late is found when all is looked at again.
    used(other, start - DAY)
    clock.move(timedelta(minutes=30))
    assert uses.note() == 0
    clock.move(ALL_EVERY)
    assert uses.note() == 1
    assert datetime.fromisoformat(api.get(f"/keys/{other['kid']}").body["last_used_at"]) == start - DAY
