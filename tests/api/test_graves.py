"""What revocations.log calls dead is revoked again in a database that has forgotten it."""

from __future__ import annotations

import pytest
from support.clock import FakeClock
from support.world import World, lane

from portazgo.audit.models import AuditRow
from portazgo.keys.graves import bury, risen
from portazgo.keys.models import Key
from portazgo.settings import Settings
from portazgo.snapshot.feed import head_now
from portazgo.snapshot.revocations import append

pytestmark = pytest.mark.usefixtures("database")


def test_a_forgotten_revocation_becomes_one_again_on_every_path(
    world: World, settings: Settings, clock: FakeClock
) -> None:
    dead, living = world.key()["kid"], world.key()["kid"]
    append(settings.data_dir, [f'{{"security":{{"operation":"revoke_key","id":"{dead}"}}}}'])
    before = head_now().revision
    assert risen(settings.data_dir) == [dead]
    assert bury(settings.data_dir, clock=clock) == [dead]
    assert {key.kid: key.status for key in Key.objects.all()} == {dead: "revoked", living: "active"}
    assert head_now().revision == before + 1
    assert lane() == [("revoke_key", dead)]
    assert AuditRow.objects.filter(action="key.revoked", subject=dead).count() == 1


def test_burying_twice_and_kids_of_nobody_change_nothing(world: World, settings: Settings, clock: FakeClock) -> None:
    world.key()
    append(settings.data_dir, ['{"security":{"operation":"revoke_key","id":"AAAAAAAAAA"}}', '{"torn'])
    before = head_now()
    assert bury(settings.data_dir, clock=clock) == []
    assert head_now() == before
