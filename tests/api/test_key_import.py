"""Keys of other systems are imported whole or not at all, and nothing that could be used is kept of them."""

from __future__ import annotations

import csv
import gc
import hashlib
import io
import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import override_settings
from support.admin import AdminAPI, Answer
from support.world import World, body_of, snapshot_lines

from portazgo.accounts.domain import SYSTEM
from portazgo.audit.models import AuditRow
from portazgo.control.models import IdempotentRequest
from portazgo.control.provider import wrapper
from portazgo.keys import pepper_rotation
from portazgo.keys.domain import digest
from portazgo.keys.foreign import ImportFormat, KeyFile, lookup
from portazgo.keys.importing import KEYS_AT_ONCE, Outcome, import_keys
from portazgo.keys.models import ImportedSecret, Key, KeySecret, LookupKey, Pepper
from portazgo.keys.peppers import unwrapped
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.kit.errors import Conflict
from portazgo.notifications.models import Event
from portazgo.settings import Settings

pytestmark = pytest.mark.usefixtures("database")

PLAIN = "NotARealKeyOfAnApiGateway00001"
OTHER = "NotARealKeyOfAnApiGateway00002"
DRF = "Ab3dEf7h.NotARealSecretOfAnotherSystem000"


def sha(text: str, algorithm: str = "sha256") -> str:
    return hashlib.new(algorithm, text.encode()).hexdigest()


def table(*rows: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


AWS = table(
    ("Name", "key", "description", "Enabled", "usageplanIds"),
    ("crm", PLAIN, "the first, with a comma", "TRUE", "abc123"),
    ("old", OTHER, "", "false", ""),
)


def post(api: AdminAPI, application: dict[str, Any], content: str, form: str, **members: Any) -> Answer:
    body = {"format": form, "content": content, **members}
    return api.post(f"/applications/{application['id']}/keys/import", body)


def told(answer: Answer) -> list[str]:
    assert (answer.status, answer.body["code"]) == (422, "import_refused"), answer
    return [error["message"] for error in answer.body["errors"]]


def secret_of(kid: str) -> dict[str, Any]:
    (line,) = [line for line in snapshot_lines() if line.get("kind") == "key" and line["id"] == kid]
    assert "key.imported.1" in line["requires"]
    secret: dict[str, Any] = line["body"]["secrets"][0]
    return secret


def test_the_keys_of_an_api_gateway_become_keys_under_kids_of_ours(api: AdminAPI, world: World) -> None:
    partner = world.partner()
    application = world.application(partner)
    done = post(api, application, AWS, "aws")
    assert done.status == 200, done
    first, second = done.body["keys"]
    assert [(one["line"], one["name"], one["status"]) for one in (first, second)] == [
        (2, "crm", "active"),
        (3, "old", "disabled"),
    ]
    inner = hashlib.sha256(PLAIN.encode()).digest()
    (pepper,), (lookup_key,) = Pepper.objects.all(), LookupKey.objects.all()
    lookup_bytes = wrapper().unwrap("lookup_key/1", lookup_key.wrapped)
    assert secret_of(first["kid"]) == {
        "slot": "current",
        "digest": digest(unwrapped(pepper, wrapper()), inner),
        "pepper": pepper.version,
        "ends_at_us": None,
        "imported": {"scheme": "sha256", "lookup": lookup(lookup_bytes, inner)},
    }
    assert [one["scheme"] for one in api.get(f"/keys/{first['kid']}").body["secrets"]] == ["sha256"]
    assert (done.body["made"], done.body["already_there"]) == (2, 0)
    assert AuditRow.objects.get(action="keys.imported").details == {
        "format": "aws",
        "kids": [first["kid"], second["kid"]],
    }
    counts = {"made": 2, "already_there": 0, "left_out": 0}
    assert AuditRow.objects.get(action="keys.import_completed").details == {"format": "aws", **counts}
    (event,) = Event.objects.all()
    owner = {name: event.data[name]["name"] for name in ("application", "partner")}
    assert (event.type, owner) == ("keys.imported", {"application": application["name"], "partner": partner["name"]})
    assert event.data.items() >= {**counts, "environment": "live"}.items()
    assert str(event.partner_id) == partner["id"]


def test_rows_of_djangorestframework_api_key_are_read_as_csv_and_as_a_dump(api: AdminAPI, world: World) -> None:
    hashed = "sha512$$" + sha(DRF, "sha512")
    columns = ("id", "created", "name", "revoked", "expiry_date", "hashed_key", "prefix")
    rows = table(
        columns,
        ("Ab3dEf7h." + hashed, "2024-01-01", "shop", "f", "2099-01-01 00:00:00+00", hashed, "Ab3dEf7h"),
        ("x", "2024-01-01", "dead", "t", "", "sha512$$" + sha("2", "sha512"), "x"),
        ("x", "2024-01-01", "over", "f", "2020-01-01 00:00:00+00", "sha512$$" + sha("3", "sha512"), "x"),
    )
    done = post(api, world.application(), rows, "drf")
    assert [one["name"] for one in done.body["keys"]] == ["shop"]
    assert done.body["left_out"] == [{"line": 3, "why": "it was revoked"}, {"line": 4, "why": "it has expired"}]
    kid = done.body["keys"][0]["kid"]
    assert secret_of(kid)["imported"]["scheme"] == "drf"
    assert api.get(f"/keys/{kid}").body["expires_at"] == "2099-01-01T00:00:00Z"
    fields = {
        "name": "dump",
        "hashed_key": "sha512$$" + sha("another", "sha512"),
        "revoked": False,
        "expiry_date": None,
    }
    dump = json.dumps([{"model": "rest_framework_api_key.apikey", "pk": "p", "fields": fields}])
    assert post(api, world.application(), dump, "drf").body["keys"][0]["name"] == "dump"


def test_our_own_file_and_a_plain_list_are_read(api: AdminAPI, world: World) -> None:
    rows = json.dumps(
        [
            {"name": "plain", "key": PLAIN},
            {"name": "hashed", "digest": sha("1", "sha512"), "scheme": "sha512", "enabled": False},
        ]
    )
    done = post(api, world.application(), rows, "portazgo")
    assert [(one["name"], one["status"]) for one in done.body["keys"]] == [("plain", "active"), ("hashed", "disabled")]
    listed = post(api, world.application(), f"{sha('2').upper()}, two\r\n\r\n{sha('3')}\r\n", "sha256")
    assert [(one["line"], one["name"]) for one in listed.body["keys"]] == [(1, "two"), (3, "")]


def test_every_wrong_line_is_told_of_and_nothing_is_imported(api: AdminAPI, world: World) -> None:
    rows = table(
        ("name", "key", "digest", "scheme"),
        ("fine", PLAIN, "", ""),
        ("twin", "", sha(PLAIN), "sha256"),
        ("slow", "", "pbkdf2_sha256$600000$salt$hash", ""),
        ("short", "abc", "", ""),
        ("both", PLAIN, sha("x"), ""),
        ("odd", "with a space in the middle", "", ""),
        ("cut", "", "abcd", "sha512"),
        ("bell\a", "", sha("y"), ""),
        ("ours", world.key()["api_key"], "", ""),
    )
    before = Key.objects.count()
    messages = told(post(api, world.application(), rows, "portazgo"))
    assert [message.partition(":")[0] for message in messages] == [f"line {number}" for number in range(3, 11)]
    assert "line 2" in messages[0]
    assert "slow" in messages[1]
    assert (Key.objects.count(), LookupKey.objects.count()) == (before, 0)


@pytest.mark.parametrize(
    "hashed",
    [
        "pbkdf2_sha256$600000$salt$AAAA", "pbkdf2_sha1$1$s$A", "argon2$argon2id$v=19$m=1$a$b", "$argon2id$v=19$m=1$a$b",
        "bcrypt_sha256$$2b$12$abc", "$2b$12$abcdefghijklmnopqrstuv", "scrypt$16384$salt$8$1$AAAA", "$7$C6..../....x$y",
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["drf", "sha256"])
def test_slow_hashers_are_refused_with_the_reason(api: AdminAPI, world: World, hashed: str, form: str) -> None:
    content = table(("hashed_key", "name"), (hashed, "x")) if form == "drf" else hashed
    (message,) = told(post(api, world.application(), content, form))
    assert "slow, salted hasher" in message
    assert hashed not in message


def test_what_is_there_already_is_skipped_and_told_of(api: AdminAPI, world: World) -> None:
    application = world.application()
    first = post(api, application, AWS, "aws").body["keys"]
    again = post(api, application, f"{sha('new')}\n{sha(PLAIN)},another name", "sha256").body
    assert (again["made"], again["already_there"]) == (1, 1)
    there = {**first[0], "line": 2, "already_there": True}
    assert again["keys"][1] == there
    assert [again["keys"][0][name] for name in ("line", "already_there")] == [1, False]
    # Plain ones are remembered as each scheme would have kept them.
    assert (KeySecret.objects.count(), ImportedSecret.objects.count()) == (3, 5)
    whole = post(api, application, AWS, "aws").body
    assert (whole["made"], [one["kid"] for one in whole["keys"]]) == (0, [one["kid"] for one in first])
    # Nothing was done, and nothing is said of it.
    assert AuditRow.objects.filter(action="keys.import_completed").count() == Event.objects.count() == 2


def test_a_key_of_one_application_is_not_imported_into_another(api: AdminAPI, world: World) -> None:
    kid = post(api, world.application(), AWS, "aws").body["keys"][0]["kid"]
    again = post(api, world.application(), f"{sha('new')}\n{sha(PLAIN)}", "sha256")
    assert told(again) == [f"line 2: it was imported already, as {kid}, a key of another application"]
    assert KeySecret.objects.count() == 2


@pytest.mark.parametrize("first", ["plain", "digest"])
def test_the_same_key_by_another_systems_export_is_the_same_key(api: AdminAPI, world: World, first: str) -> None:
    plain = (AWS, "aws")
    digests = (table(("id", "name", "hashed_key"), ("x", "crm", f"sha512$${sha(PLAIN, 'sha512')}")), "drf")
    before, after = (plain, digests) if first == "plain" else (digests, plain)
    application = world.application()
    kid = next(one for one in post(api, application, *before).body["keys"] if one["name"] == "crm")["kid"]
    again = next(one for one in post(api, application, *after).body["keys"] if one["name"] == "crm")
    assert (again["kid"], again["already_there"]) == (kid, True)
    (message,) = told(post(api, world.application(), *after))[:1]
    assert f"as {kid}, a key of another application" in message
    api.post(f"/keys/{kid}/revoke")
    api.delete(f"/keys/{kid}")
    assert f"under kid {kid}, which is final" in told(post(api, application, *after))[0]


@pytest.mark.parametrize("deleted", [False, True])
def test_a_file_of_back_then_revives_nothing_that_was_revoked(api: AdminAPI, world: World, deleted: bool) -> None:
    application = world.application()
    kid = post(api, application, AWS, "aws").body["keys"][0]["kid"]
    revoked = api.post(f"/keys/{kid}/revoke").body["revoked_at"]
    if deleted:
        assert api.delete(f"/keys/{kid}").status == 204
        assert not KeySecret.objects.filter(key=kid).exists()
    for other in (application, world.application()):
        for tried in (False, True):
            message, *_ = told(post(api, other, AWS, "aws", dry_run=tried))
            assert message == (
                f"line 2: it was revoked on {revoked[:10]} under kid {kid}, which is final: give its holder a new key"
            )
    assert Key.objects.exclude(status="revoked").count() == 1


def test_a_file_of_back_then_revives_no_secret_that_was_rotated_away(api: AdminAPI, world: World) -> None:
    application = world.application()
    kid = post(api, application, AWS, "aws").body["keys"][0]["kid"]
    api.post(f"/keys/{kid}/rotate", {"grace": "7d"})
    assert post(api, application, AWS, "aws").body["already_there"] == 2  # it works for its grace
    assert api.post(f"/keys/{kid}/rotation/end").status == 200
    for _ in range(2):
        (message,) = told(post(api, application, AWS, "aws"))
        assert message.startswith(f"line 2: it was imported as {kid}, and its secret has ended since")
        KeySecret.objects.filter(key=kid, slot="retiring").delete()  # as the worker does after a day


def many(count: int) -> str:
    return "".join(f"{sha(f'a key {number}')},key {number}\n" for number in range(count))


LONGEST_HOLD_SECONDS = 0.5
"""A revocation waits for it: half a second is what a revocation may take."""


class Stopped(BaseException):
    """The process ends here."""


class TestInBatches:
    def imported(self, application: dict[str, Any], count: int, pause: Callable[[float], None]) -> Outcome:
        return import_keys(
            SYSTEM,
            UUID(application["id"]),
            KeyFile(many(count), ImportFormat.SHA256),
            dry_run=False,
            wrapper=wrapper(),
            clock=SYSTEM_CLOCK,
            pause=pause,
        )

    def names(self) -> list[str]:
        return sorted(Key.objects.values_list("name", flat=True))

    def test_between_batches_no_lock_is_held_and_others_write(self, api: AdminAPI, world: World) -> None:
        application, others = world.application(), [world.key()["kid"] for _ in range(2)]
        seen: list[int] = []

        def pause(seconds: float) -> None:
            assert seconds >= 0.1  # the longest that a writer of SQLite waits before it looks again
            assert not connection.in_atomic_block
            assert api.post(f"/keys/{others[len(seen)]}/revoke").status == 200
            seen.append(ImportedSecret.objects.count())

        done = self.imported(application, 2 * KEYS_AT_ONCE + 1, pause)
        assert (seen, done.made) == ([100, 200], 201)
        parts = AuditRow.objects.filter(action="keys.imported").order_by("number")
        assert [len(row.details["kids"]) for row in parts] == [100, 100, 1]
        (completed,) = AuditRow.objects.filter(action="keys.import_completed")
        assert completed.details == {"format": "sha256", "made": 201, "already_there": 0, "left_out": 0}
        assert completed.revision == parts[2].revision

    def test_a_batch_holds_the_writer_for_less_than_half_a_second_of_work(self, world: World) -> None:
        """Of this thread's own work: how long others keep it from working says nothing of the batch.

        Nor does what the garbage collector walks through of the tests before: a control plane keeps that out, too.
        """
        application = world.application()
        ends: list[float] = []
        gc.freeze()
        try:
            self.imported(application, 6 * KEYS_AT_ONCE, lambda _seconds: ends.append(time.thread_time()))
        finally:
            gc.unfreeze()
        # From the end of one transaction to that of the next: all that lies between is the next one.
        holds = [after - before for before, after in pairwise(ends)]
        assert len(holds) == 4
        assert max(holds) < LONGEST_HOLD_SECONDS, holds

    def test_an_import_that_was_cut_off_is_completed_by_the_next_one(self, world: World) -> None:
        application = world.application()

        def stop(_seconds: float) -> None:
            raise Stopped

        with pytest.raises(Stopped):
            self.imported(application, 250, stop)
        assert len(self.names()) == KEYS_AT_ONCE
        assert not Event.objects.filter(type="keys.imported").exists()
        done = self.imported(application, 250, lambda _: None)
        assert (done.made, done.already_there) == (150, 100)
        assert self.names() == sorted(f"key {number}" for number in range(250))
        assert ImportedSecret.objects.count() == 250
        (event,) = Event.objects.filter(type="keys.imported")
        assert (event.data["made"], event.data["already_there"]) == (150, 100)
        assert self.imported(application, 250, lambda _: None).made == 0

    def test_of_two_imports_at_once_each_key_is_made_once(self, world: World) -> None:
        application = world.application()

        def meanwhile(_seconds: float) -> None:
            self.imported(application, 150, lambda _: None)

        with pytest.raises(Conflict) as refused:
            self.imported(application, 150, meanwhile)
        assert refused.value.code == "import_at_once"
        assert self.names() == sorted(f"key {number}" for number in range(150))
        done = self.imported(application, 150, lambda _: None)
        assert (done.made, done.already_there) == (0, 150)


def test_a_wrong_line_at_the_end_of_a_long_file_leaves_nothing(api: AdminAPI, world: World) -> None:
    (message,) = told(post(api, world.application(), many(150) + "no digest\n", "sha256"))
    assert message.startswith("line 151: ")
    assert Key.objects.count() == 0


def test_a_dry_run_tells_the_same_and_leaves_nothing(api: AdminAPI, world: World) -> None:
    application = world.application()
    for _ in range(2):
        tried = post(api, application, AWS, "aws", dry_run=True)
        assert [(one["kid"], one["name"]) for one in tried.body["keys"]] == [(None, "crm"), (None, "old")]
    assert (Key.objects.count(), LookupKey.objects.count()) == (0, 0)
    kids = [one["kid"] for one in post(api, application, AWS, "aws").body["keys"]]
    tried = post(api, application, AWS, "aws", dry_run=True)
    assert [one["kid"] for one in tried.body["keys"]] == kids
    assert (tried.body["made"], tried.body["already_there"], Key.objects.count()) == (0, 2, 2)


def test_the_longest_life_of_a_key_holds_for_imported_ones(api: AdminAPI, world: World, settings: Settings) -> None:
    application = world.application()
    rows = table(
        ("name", "key", "expires_at"),
        ("sooner", PLAIN, "2099-01-01T00:00:00Z"),
        ("later", OTHER, "2999-01-01T00:00:00Z"),
    )
    with override_settings(PORTAZGO=replace(settings, key_max_age=timedelta(days=36_500))):
        sooner, later = post(api, application, rows, "portazgo").body["keys"]
        assert sooner["expires_at"] == "2099-01-01T00:00:00Z"
        assert later["expires_at"] == api.get(f"/keys/{later['kid']}").body["latest_expires_at"]


def test_an_imported_secret_moves_to_a_new_pepper_and_is_found_as_before(api: AdminAPI, world: World) -> None:
    kid = post(api, world.application(), AWS, "aws").body["keys"][0]["kid"]
    before = secret_of(kid)
    api.post("/peppers/rotate")
    assert pepper_rotation.go_on(wrapper, clock=SYSTEM_CLOCK, seconds=60) == 2
    (pepper,) = Pepper.objects.all()
    moved = digest(unwrapped(pepper, wrapper()), hashlib.sha256(PLAIN.encode()).digest())
    assert secret_of(kid) == {**before, "digest": moved, "pepper": pepper.version}


def test_no_plain_key_and_no_bare_digest_is_kept_or_said(
    api: AdminAPI, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    application = world.application()
    answers = [
        post(api, application, AWS, "aws"),
        post(api, application, AWS, "aws"),
        post(api, application, AWS, "aws", odd=True),
        post(api, application, AWS.replace("FALSE", "perhaps"), "drf"),
        post(api, application, AWS + "x" * 4_000_000, "aws"),
    ]
    assert [answer.status for answer in answers] == [200, 200, 422, 422, 422]
    # Not even in what remembers a request by its Idempotency-Key.
    body = {"format": "aws", "content": AWS}
    place = f"/applications/{application['id']}/keys/import"
    assert api.post(place, body, Idempotency_Key="once").body["already_there"] == 2
    assert not IdempotentRequest.objects.exists()
    kept = []
    with connection.cursor() as cursor:
        for name in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{name}"')  # noqa: S608 - names of our own tables
            kept += [repr(row) for row in cursor.fetchall()]
    said = "\n".join([*kept, *(json.dumps(answer.body) for answer in answers), caplog.text])
    for text in (PLAIN, OTHER):
        assert text not in said
        assert sha(text) not in said


def test_a_rotation_gives_an_imported_key_a_secret_of_our_form_under_the_same_kid(api: AdminAPI, world: World) -> None:
    kid = post(api, world.application(), AWS, "aws").body["keys"][0]["kid"]
    imported = secret_of(kid)
    rotated = api.post(f"/keys/{kid}/rotate", {"grace": "7d"})
    assert rotated.status == 200, rotated
    assert f"_{kid}_" in rotated.body["api_key"]
    secrets = {one["slot"]: one for one in body_of("key", kid)["secrets"]}
    assert "imported" not in secrets["current"]
    assert secrets["retiring"]["imported"] == imported["imported"]
    assert secrets["retiring"]["digest"] == imported["digest"]
