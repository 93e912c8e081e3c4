"""Erasing a partner: its data key is destroyed everywhere it was told, and stays destroyed; sums and hashes stay."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from support.admin import AdminAPI
from support.clock import FakeClock
from support.named_records import collect_named
from support.segments import PARTNER, Recorded
from support.world import NOBODY, World, refusal, resource

from portazgo.audit.models import AuditRow
from portazgo.control.upkeep import Upkeep
from portazgo.keys.models import Key
from portazgo.keys.told import about, tell
from portazgo.kit.wrapping import KeyWrapper
from portazgo.notifications.events import KeyCanaryUsed, KeySecretRetiring
from portazgo.notifications.models import Event
from portazgo.partners import data_keys as keys
from portazgo.partners.erasing import bury_erased, catch_up, tell_nodes
from portazgo.partners.models import DataKey
from portazgo.roles.worker import _jobs
from portazgo.settings import Settings
from portazgo.snapshot import revocations
from portazgo.snapshot.feed import Position, changes_after, head_now
from portazgo.snapshot.models import ChangeRow, ResourceRow
from portazgo.snapshot.revocations import FILE_NAME, append, erased_keys
from portazgo.snapshot.verify import differing
from portazgo.usage.models import FreshRollup, Manifest, RetiringUse, SegmentContent

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def collected(data_keys: dict[str, str]) -> Recorded:
    """Four calls, collected, with the data keys that seal what they say of a person."""
    return collect_named()


def evidence() -> list[Any]:
    """Give all that a bill and an audit of it stand on."""
    rows: list[Any] = list(Manifest.objects.using("ledger").order_by("id").values())
    rows += FreshRollup.objects.using("ledger").order_by("id").values()
    rows += [bytes(one.content) for one in SegmentContent.objects.using("ledger").order_by("manifest_id")]
    return rows


def everything_stored() -> str:
    """Give every text in every table of the state."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - tables of our own
            found += [str(row) for row in cursor.fetchall()]
    return "\n".join(found)


def suspended(world: World) -> dict[str, Any]:
    partner: dict[str, Any] = world.partner()
    world.api.post(f"/partners/{partner['id']}/suspend")
    return partner


def test_what_was_erased_is_told_by_nobody_and_sums_and_hashes_stay(api: AdminAPI, collected: Recorded) -> None:
    before = evidence()
    shown = api.get(f"/traces/{collected.ids[0]}").body
    assert shown["client_address"] == "127.0.0.1"
    api.post(f"/partners/{PARTNER}/suspend")
    erased = api.post(f"/partners/{PARTNER}/erase")
    assert (erased.status, erased.body["partner"]) == (200, PARTNER)
    after = api.get(f"/traces/{collected.ids[0]}").body
    assert after == {**shown, "client_address": None, "personal": "erased"}
    # Another's, and nobody's, are still there.
    assert api.get(f"/traces/{collected.ids[2]}").body["client_address"] == "127.0.0.1"
    assert evidence() == before
    assert api.get("/usage/balance").status == 200


def test_no_table_of_the_state_holds_the_wrapped_key_any_more(world: World, settings: Settings) -> None:
    partner = suspended(world)
    wrapped = DataKey.objects.get(partner=partner["id"]).wrapped
    assert wrapped is not None
    assert wrapped in everything_stored()
    world.api.post(f"/partners/{partner['id']}/erase")
    assert wrapped not in everything_stored()
    # Nor does it lie in what SQLite's file has freed, or in its log.
    for file in settings.data_dir.glob("state.sqlite3*"):
        # Read by another process: to close a descriptor of it here would take SQLite's locks from under the next test.
        content = subprocess.run(["/bin/cat", file], capture_output=True, check=True).stdout
        assert wrapped.encode() not in content


def test_nodes_are_told_and_one_that_is_behind_takes_the_snapshot(world: World) -> None:
    partner = suspended(world)
    key = DataKey.objects.get(partner=partner["id"])
    behind = head_now()
    world.partner()
    at = head_now()
    world.api.post(f"/partners/{partner['id']}/erase")
    assert resource("data_key", str(key.id)) is None
    page = changes_after(Position(at.history, at.revision + 1, head_now().hash, at.security))
    assert page.body is None
    assert (ChangeRow.objects.count(), head_now().floor) == (1, at.revision + 1)
    with pytest.raises(Exception, match="the log begins at revision"):
        changes_after(Position(behind.history, behind.revision, behind.hash, behind.security))


def test_an_active_partner_is_refused_with_the_next_step(api: AdminAPI, world: World) -> None:
    partner = world.partner()
    refused = api.post(f"/partners/{partner['id']}/erase")
    assert refusal(refused) == (409, "partner_active")
    assert "portazgo partner suspend" in refused.body["remedy"]
    assert DataKey.objects.get(partner=partner["id"]).wrapped is not None
    assert refusal(api.post(f"/partners/{NOBODY}/erase")) == (404, "partner_unknown")


def test_writing_does_not_grant_erasing(world: World, api_with: Callable[..., AdminAPI]) -> None:
    partner = suspended(world)
    path = f"/partners/{partner['id']}/erase"
    refused = api_with("partners:write").post(path)
    assert (*refusal(refused), refused.body["scope"]) == (403, "scope_missing", "partners:erase")
    assert api_with("partners:erase").post(path).status == 200
    # Nor can it be handed out by whoever may only write.
    handed = api_with("tokens:create", "partners:write").post("/tokens", {"name": "wide", "scopes": ["partners:erase"]})
    assert handed.status == 403


def test_it_is_audited_without_a_secret_and_done_again_changes_nothing(api: AdminAPI, world: World) -> None:
    partner = suspended(world)
    key = DataKey.objects.get(partner=partner["id"])
    first = api.post(f"/partners/{partner['id']}/erase").body
    row = AuditRow.objects.get(action="partner.erased", subject=partner["id"])
    assert row.details["data_keys"] == [str(key.id)]
    assert "local:" not in str(row.changes)
    assert api.post(f"/partners/{partner['id']}/erase").body == first


def test_a_partner_that_goes_on_gets_a_new_key_and_one_that_is_removed_can_be_erased(
    api: AdminAPI, world: World, wrapper: KeyWrapper, clock: FakeClock
) -> None:
    partner = suspended(world)
    api.post(f"/partners/{partner['id']}/erase")
    api.post(f"/partners/{partner['id']}/resume")
    keys.make_missing(wrapper=wrapper, clock=clock)
    old, new = DataKey.objects.filter(partner=partner["id"]).order_by("id")
    assert (old.wrapped, new.wrapped is not None) == (None, True)
    assert api.delete(f"/partners/{partner['id']}").status == 204
    erased = api.post(f"/partners/{partner['id']}/erase")
    assert erased.body["data_keys"] == [str(old.id), str(new.id)]
    assert not DataKey.objects.filter(partner=partner["id"], wrapped__isnull=False).exists()


def test_what_older_nodes_said_in_clear_of_old_secrets_goes_too(api: AdminAPI, world: World) -> None:
    kid = world.key()["kid"]
    partner = world.api.get(f"/applications/{world.api.get(f'/keys/{kid}').body['application']}").body["partner"]
    common: dict[str, Any] = {"day_us": 0, "caller": 1, "refused": False, "requests": 3, "first_at_us": 1}
    common |= {"last_at_us": 2, "address": "203.0.113.7", "user_agent": "batch/1", "route": ""}
    for name in (kid, "Another001"):
        RetiringUse.objects.using("ledger").create(kid=name, **common)
    api.post(f"/partners/{partner}/suspend")
    assert api.post(f"/partners/{partner}/erase").status == 200
    told = dict(RetiringUse.objects.using("ledger").values_list("kid", "address"))
    assert told == {kid: "", "Another001": "203.0.113.7"}


def test_the_file_beside_the_data_remembers_it_and_a_restored_database_does_not_bring_it_back(
    world: World, settings: Settings, clock: FakeClock
) -> None:
    partner = suspended(world)
    key = DataKey.objects.get(partner=partner["id"])
    world.api.post(f"/partners/{partner['id']}/erase")
    file = settings.data_dir / FILE_NAME
    assert erased_keys(settings.data_dir) == {str(key.id)}
    # As after the restore of a backup that is older than the erasure.
    DataKey.objects.filter(id=key.id).update(wrapped=key.wrapped, erased_at=None, erased_revision=None)
    assert bury_erased(settings.data_dir, clock=clock) == [key.id]
    assert DataKey.objects.get(id=key.id).wrapped is None
    assert bury_erased(settings.data_dir, clock=clock) == []
    # And a file that a crash left behind is completed from the database.
    file.unlink()
    assert catch_up(settings.data_dir) == 1
    assert erased_keys(settings.data_dir) == {str(key.id)}
    append(settings.data_dir, ["{torn", "{}"])
    assert catch_up(settings.data_dir) == 0


def test_it_is_proven_by_the_receipts_of_nodes(api: AdminAPI, world: World, clock: FakeClock) -> None:
    partner = suspended(world)
    path = f"/partners/{partner['id']}/erasure/propagation"
    assert refusal(api.get(path)) == (404, "nothing_erased")
    api.post(f"/partners/{partner['id']}/erase")
    revision = DataKey.objects.get(partner=partner["id"]).erased_revision
    assert revision == head_now().revision
    told = api.get(path)
    assert (told.body["revision"], told.body["proven"], told.body["nodes"]) == (revision, True, [])


def test_every_host_with_a_worker_or_a_control_plane_notes_it_whichever_erased(
    world: World, settings: Settings, tmp_path: Path
) -> None:
    partner = suspended(world)
    world.api.post(f"/partners/{partner['id']}/erase")
    key = str(DataKey.objects.get(partner=partner["id"]).id)
    elsewhere = replace(settings, data_dir=tmp_path / "worker")
    jobs = [job for job in _jobs(elsewhere) if "erased" in job.name]
    for job in jobs:
        job.run()
    assert (erased_keys(elsewhere.data_dir), max(job.every_seconds for job in jobs) <= 3_600) == ({key}, True)
    upkeep = Upkeep(tmp_path / "control", every_seconds=0.02)
    upkeep.start()
    try:
        deadline = time.monotonic() + 20
        while not erased_keys(tmp_path / "control") and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        upkeep.stop()
    assert erased_keys(tmp_path / "control") == {key}


def test_death_right_after_the_commit_leaves_an_erasure_that_can_be_proven(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner = suspended(world)

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(revocations, "append", die)
        with pytest.raises(SystemExit):
            world.api.post(f"/partners/{partner['id']}/erase")
    key = DataKey.objects.get(partner=partner["id"])
    assert (key.wrapped, key.erased_revision) == (None, head_now().revision)
    assert world.api.get(f"/partners/{partner['id']}/erasure/propagation").body["revision"] == head_now().revision


def test_nodes_keep_what_was_erased_and_are_told_of_what_was_erased_before_they_did(
    world: World, clock: FakeClock
) -> None:
    partner = suspended(world)
    world.api.post(f"/partners/{partner['id']}/erase")
    key = DataKey.objects.get(partner=partner["id"])
    expected = {"kind": "erased_data_key", "id": str(key.id), "requires": [], "body": {}}
    assert resource("erased_data_key", str(key.id)) == expected
    assert (differing(), tell_nodes(clock=clock)) == ([], 0)
    # As an older version left it that died before it noted the revision.
    ResourceRow.objects.filter(kind="erased_data_key").delete()
    DataKey.objects.filter(id=key.id).update(erased_revision=None)
    assert tell_nodes(clock=clock) == 1
    assert (resource("erased_data_key", str(key.id)), differing()) == (expected, [])
    assert DataKey.objects.get(id=key.id).erased_revision == head_now().revision


def test_events_no_longer_say_from_where_an_erased_partner_was_called(
    world: World, settings: Settings, clock: FakeClock
) -> None:
    addresses = {"own": "203.0.113.7", "canary": "203.0.113.8", "another": "203.0.113.9"}
    partner = world.partner()
    app, foreign = world.application(partner), world.application()
    kids = {name: world.key(foreign if name == "another" else app)["kid"] for name in addresses}
    now = clock.now()
    for name, kid in kids.items():
        key = Key.objects.select_related("application__partner").get(kid=kid)
        canary = KeyCanaryUsed(**about(key), used_at=now, client_address=addresses[name], uses=1, request_id=NOBODY)
        retiring = KeySecretRetiring(
            **about(key), ends_at=now, notice="7d", last_used_at=now, last_used_from=addresses[name]
        )
        with transaction.atomic():
            tell(key, canary if name == "canary" else retiring, at=now)
    before = {event.id: event.data for event in Event.objects.all()}
    world.api.post(f"/partners/{partner['id']}/suspend")
    assert world.api.post(f"/partners/{partner['id']}/erase").status == 200

    blanked = {kids["own"]: {"last_used_from": None}, kids["canary"]: {"client_address": None}}
    stored = {event.id: event.data for event in Event.objects.filter(id__in=before)}
    assert stored == {
        identifier: {**data, **(blanked.get(data.get("kid"), {}) if {*data} & {"last_used_at", "used_at"} else {})}
        for identifier, data in before.items()
    }
    said = [address for address in addresses.values() if address in everything_stored()]
    assert said == [addresses["another"]]
