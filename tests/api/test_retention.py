"""How long records are kept: their bytes go, what they prove stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from support.admin import AdminAPI
from support.clock import FakeClock
from support.named_records import collect_named
from support.segments import Recorded

from portazgo.kit.clock import SYSTEM_CLOCK, microseconds
from portazgo.kit.wrapping import KeyWrapper
from portazgo.partners import data_keys as keys
from portazgo.partners.models import DataKey
from portazgo.settings import Settings, load
from portazgo.usage.models import FreshRollup, Manifest, SegmentContent
from portazgo.usage.retention import forget_old_callers, forget_old_segments, horizons

pytestmark = pytest.mark.usefixtures("database")

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def kept(live: str = "400d", test: str = "90d", other: str = "90d") -> Settings:
    """Settings that keep records for so long."""
    told = {"records_kept_live": live, "records_kept_test": test, "records_kept_other": other}
    return load(told, environment={}, file=Path("absent.yaml"))


@pytest.fixture
def collected(data_keys: dict[str, str]) -> Recorded:
    """Four calls, collected, with the data keys that seal what they say of a person."""
    return collect_named()


def aged(by: timedelta) -> None:
    """Have what was collected be older."""
    for manifest in Manifest.objects.using("ledger").all():
        manifest.ended_at_us -= by // timedelta(microseconds=1)
        manifest.save(using="ledger")


def test_each_environment_has_its_time_and_two_months_of_live_calls_are_always_kept() -> None:
    found = horizons(kept(), NOW)
    assert found.by_environment == {
        "live": microseconds(NOW - 400 * DAY),
        "test": microseconds(NOW - 90 * DAY),
        None: microseconds(NOW - 90 * DAY),
    }
    assert found.of_all == microseconds(NOW - 400 * DAY)
    short = horizons(kept(live="2d", test="2d"), NOW)
    assert (short.live, short.test) == (
        microseconds(datetime(2026, 9, 30, 10, tzinfo=UTC)),
        microseconds(NOW - 2 * DAY),
    )
    assert horizons(kept(test="forever"), NOW).of_all is None


@pytest.mark.parametrize(
    ("zone", "now"),
    [
        ("Pacific/Kiritimati", datetime(2026, 10, 31, 10, tzinfo=UTC)),
        ("Asia/Tokyo", NOW),
        ("Etc/GMT+12", datetime(2026, 12, 1, 11, tzinfo=UTC)),
        ("UTC", datetime(2026, 12, 1, tzinfo=UTC)),
    ],
)
def test_the_two_months_are_whole_in_every_time_zone(zone: str, now: datetime) -> None:
    here = now.astimezone(ZoneInfo(zone))
    first = (here.replace(day=1, hour=0) - DAY).replace(day=1)
    found = horizons(kept(live="2d"), now).live
    assert found is not None
    assert found <= microseconds(first)


def test_bytes_that_were_kept_long_enough_go_and_what_they_prove_stays(api: AdminAPI, collected: Recorded) -> None:
    now = SYSTEM_CLOCK.now()
    sums = list(FreshRollup.objects.using("ledger").order_by("id").values())
    aged(399 * DAY)
    assert forget_old_segments(kept(), now) == 0
    aged(2 * DAY)
    assert forget_old_segments(kept(test="forever"), now) == 0
    before = list(Manifest.objects.using("ledger").order_by("id").values("epoch", "first_sequence", "count", "sha256"))
    assert forget_old_segments(kept(), now) == len(before) > 0
    assert not SegmentContent.objects.using("ledger").exists()
    after = Manifest.objects.using("ledger").order_by("id")
    assert list(after.values("epoch", "first_sequence", "count", "sha256")) == before
    assert set(after.values_list("dropped_at", flat=True)) == {now}
    assert list(FreshRollup.objects.using("ledger").order_by("id").values()) == sums
    assert forget_old_segments(kept(), now) == 0
    # Nobody stumbles over it.
    assert api.get("/traces").body["items"] == []
    balance = api.get("/usage/balance").body
    assert [one["missing"] for one in balance["items"]] == [[]] * len(balance["items"])
    count = sum(one["count"] for one in before)
    assert (balance["records"]["dropped"], balance["records"]["in_lake"]) == (count, count)


def test_what_is_known_of_callers_without_a_key_ends_with_its_month(
    api: AdminAPI, collected: Recorded, wrapper: KeyWrapper, clock: FakeClock
) -> None:
    clock.wall = datetime(2026, 8, 31, tzinfo=UTC)
    keys.make_for_month(wrapper=wrapper, clock=clock)
    clock.wall = NOW
    keys.make_for_month(wrapper=wrapper, clock=clock)
    assert api.get(f"/traces/{collected.ids[2]}").body["personal"] == "shown"
    # Those of calls before August 28th, 90 days ago: the test's own key is of the year 2000.
    assert forget_old_callers(kept(other="forever"), clock=clock) == 0
    assert forget_old_callers(kept(), clock=clock) == 1
    living = DataKey.objects.filter(partner=None, wrapped__isnull=False).order_by("period")
    assert list(living.values_list("period", flat=True)) == ["2026-08", "2026-11"]
    assert api.get(f"/traces/{collected.ids[2]}").body["personal"] == "erased"
    assert api.get(f"/traces/{collected.ids[0]}").body["personal"] == "shown"
    assert forget_old_callers(kept(), clock=clock) == 0
    clock.wall = NOW + 400 * DAY
    # The key of the newest month seals until there is another, and goes with its time all the same.
    assert forget_old_callers(kept(), clock=clock) == 2
