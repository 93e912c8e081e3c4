"""Whoever holds a leaked secret finds every refused call that presented it, and nobody reads a secret out of records."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from support import sealed
from support.admin import AdminAPI
from support.lake_moves import move_to_lake
from support.named_records import collect_all
from support.segments import KEY, KID, PATH, Recorded, record
from support.world import refusal

from portazgo import _native
from portazgo.audit.models import AuditRow
from portazgo.keys.domain import Kid, format_key
from portazgo.kit.secret import Secret
from portazgo.partners import personal
from portazgo.partners.models import DataKey
from portazgo.settings import Settings

UNKNOWN = format_key("ptz", "live", Kid("Unknown001"), Secret("u" * 32))
WRONG = format_key("ptz", "live", Kid(KID), Secret("w" * 32))
PASSWORD = "not-a-key-but-a-password"
LONGEST = "x" * 4096


def key(text: str) -> tuple[str, dict[str, str]]:
    return PATH, {"X-Api-Key": text}


CALLS = [
    *(key(text) for text in (KEY, UNKNOWN, WRONG, PASSWORD, UNKNOWN, KEY, LONGEST, LONGEST + "x")),
    (PATH, {"Authorization": f"Bearer {PASSWORD}"}),
    (PATH, {}),
    (PATH, {"X-Api-Key": KEY, "Authorization": f"Bearer {UNKNOWN}"}),
]
TRIED = {KEY: (0, 5), UNKNOWN: (1, 4), WRONG: (2,), PASSWORD: (3, 8), LONGEST: (6,)}
"""By what was presented: which of the calls."""


@pytest.fixture
def refused(data_keys: dict[str, str]) -> Recorded:
    """Calls that were all refused for their key, which is disabled, unknown, wrong, or none at all."""
    records = record(CALLS, key_status="disabled")
    collect_all(records)
    return records


def tags(api: AdminAPI, secret: str) -> dict[str, Any]:
    answer = api.post("/security/secret-tags", {"secret": secret})
    assert answer.status == 200, answer
    body: dict[str, Any] = answer.body
    return body


def found(api: AdminAPI, tag: str) -> list[str]:
    answer = api.get("/traces", {"secret_tag": tag})
    assert answer.status == 200, answer
    return [one["request_id"] for one in answer.body["items"]]


def test_every_call_that_presented_a_secret_is_found_by_its_tag_in_segments_and_in_the_lake(
    api: AdminAPI, refused: Recorded, settings: Settings
) -> None:
    for _ in ("in segments", "in the lake"):
        for text, places in TRIED.items():
            told = tags(api, text)
            assert found(api, told["secret_tag"]) == [refused.ids[place] for place in reversed(places)], text
            assert api.get(f"/traces/{refused.ids[places[0]]}").body["secret_tag"] == told["months"][0]["tag"]
        # Nothing was presented, too much, or two different things.
        assert [api.get(f"/traces/{refused.ids[place]}").body["secret_tag"] for place in (7, 9, 10)] == [None] * 3
        both = ",".join(tags(api, text)["secret_tag"] for text in (KEY, WRONG))
        assert found(api, both) == [refused.ids[place] for place in (5, 2, 0)]
        assert found(api, "0123456789abcdef") == []
        move_to_lake(settings)


def test_calls_that_were_let_in_have_no_tag(api: AdminAPI, data_keys: dict[str, str]) -> None:
    records = record([key(KEY)])
    collect_all(records)
    assert api.get(f"/traces/{records.ids[0]}").body["secret_tag"] is None
    assert found(api, tags(api, KEY)["secret_tag"]) == []


def test_a_tag_is_made_as_the_documentation_says(api: AdminAPI, refused: Recorded) -> None:
    data_key = sealed.KEYS[sealed.OF_NOBODY]
    extracted = hmac.digest(b"portazgo secret tag 1", data_key, hashlib.sha256)
    expanded = hmac.digest(extracted, b"\x01", hashlib.sha256)
    assert tags(api, UNKNOWN)["secret_tag"] == hmac.digest(expanded, UNKNOWN.encode(), hashlib.sha256)[:8].hex()


def test_no_secret_and_no_digest_without_a_key_stands_in_what_was_recorded(refused: Recorded) -> None:
    for _, content in refused.segments:
        for text in TRIED:
            assert text.encode() not in content
            for name in ("sha256", "sha512", "sha1", "md5"):
                assert hashlib.new(name, text.encode()).digest()[:8] not in content
        assert {record["secret_tag"] is None for record in _native.decode_segment(content)} == {True, False}


def test_each_month_has_a_tag_of_its_own_until_its_key_is_destroyed(api: AdminAPI, refused: Recorded) -> None:
    old = tags(api, UNKNOWN)
    row = DataKey.objects.get(partner=None)
    provider = personal._providers[0]()
    later = DataKey(partner=None, period="2000-02", created_at=row.created_at)
    later.wrapped = provider.wrap(f"data_key/{later.id}", bytes(32))
    later.save()
    both = tags(api, UNKNOWN)
    assert [one["month"] for one in both["months"]] == ["2000-02", "2000-01"]
    assert both["months"][1] == old["months"][0] != {**both["months"][0], "month": "2000-01"}
    assert found(api, both["secret_tag"]) == [refused.ids[4], refused.ids[1]]
    DataKey.objects.filter(id=row.id).update(wrapped=None)
    assert found(api, tags(api, UNKNOWN)["secret_tag"]) == []
    DataKey.objects.update(wrapped=None)
    assert refusal(api.post("/security/secret-tags", {"secret": UNKNOWN})) == (409, "data_key_missing")


def test_making_tags_is_audited_without_the_secret_and_needs_the_right_to_revoke(
    api: AdminAPI,
    api_with: Callable[..., AdminAPI],
    refused: Recorded,
) -> None:
    told = tags(api, UNKNOWN)
    row = AuditRow.objects.order_by("-number").first()
    assert row is not None
    assert (row.action, row.subject) == ("secret.tagged", told["months"][0]["tag"])
    assert "u" * 32 not in str(vars(row))
    reader = api_with("keys:read", "traces:read")
    assert reader.post("/security/secret-tags", {"secret": UNKNOWN}).status == 403


@pytest.mark.parametrize("secret", ["", "x" * 4097, None, 7])
def test_what_has_no_tag_is_refused(api: AdminAPI, refused: Recorded, secret: Any) -> None:
    assert api.post("/security/secret-tags", {"secret": secret}).status == 422


@pytest.mark.parametrize("tag", ["", "0123", "0123456789ABCDEF", "0123456789abcdef,", "g" * 16])
def test_what_is_no_tag_is_refused_by_name(api: AdminAPI, tag: str) -> None:
    answer = api.get("/traces", {"secret_tag": tag})
    assert answer.status == 422
    assert "secret_tag" in str(answer.body)
