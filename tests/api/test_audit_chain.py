"""The audit's chain: each row hangs on the one before; whoever tampers with it is found out, and the row is named."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from support.admin import AdminAPI
from support.clock import FakeClock
from support.world import World, refusal

from portazgo.accounts.domain import SYSTEM, Actor
from portazgo.audit.chain import NO_HASH, link
from portazgo.audit.heads import FILE_NAME, write_down
from portazgo.audit.models import AuditHead, AuditRow
from portazgo.audit.service import record
from portazgo.audit.verify import Place, verify
from portazgo.kit.clock import SYSTEM_CLOCK, parse_rfc3339, rfc3339
from portazgo.partners.service import suspend
from portazgo.settings import Settings
from portazgo.snapshot.log import change
from portazgo.snapshot.wire import ResourceRef

pytestmark = pytest.mark.usefixtures("database")

ROWS = 6
ANOTHER_TIME = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def written(clock: FakeClock) -> list[Place]:
    """Six rows of the trail, and the places that they have."""
    for number in range(ROWS):
        with transaction.atomic():
            record(SYSTEM, "thing.done", f"subject-{number}", details={"share": 1e22, "part": 0.1}, clock=clock)
    return [Place(row.number, row.hash) for row in AuditRow.objects.order_by("number")]


def troubles(*heads: Place, limit: int = 1_000) -> list[tuple[str, int, int]]:
    """Verify the whole chain, page by page."""
    found: list[tuple[str, int, int]] = []
    after = Place()
    while True:
        page = verify(after, limit, heads)
        found += [(one.kind, one.number, one.last) for one in page.troubles]
        if page.whole:
            return found
        after = page.reached


def row(number: int) -> Any:
    return AuditRow.objects.filter(number=number)


def test_rows_are_numbered_without_a_gap_and_each_hangs_on_the_one_before(written: list[Place]) -> None:
    assert [place.number for place in written] == list(range(1, ROWS + 1))
    hashes = [NO_HASH, *(place.hash for place in written)]
    for before, one in zip(hashes, AuditRow.objects.order_by("number"), strict=False):
        assert one.hash == link(before, one.payload_digest())
    assert (AuditHead.objects.get().number, AuditHead.objects.get().hash) == (ROWS, written[-1].hash)
    assert troubles(*written) == []
    assert troubles(*written, limit=2) == []


@pytest.mark.parametrize(
    "change_to",
    [
        {"actor_name": "somebody else"},
        {"details": {"share": 1, "part": 0.1}},
        {"changes": [{"kind": "key", "id": "x", "before": None, "after": None}]},
        {"address": "203.0.113.9"},
        {"at": ANOTHER_TIME},
        {"revision": 7},
        {"salt": "0" * 32},
        {"digest": "0" * 64},
        {"personal": "0" * 64},
        {"personal": None},
        {"form": 1},
        {"form": 3},
    ],
    ids=lambda one: next(iter(one)),
)
def test_a_changed_row_is_named(written: list[Place], change_to: dict[str, Any]) -> None:
    row(3).update(**change_to)
    assert ("changed", 3, 3) in troubles()
    assert {number for _, number, _ in troubles()} == {3}


def test_missing_rows_are_named_wherever_they_were(written: list[Place]) -> None:
    AuditRow.objects.filter(number__in=[1, 3, 4]).delete()
    assert troubles() == [("missing", 1, 1), ("missing", 3, 4)]
    # Closing the gap by new numbers hides nothing: what follows hangs on what is gone.
    row(5).update(number=3)
    row(6).update(number=4)
    assert ("out_of_place", 3, 3) in troubles()


def test_an_inserted_row_is_named(written: list[Place]) -> None:
    for number in range(ROWS, 3, -1):
        row(number).update(number=number + 1)
    forged = row(3).get()
    forged.id, forged.number, forged.subject = AuditRow().id, 4, "forged"
    forged.digest = forged.payload_digest()
    forged.hash = link(written[2].hash, forged.digest)
    forged.save(force_insert=True)
    assert ("inserted", 4, 4) in troubles()


def test_two_rows_that_changed_places_are_named(written: list[Place]) -> None:
    row(3).update(number=1_000)
    row(4).update(number=3)
    row(1_000).update(number=4)
    assert {number for kind, number, _ in troubles() if kind != "changed"} == {3, 4}


def test_an_end_that_was_cut_off_shows_by_the_head_and_by_one_that_was_written_down(written: list[Place]) -> None:
    row(ROWS).delete()
    assert troubles() == [("cut_off", ROWS, ROWS)]
    AuditHead.objects.update(number=ROWS - 1, hash=written[-2].hash)
    assert troubles() == []
    assert troubles(written[-1]) == [("cut_off", ROWS, ROWS)]
    # What is written after that does not hide it either.
    with transaction.atomic():
        record(SYSTEM, "thing.done", "later", clock=SYSTEM_CLOCK)
    assert troubles() == []
    assert troubles(written[-1]) == [("other_head", ROWS, ROWS)]


def test_a_chain_that_was_made_anew_shows_by_a_head_that_was_written_down(written: list[Place]) -> None:
    previous = NO_HASH
    for one in AuditRow.objects.order_by("number"):
        one.actor_name = "nobody"
        one.personal = one.personal_digest()
        one.digest = one.payload_digest()
        one.hash = previous = link(previous, one.digest)
        one.save()
    AuditHead.objects.update(hash=previous)
    assert troubles() == []
    assert troubles(written[3]) == [("other_head", 4, 4)]


def test_an_erased_payload_leaves_the_chain_whole_and_a_row_that_says_so(written: list[Place], api: AdminAPI) -> None:
    before = row(3).get()
    erased = api.post("/audit/3/erase", {"reason": "request of 2026-11-02"})
    assert erased.status == 200
    assert (erased.body["details"], erased.body["actor"]["name"], erased.body["subject"]) == ({}, "", "subject-2")
    assert (erased.body["digest"], erased.body["hash"]) == (before.digest, before.hash)
    assert troubles(*written) == []
    (told, *_) = api.every("/audit", {"action": "audit.erased"})
    assert (told["subject"], told["details"]) == ("3", {"reason": "request of 2026-11-02", "form": 2})
    assert refusal(api.post("/audit/999/erase", {"reason": "x"})) == (404, "audit_row_unknown")
    # Erasing without saying so is tampering.
    row(4).update(actor_name="", details={}, salt="", erased_at=SYSTEM_CLOCK.now())
    assert troubles() == [("erased_unsaid", 4, 4)]


def test_an_erased_row_that_says_something_again_is_found(written: list[Place], api: AdminAPI) -> None:
    assert api.post("/audit/3/erase", {"reason": "request of 2026-11-02"}).status == 200
    assert troubles() == []
    row(3).update(actor_name="somebody else")
    assert troubles() == [("changed", 3, 3)]
    row(3).update(actor_name="", details={"share": 2})
    assert troubles() == [("changed", 3, 3)]


@pytest.mark.parametrize(
    "change_to",
    [
        {"subject": "another"},
        {"action": "thing.undone"},
        {"actor_id": "somebody-else"},
        {"actor_kind": "token"},
        {"at": ANOTHER_TIME},
        {"revision": 7},
        {"request_id": "01a20e60-e200-7018-af02-628cc3d9f17a"},
        {"personal": "0" * 64},
        {"digest": "0" * 64},
        # Called one of the first form, of which nothing was proven once it was erased.
        {"form": 1, "subject": "another"},
        {"form": 1, "personal": None, "subject": "another"},
    ],
    ids=str,
)
def test_what_is_kept_of_an_erased_row_is_still_proven(
    written: list[Place], api: AdminAPI, change_to: dict[str, Any]
) -> None:
    assert api.post("/audit/3/erase", {"reason": "request of 2026-11-02"}).status == 200
    assert troubles(*written) == []
    row(3).update(**change_to)
    assert ("changed", 3, 3) in troubles()


def test_what_stays_of_an_erased_row_can_be_checked_from_the_api_alone(written: list[Place], api: AdminAPI) -> None:
    shown = api.post("/audit/3/erase", {"reason": "request of 2026-11-02"}).body
    kept = {name: shown[name] for name in ("action", "at", "form", "id", "request_id", "revision", "subject")}
    kept |= {
        "actor": {"id": shown["actor"]["id"], "kind": shown["actor"]["kind"]},
        "personal": shown["personal_digest"],
    }
    kept["at"] = rfc3339(parse_rfc3339(shown["at"]))  # with six decimals, always
    document = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(document.encode()).hexdigest() == shown["digest"]


def test_rows_of_the_first_form_are_verified_as_ever(written: list[Place], api: AdminAPI) -> None:
    """As a version before the second form wrote them, and erased them."""
    previous = NO_HASH
    for one in AuditRow.objects.order_by("number"):
        if one.number <= 4:
            one.form, one.personal = 1, None
        one.digest = one.payload_digest()
        one.hash = previous = link(previous, one.digest)
        one.save()
    AuditHead.objects.update(hash=previous)
    assert troubles() == []
    assert api.post("/audit/2/erase", {"reason": "as of old"}).status == 200
    telling = AuditRow.objects.get(action="audit.erased")
    assert telling.details == {"reason": "as of old", "form": 1}
    # The version before said nothing of forms.
    before = row(telling.number - 1).get().hash
    telling.details = {"reason": "as of old"}
    telling.personal = telling.personal_digest()
    telling.digest = telling.payload_digest()
    telling.hash = link(before, telling.digest)
    telling.save()
    AuditHead.objects.update(hash=telling.hash)
    assert troubles() == []
    row(1).update(subject="another")
    assert troubles() == [("changed", 1, 1)]


def test_the_row_that_tells_of_an_erasing_may_be_erased_too(written: list[Place], api: AdminAPI) -> None:
    assert api.post("/audit/3/erase", {"reason": "request of 2026-11-02"}).status == 200
    told = AuditRow.objects.get(action="audit.erased").number
    assert api.post(f"/audit/{told}/erase", {"reason": "request of 2026-11-02"}).status == 200
    assert troubles(*written) == []
    row(3).update(subject="another")
    assert ("changed", 3, 3) in troubles()


def test_a_row_can_only_be_called_erased_by_a_later_one(written: list[Place], clock: FakeClock) -> None:
    with transaction.atomic():
        record(SYSTEM, "audit.erased", str(ROWS + 2), details={"reason": "said too early"}, clock=clock)
        record(SYSTEM, "thing.done", "subject", clock=clock)
    row(ROWS + 2).update(actor_name="", details={}, salt="", erased_at=SYSTEM_CLOCK.now())
    assert troubles() == [("erased_unsaid", ROWS + 2, ROWS + 2)]


def test_the_api_verifies_page_by_page(written: list[Place], api: AdminAPI) -> None:
    row(5).update(subject="another")
    first = api.post("/audit/verify", {"limit": 4}).body
    assert (first["checked"], first["whole"], first["troubles"]) == (4, False, [])
    rest = api.post("/audit/verify", {"after": first["reached"], "heads": [{"number": 6, "hash": "0" * 64}]}).body
    assert rest["whole"] is True
    assert [(one["kind"], one["number"]) for one in rest["troubles"]] == [("changed", 5), ("other_head", 6)]
    assert "thing.done another" in rest["troubles"][0]["sentence"]


def test_many_writers_of_both_kinds_make_one_chain() -> None:
    """Changes, which lock the log's head first, and rows that make no revision, at once."""

    def write(kind: Callable[[int], None]) -> None:
        try:
            for number in range(5):
                kind(number)
        finally:
            connections.close_all()

    def alone(number: int) -> None:
        with transaction.atomic():
            record(SYSTEM, "thing.done", str(number), clock=SYSTEM_CLOCK)

    def changing(number: int) -> None:
        with change(SYSTEM, "thing.changed", str(number)) as recorded:
            recorded.touches(ResourceRef("partner", "01a20e60-e200-7018-af02-628cc3d9f17f"))

    threads = [threading.Thread(target=write, args=(kind,)) for kind in (alone, changing) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert AuditRow.objects.count() == 30
    assert troubles() == []


def test_a_row_that_was_rolled_back_leaves_no_gap(written: list[Place]) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record(SYSTEM, "thing.done", "never", clock=SYSTEM_CLOCK)
        raise ZeroDivisionError
    with transaction.atomic():
        record(SYSTEM, "thing.done", "next", clock=SYSTEM_CLOCK)
    assert AuditHead.objects.get().number == ROWS + 1
    assert troubles() == []


def test_the_head_is_written_down_once_a_day(written: list[Place], settings: Settings, clock: FakeClock) -> None:
    file = settings.data_dir / FILE_NAME
    file.unlink(missing_ok=True)
    assert [write_down(settings.data_dir, clock=clock) for _ in range(2)] == [True, False]
    with file.open("a") as torn:
        torn.write('{"at": "2099')
    clock.move(timedelta(days=1))
    assert [write_down(settings.data_dir, clock=clock) for _ in range(2)] == [True, False]
    lines = file.read_text().splitlines()
    assert [json.loads(line)["number"] for line in (lines[0], lines[2])] == [ROWS, ROWS]
    assert json.loads(lines[0])["hash"] == written[-1].hash
    assert file.stat().st_mode & 0o777 == 0o600
    file.unlink()


def test_what_a_token_was_refused_is_a_row_and_a_thousand_tries_are_one(api_with: Callable[..., AdminAPI]) -> None:
    stranger = api_with("audit:read")
    for _ in range(3):
        assert stranger.post("/partners", {"name": "x"}).status == 403
    (told,) = stranger.every("/audit", {"action": "request.refused"})
    assert (told["subject"], told["actor"]["name"], told["address"]) == ("/api/v1/partners", "test", "127.0.0.1")
    assert told["details"] == {"code": "scope_missing", "scope": "partners:write", "method": "POST"}


def test_a_row_says_what_was_before_and_after_and_from_where(api: AdminAPI, world: World) -> None:
    partner = world.partner(metadata={"tier": "gold"})
    api.patch(f"/partners/{partner['id']}", {"metadata": {"tier": "silver"}})
    newest = api.get("/audit", {"limit": 1}).body["items"][0]
    assert newest["changes"] == [
        {
            "kind": "partner",
            "id": partner["id"],
            "before": {"metadata": {"tier": "gold"}},
            "after": {"metadata": {"tier": "silver"}},
        }
    ]
    assert newest["address"] == "127.0.0.1"
    api.delete(f"/partners/{partner['id']}")
    gone = api.get("/audit", {"limit": 1}).body["items"][0]["changes"]
    assert [(one["before"]["name"], one["after"]) for one in gone] == [(partner["name"], None)]


def test_the_parts_of_one_revision_each_tell_their_own(world: World, api: AdminAPI) -> None:
    first, second = world.partner(), world.partner()
    with change(SYSTEM, "all.done", "both"):
        for one in (first, second):
            suspend(SYSTEM, one["id"], clock=SYSTEM_CLOCK)
    rows = api.get("/audit", {"limit": 3}).body["items"]
    assert [(row["action"], [one["id"] for one in row["changes"]]) for row in rows] == [
        ("partner.suspended", [second["id"]]),
        ("partner.suspended", [first["id"]]),
        ("all.done", []),
    ]


def test_no_secret_is_among_what_changed(api: AdminAPI, world: World) -> None:
    world.issuer()
    kid = world.key()["kid"]
    text = json.dumps(api.every("/audit"))
    assert '"before": null' in text
    with connection.cursor() as cursor:
        cursor.execute("SELECT digest, sealed FROM key_secret WHERE key_id = %s", [kid])
        kept = list(cursor.fetchone())
        cursor.execute("SELECT wrapped FROM signing_key UNION ALL SELECT wrapped FROM pepper")
        kept += [wrapped for (wrapped,) in cursor.fetchall()]
    assert len(kept) >= 4
    for secret in kept:
        assert secret not in text


def test_the_trail_narrows_by_who_and_from_where_and_when(
    api: AdminAPI, api_with: Callable[..., AdminAPI], world: World
) -> None:
    world.partner()
    with transaction.atomic():
        elsewhere = Actor("token", "id-7", "night-job", frozenset(), None, "198.51.100.7")
        record(elsewhere, "thing.done", "x", clock=SYSTEM_CLOCK)
    for query in ({"actor": "night-job"}, {"actor": "id-7"}, {"address": "198.51.100.7"}):
        assert [one["subject"] for one in api.every("/audit", query)] == ["x"]
    at = api.every("/audit", {"actor": "id-7"})[0]["at"]
    assert api.every("/audit", {"since": at})[-1]["subject"] == "x"
    assert "x" not in [one["subject"] for one in api.every("/audit", {"until": at})]
