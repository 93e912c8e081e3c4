"""Uses of canary keys, found in the records of a real node."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.named_records import collect_all
from support.segments import refused_uses
from support.world import World

from portazgo.keys.models import Key, KeySecret
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.leaks.canaries import tell_canaries
from portazgo.notifications.models import Event
from portazgo.usage.models import RefusedKeyUse

pytestmark = pytest.mark.usefixtures("database", "data_keys")


@pytest.fixture
def canary(world: World) -> str:
    """A canary with the kid that the recorded calls were made with."""
    made = world.key(canary=True)
    row = Key.objects.get(kid=made["kid"])
    KeySecret.objects.filter(key=row).delete()
    row.delete()
    row.kid = refused_uses().kid
    row.save(force_insert=True)
    Event.objects.all().delete()
    return row.kid


def told() -> list[Event]:
    return list(Event.objects.filter(type="key.canary_used"))


def test_a_use_with_the_right_secret_is_told_once_an_hour_and_to_operators_only(canary: str) -> None:
    uses = refused_uses()
    collect_all(uses.records)
    assert tell_canaries(SYSTEM_CLOCK.now()) == 1
    (event,) = told()
    assert (event.partner_id, event.data["kid"], event.data["client_address"]) == (None, canary, "127.0.0.1")
    # Two of the recorded calls had the right secret; one only claimed the kid.
    assert event.data["uses"] == 2
    assert event.data["request_id"] == uses.records.ids[0]
    assert not RefusedKeyUse.objects.using("ledger").exists()
    assert tell_canaries(SYSTEM_CLOCK.now()) == 0


def test_a_key_that_is_merely_disabled_is_not_told_of(canary: str) -> None:
    Key.objects.update(canary=False)
    collect_all(refused_uses().records)
    assert RefusedKeyUse.objects.using("ledger").count() == 1
    assert tell_canaries(SYSTEM_CLOCK.now()) == 0
    assert (told(), RefusedKeyUse.objects.using("ledger").count()) == ([], 0)


def test_a_revoked_canary_is_silent(canary: str) -> None:
    Key.objects.update(status="revoked")
    collect_all(refused_uses().records)
    assert tell_canaries(SYSTEM_CLOCK.now()) == 0


def test_a_use_in_another_hour_is_told_again(canary: str) -> None:
    collect_all(refused_uses().records)
    tell_canaries(SYSTEM_CLOCK.now())
    assert len(told()) == 1
    earlier = SYSTEM_CLOCK.now() - timedelta(hours=1)
    Event.objects.update(once=f"key.canary_used/{canary}/{earlier:%Y-%m-%dT%H}:00:00.000000Z")
    manifest = RefusedKeyUse.objects.using("ledger")
    assert not manifest.exists()
    from portazgo.usage.models import Manifest

    RefusedKeyUse.objects.using("ledger").create(manifest=Manifest.objects.using("ledger").latest("id"), kid=canary)
    assert tell_canaries(SYSTEM_CLOCK.now()) == 1
    assert len(told()) == 2
