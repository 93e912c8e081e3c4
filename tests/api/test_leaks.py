"""Leaked keys: who may report them, what is checked first, what is done, and what is told to whom."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client, override_settings
from support.admin import AdminAPI, Answer
from support.world import World, body_of, lane, refusal

from portazgo.audit.models import AuditRow
from portazgo.keys.domain import crc
from portazgo.keys.models import KeySecret
from portazgo.kit.clock import microseconds
from portazgo.leaks import reports
from portazgo.leaks.github import MOST_MATCHES, PublicKeys, is_signed
from portazgo.leaks.limiting import Allowance, Answers
from portazgo.notifications.models import Event
from portazgo.settings import Settings

pytestmark = pytest.mark.usefixtures("database")

URL = "https://github.com/octocat/Hello-World/blob/12345600b9cbe38a219f39a9941c9319b600c002/foo/bar.txt"
IDENTIFIER = "test-key"

# The example that GitHub's documentation published, with the key that it published.
PUBLISHED_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9MJJHnMfn2+H4xL4YaPDA4RpJqUq
kCmRCBnYERxZanmcpzQSXs1X/AljlKkbJ8qpVIW4clayyef9gWhFbNHWAA==
-----END PUBLIC KEY-----
"""
PUBLISHED_BODY = b'[{"token":"some_token","type":"some_type","url":"some_url"}]'
PUBLISHED_SIGNATURE = "MEUCIQDKZokqnCjrRtw0tni+2Ltvl/uiMJ1EGumEsp1BsNr32AIgQY1YXD2nlj+XNfGK4rBfkMJ1JDOQcYXxa2sY8FNkrKc="


class Reporter:
    """Signs reports as GitHub does."""

    def __init__(self, folder: Path) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.file = folder / "keys.json"
        pem = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        listed = [{"key_identifier": IDENTIFIER, "key": pem, "is_current": True}]
        self.file.write_text(json.dumps({"public_keys": listed}))

    def report(self, *tokens: str, url: str = URL) -> Answer:
        matches = [{"token": token, "type": "portazgo", "url": url, "source": "commit"} for token in tokens]
        return self.send(json.dumps(matches).encode())

    def send(self, body: bytes, signed: bytes | None = None, identifier: str = IDENTIFIER) -> Answer:
        signature = self.key.sign(body if signed is None else signed, ec.ECDSA(hashes.SHA256()))
        headers = {
            "Github-Public-Key-Identifier": identifier,
            "Github-Public-Key-Signature": base64.b64encode(signature).decode(),
        }
        return post(body, headers)


def post(body: bytes, headers: dict[str, str]) -> Answer:
    answer = Client(raise_request_exception=False).generic(
        "POST", "/api/v1/security/leaks", body, content_type="application/json", headers=headers
    )
    return Answer(answer.status_code, dict(answer.headers), json.loads(answer.content))


@pytest.fixture
def reporter(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reporter]:
    monkeypatch.setattr(reports, "_allowance", Allowance())
    monkeypatch.setattr(reports, "_answers", Answers())
    made = Reporter(tmp_path)
    with override_settings(PORTAZGO=replace(settings, leak_keys_file=made.file)):
        yield made


def labels(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [one["label"] for one in answer.body]


def actions(kid: str) -> list[str]:
    return list(AuditRow.objects.filter(subject=kid).order_by("id").values_list("action", flat=True))


def told(kid: str) -> list[str]:
    return [event.type for event in Event.objects.order_by("id") if event.data.get("kid") == kid]


def with_another_secret(api_key: str) -> str:
    """A key whose form and check sum are right, and whose secret is not."""
    body = api_key[:-6]
    changed = body[:-1] + ("a" if body[-1] != "a" else "b")
    return changed + crc(changed)


class TestReports:
    def test_a_leaked_live_key_ends_in_an_hour(self, world: World, reporter: Reporter) -> None:
        key = world.key()
        before = datetime.now(UTC)
        answer = reporter.report(key["api_key"])
        assert answer.body == [
            {
                "token_hash": hashlib.sha256(key["api_key"].encode()).hexdigest(),
                "token_type": "portazgo",
                "label": "true_positive",
            }
        ]
        secret = KeySecret.objects.get(key=key["kid"])
        assert secret.ends_at is not None
        assert before + timedelta(hours=1) <= secret.ends_at <= datetime.now(UTC) + timedelta(hours=1)
        (compiled,) = body_of("key", key["kid"])["secrets"]
        assert compiled["ends_at_us"] == microseconds(secret.ends_at)
        (event,) = Event.objects.filter(type="key.leaked")
        assert (event.data["kid"], event.data["response"], event.data["url"]) == (key["kid"], "retire_in_1h", URL)
        (row,) = AuditRow.objects.filter(action="key.leaked")
        assert (row.actor_id, row.details["response"], row.details["source"]) == ("github", "retire_in_1h", "github")

    def test_a_leaked_test_key_is_revoked_at_once(self, world: World, reporter: Reporter) -> None:
        key = world.key(world.application(environment="test"))
        assert labels(reporter.report(key["api_key"])) == ["true_positive"]
        assert body_of("key", key["kid"])["status"] == "revoked"
        assert ("revoke_key", key["kid"]) in lane()
        assert actions(key["kid"]) == ["key.created", "key.leaked", "key.revoked"]
        assert sorted(told(key["kid"])) == ["key.created", "key.leaked", "key.revoked"]

    def test_a_kid_alone_kills_nobody(self, world: World, reporter: Reporter) -> None:
        key = world.key(world.application(environment="test"))
        wrong = with_another_secret(key["api_key"])
        assert labels(reporter.report(wrong)) == ["false_positive"]
        assert body_of("key", key["kid"])["status"] == "active"
        assert actions(key["kid"]) == ["key.created", "key.leak_unproven"]
        assert told(key["kid"]) == ["key.created"]

    def test_each_match_of_a_batch_is_answered_whatever_it_is(self, world: World, reporter: Reporter) -> None:
        live, test = world.key(), world.key(world.application(environment="test"))
        as_live = test["api_key"].replace("_test_", "_live_")[:-6]
        answer = reporter.report(
            "no key at all",
            live["api_key"],
            live["api_key"][:-1] + ("0" if live["api_key"][-1] != "0" else "1"),
            as_live + crc(as_live),
            test["api_key"],
            "",
        )
        assert labels(answer) == [
            "false_positive",
            "true_positive",
            "false_positive",
            "false_positive",
            "true_positive",
            "false_positive",
        ]

    def test_reporting_again_changes_nothing(self, world: World, reporter: Reporter) -> None:
        key = world.key()
        first = reporter.report(key["api_key"])
        ends_at = KeySecret.objects.get(key=key["kid"]).ends_at
        # The very same message, as an eavesdropper would send it: the same answer, and not even a row.
        assert reporter.report(key["api_key"]).body == first.body
        assert actions(key["kid"]).count("key.leaked") == 1
        # Found at another place too.
        assert labels(reporter.report(key["api_key"], url="https://example.com/elsewhere")) == ["true_positive"]
        assert KeySecret.objects.get(key=key["kid"]).ends_at == ends_at
        assert actions(key["kid"]).count("key.leaked") == 2
        assert told(key["kid"]).count("key.leaked") == 1

    def test_a_report_that_asks_for_more_is_carried_out_though_another_came_before(
        self, api: AdminAPI, world: World, reporter: Reporter
    ) -> None:
        key = world.key()
        reporter.report(key["api_key"])
        assert KeySecret.objects.get(key=key["kid"]).ends_at is not None
        by_hand = {"api_key": key["api_key"], "response": "revoke"}
        assert api.post("/security/leak-reports", by_hand).body["response"] == "revoke"
        assert api.get(f"/keys/{key['kid']}").body["status"] == "revoked"
        assert api.post("/security/leak-reports", by_hand).body["response"] is None

    def test_a_dead_key_is_a_true_positive_and_stays_dead(
        self, api: AdminAPI, world: World, reporter: Reporter
    ) -> None:
        key = world.key()
        api.post(f"/keys/{key['kid']}/revoke")
        assert labels(reporter.report(key["api_key"])) == ["true_positive"]
        assert told(key["kid"])[-1] == "key.leaked"
        assert Event.objects.get(type="key.leaked").data["response"] == "notify"

    def test_no_secret_stays_behind(self, world: World, reporter: Reporter) -> None:
        key = world.key()
        reporter.report(key["api_key"], url=f"https://example.com/?key={key['api_key']}&n=\0")
        secret = key["api_key"].rsplit("_", 1)[1][:32]
        rows = [json.dumps(row.details) for row in AuditRow.objects.all()]
        events = [json.dumps(event.data) for event in Event.objects.all()]
        assert all(secret not in text for text in rows + events)
        assert Event.objects.get(type="key.leaked").data["url"] == "https://example.com/?key=[redacted]&n=?"


class TestSignatures:
    def test_githubs_published_example_is_verified(self, tmp_path: Path) -> None:
        file = tmp_path / "published.json"
        file.write_text(json.dumps({"public_keys": [{"key_identifier": "90a421", "key": PUBLISHED_KEY}]}))
        headers = {"Github-Public-Key-Identifier": "90a421", "Github-Public-Key-Signature": PUBLISHED_SIGNATURE}
        assert is_signed(PUBLISHED_BODY, headers, PublicKeys(file))
        assert not is_signed(PUBLISHED_BODY + b" ", headers, PublicKeys(file))

    def test_nothing_is_done_for_a_message_that_is_not_signed(self, world: World, reporter: Reporter) -> None:
        key = world.key()
        body = json.dumps([{"token": key["api_key"], "type": "portazgo", "url": URL, "source": "commit"}]).encode()
        other = ec.generate_private_key(ec.SECP256R1()).sign(body, ec.ECDSA(hashes.SHA256()))
        bad = [
            {},
            {"Github-Public-Key-Identifier": IDENTIFIER},
            {"Github-Public-Key-Identifier": IDENTIFIER, "Github-Public-Key-Signature": "&&&"},
            {"Github-Public-Key-Identifier": IDENTIFIER, "Github-Public-Key-Signature": "AAAA"},
            {
                "Github-Public-Key-Identifier": IDENTIFIER,
                "Github-Public-Key-Signature": base64.b64encode(other).decode(),
            },
        ]
        answers = [post(body, headers) for headers in bad]
        answers += [reporter.send(body, signed=body + b" "), reporter.send(body, identifier="unknown")]
        assert {refusal(answer) for answer in answers} == {(401, "signature_invalid")}
        assert len({answer.body["detail"] for answer in answers}) == 1
        assert told(key["kid"]) == ["key.created"]

    def test_without_public_keys_no_report_is_taken(self) -> None:
        assert refusal(post(b"[]", {})) == (404, "leak_reports_off")

    @pytest.mark.parametrize(
        "content",
        ["{}", "[]", "no JSON", '{"public_keys": [{"key_identifier": "a", "key": 1}]}', '{"public_keys": ["a"]}'],
    )
    def test_replaced_keys_are_read_without_a_restart(self, world: World, reporter: Reporter, content: str) -> None:
        key = world.key()
        good = reporter.file.read_text()
        reporter.file.write_text(content)
        assert refusal(reporter.report(key["api_key"])) == (503, "unavailable")
        reporter.file.write_text(good)
        assert labels(reporter.report(key["api_key"])) == ["true_positive"]

    @pytest.mark.parametrize(
        "body", [b"{}", b"[]", b"[1]", b'[{"token": 1}]', b"\xff", b"[" * 5_000, b'[{"type": "x"}]']
    )
    def test_what_is_no_report_is_refused_without_repeating_it(self, reporter: Reporter, body: bytes) -> None:
        assert refusal(reporter.send(body)) == (422, "report_invalid")

    def test_batches_and_bursts_are_bounded(self, reporter: Reporter, monkeypatch: pytest.MonkeyPatch) -> None:
        one = {"token": "x", "type": "portazgo"}
        assert refusal(reporter.send(json.dumps([one] * (MOST_MATCHES + 1)).encode())) == (422, "report_invalid")
        assert refusal(reporter.send(b" " * 1_048_577)) == (413, "body_too_large")
        monkeypatch.setattr(reports, "_allowance", Allowance(3))
        assert labels(reporter.report("a", "b")) == ["false_positive"] * 2
        refused = reporter.report("c", "d")
        assert (refusal(refused), refused.headers["Retry-After"]) == ((429, "too_many_reports"), "60")
        # A message that was answered is answered again, whatever is left.
        assert labels(reporter.report("a", "b")) == ["false_positive"] * 2

    def test_only_post_is_taken(self) -> None:
        assert Client().get("/api/v1/security/leaks").status_code == 405


def test_an_allowance_fills_again_within_a_minute() -> None:
    allowance = Allowance(60)
    assert allowance.take(60, now=100.0)
    assert not allowance.take(1, now=100.5)
    assert allowance.take(10, now=111.0)
    assert not allowance.take(60, now=120.0)


class TestByHand:
    def report(self, api: AdminAPI, api_key: str, **members: Any) -> dict[str, Any]:
        answer = api.post("/security/leak-reports", {"api_key": api_key, **members})
        assert answer.status == 200, answer
        body: dict[str, Any] = answer.body
        return body

    def test_an_admin_reports_a_key(self, api: AdminAPI, world: World) -> None:
        key = world.key()
        outcome = self.report(api, key["api_key"], url="https://paste.example/1")
        assert (outcome["kid"], outcome["right"], outcome["response"]) == (key["kid"], True, "retire_in_1h")
        assert outcome["secret_ends_at"] is not None
        shown = api.get(f"/keys/{key['kid']}").body
        assert shown["secrets"][0]["leaked_at"] is not None
        again = self.report(api, key["api_key"])
        assert (again["right"], again["response"]) == (True, None)

    def test_a_key_that_is_rotated_after_its_leak_lives_on_and_the_leaked_secret_still_ends(
        self, api: AdminAPI, world: World
    ) -> None:
        key = world.key()
        ends_at = self.report(api, key["api_key"])["secret_ends_at"]
        rotated = api.post(f"/keys/{key['kid']}/rotate", {"grace": "7d"})
        assert rotated.status == 200, rotated
        slots = {one["slot"]: one["ends_at"] for one in api.get(f"/keys/{key['kid']}").body["secrets"]}
        assert slots == {"current": None, "retiring": ends_at}
        assert refusal(api.post(f"/keys/{key['kid']}/rotation/extend", {"grace": "6d"})) == (409, "secret_leaked")
        # What is done about the old secret now does nothing to the new one.
        assert self.report(api, key["api_key"], response="revoke")["response"] == "revoke"
        shown = api.get(f"/keys/{key['kid']}").body
        assert (shown["status"], [one["slot"] for one in shown["secrets"] if not one["ended"]]) == (
            "active",
            ["current"],
        )
        assert self.report(api, rotated.body["api_key"])["response"] == "retire_in_1h"

    def test_of_a_rotated_key_only_the_secret_that_leaked_ends(self, api: AdminAPI, world: World) -> None:
        key = world.key()
        api.post(f"/keys/{key['kid']}/rotate", {"grace": "7d"})
        assert self.report(api, key["api_key"], response="revoke")["response"] == "revoke"
        body = body_of("key", key["kid"])
        ends = {one["slot"]: one["ends_at_us"] for one in body["secrets"]}
        assert (body["status"], ends["current"]) == ("active", None)
        assert ends["retiring"] <= microseconds(datetime.now(UTC))

    @pytest.mark.parametrize("response", ["notify", "retire_in_1h", "revoke"])
    def test_the_response_can_be_chosen(self, api: AdminAPI, world: World, response: str) -> None:
        key = world.key()
        assert self.report(api, key["api_key"], response=response)["response"] == response
        body = body_of("key", key["kid"])
        assert body["status"] == ("revoked" if response == "revoke" else "active")
        assert (body["secrets"][0]["ends_at_us"] is None) == (response != "retire_in_1h")

    def test_what_is_no_key_or_has_another_secret_does_nothing(self, api: AdminAPI, world: World) -> None:
        key = world.key()
        nothing = {"right": False, "response": None, "secret_ends_at": None}
        assert self.report(api, "x") == {"kid": None, **nothing}
        assert self.report(api, with_another_secret(key["api_key"])) == {"kid": key["kid"], **nothing}


class TestCanaries:
    def test_a_canary_is_a_disabled_key_to_nodes_and_can_only_be_revoked(self, api: AdminAPI, world: World) -> None:
        key = world.key(canary=True)
        assert (key["status"], key["canary"]) == ("active", True)
        assert body_of("key", key["kid"])["status"] == "disabled"
        for act in ("enable", "disable"):
            assert refusal(api.post(f"/keys/{key['kid']}/{act}")) == (409, "key_is_canary")
        assert lane() == []
        assert api.post(f"/keys/{key['kid']}/revoke").body["status"] == "revoked"
        assert body_of("key", key["kid"])["status"] == "revoked"

    def test_a_leaked_canary_is_told_of_and_stays(self, api: AdminAPI, world: World) -> None:
        key = world.key(canary=True)
        outcome = api.post("/security/leak-reports", {"api_key": key["api_key"], "response": "revoke"}).body
        assert outcome["response"] == "notify"
        assert body_of("key", key["kid"])["status"] == "disabled"
        event = Event.objects.get(type="key.leaked")
        assert event.partner_id is None


class TestImportedKeys:
    """A key that another system made has none of our forms: it is known by what its whole text hashes to."""

    FOREIGN = "Ab3dEf7h.NotARealSecretOf/Another=System0"

    def imported(self, world: World, scheme: str, environment: str = "live") -> str:
        application = world.application(environment=environment)
        digest = hashlib.new("sha256" if scheme == "sha256" else "sha512", self.FOREIGN.encode()).hexdigest()
        kept = f"sha512$${digest}" if scheme == "drf" else digest
        body = {"format": "portazgo", "content": json.dumps([{"digest": kept, "scheme": scheme}])}
        done = world.api.post(f"/applications/{application['id']}/keys/import", body)
        kid: str = done.body["keys"][0]["kid"]
        return kid

    @pytest.mark.parametrize("scheme", ["sha256", "sha512", "drf"])
    def test_a_leaked_one_ends_in_an_hour(self, world: World, reporter: Reporter, scheme: str) -> None:
        kid = self.imported(world, scheme)
        assert labels(reporter.report(self.FOREIGN, self.FOREIGN + "x", "")) == [
            "true_positive",
            "false_positive",
            "false_positive",
        ]
        (compiled,) = body_of("key", kid)["secrets"]
        assert compiled["ends_at_us"] is not None
        (event,) = Event.objects.filter(type="key.leaked")
        assert (event.data["kid"], event.data["response"]) == (kid, "retire_in_1h")

    def test_a_leaked_test_one_is_revoked_at_once(self, world: World, reporter: Reporter) -> None:
        kid = self.imported(world, "drf", "test")
        assert labels(reporter.report(self.FOREIGN)) == ["true_positive"]
        assert body_of("key", kid)["status"] == "revoked"
        assert ("revoke_key", kid) in lane()

    def test_after_a_rotation_the_secret_that_leaked_ends_and_the_new_one_lives(
        self, api: AdminAPI, world: World
    ) -> None:
        kid = self.imported(world, "sha256")
        api.post(f"/keys/{kid}/rotate", {"grace": "7d"})
        by_hand = {"api_key": self.FOREIGN, "response": "revoke"}
        outcome = api.post("/security/leak-reports", by_hand).body
        assert (outcome["kid"], outcome["right"], outcome["response"]) == (kid, True, "revoke")
        ended = {one["slot"]: one["ended"] for one in api.get(f"/keys/{kid}").body["secrets"]}
        assert ended == {"current": False, "retiring": True}

    def test_a_deleted_one_is_no_key_any_more(self, api: AdminAPI, world: World, reporter: Reporter) -> None:
        kid = self.imported(world, "sha256")
        api.post(f"/keys/{kid}/revoke")
        api.delete(f"/keys/{kid}")
        assert labels(reporter.report(self.FOREIGN)) == ["false_positive"]

    def test_where_none_was_imported_no_text_is_looked_up(self, world: World, reporter: Reporter) -> None:
        world.key()
        assert labels(reporter.report(self.FOREIGN)) == ["false_positive"]

    def test_no_imported_key_stays_behind_in_a_url(self, world: World, reporter: Reporter) -> None:
        self.imported(world, "sha256")
        spelt = quote(self.FOREIGN, safe="")
        assert spelt != self.FOREIGN
        reporter.report(self.FOREIGN, url=f"https://example.com/?key={self.FOREIGN}&also={spelt}")
        url = Event.objects.get(type="key.leaked").data["url"]
        assert url == "https://example.com/?key=[redacted]&also=[redacted]"
        assert all(self.FOREIGN not in json.dumps(row.details) for row in AuditRow.objects.all())
