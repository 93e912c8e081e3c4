"""Calls are found by where they came from, in whatever form that was recorded: in segments and in the lake."""

from __future__ import annotations

from typing import Any

import pytest
from support.admin import AdminAPI
from support.lake_moves import move_to_lake
from support.named_records import collect_all
from support.segments import KEY, PATH, Recorded, record
from support.world import refusal

from portazgo.partners.models import DataKey
from portazgo.settings import Settings
from portazgo.traces import reading

pytestmark = pytest.mark.usefixtures("data_keys")

CALLS = [(PATH, {"X-Api-Key": KEY}), (PATH, {}), (PATH, {"X-Api-Key": KEY})]
"""Two of a live application, one of nobody."""
FORMS = {"live": "truncated", "test": "none", "other": "tag"}


def collected(form: str | dict[str, str]) -> Recorded:
    forms = dict.fromkeys(("live", "test", "other"), form) if isinstance(form, str) else form
    records = record(CALLS, address_forms=forms)
    collect_all(records)
    return records


def found(api: AdminAPI, address: str, **more: Any) -> list[str]:
    answer = api.get("/traces", {"client_address": address, "count": "true", **more})
    assert answer.status == 200, answer
    listed = [one["request_id"] for one in answer.body["items"]]
    assert answer.body["count"]["value"] == len(listed)
    return listed


@pytest.mark.parametrize(
    ("form", "other_address", "other_network"),
    [
        ("whole", False, False),
        # Of a truncated address its neighbours can't be told apart, and that is what it is for.
        ("truncated", True, False),
        ("tag", False, False),
    ],
)
def test_an_address_finds_its_calls_in_segments_and_in_the_lake(
    api: AdminAPI, settings: Settings, form: str, *, other_address: bool, other_network: bool
) -> None:
    ids = collected(form).ids[::-1]
    for _ in ("in segments", "in the lake"):
        assert found(api, "127.0.0.1") == ids
        assert found(api, "::ffff:127.0.0.1") == ids
        assert found(api, "127.0.0.1", status=401) == [ids[1]]
        assert found(api, "127.0.0.1", limit=200, environment="live") == [ids[0], ids[2]]
        assert (found(api, "127.0.0.2") == ids) is other_address
        assert (found(api, "127.0.1.1") == ids) is other_network
        assert found(api, "2001:db8::1") == []
        if form != "tag":
            assert found(api, "127.0.0.0/16") == ids
            assert found(api, "128.0.0.0/16") == []
        else:
            # As a trace shows it: the tags of one caller differ from partner to partner.
            shown = api.get(f"/traces/{ids[0]}").body["client_address"]
            assert found(api, shown) == [ids[0], ids[2]]
        move_to_lake(settings)


def test_each_environment_has_its_form_and_one_address_finds_all(api: AdminAPI) -> None:
    records = collected(FORMS)
    shown = [api.get(f"/traces/{one}").body["client_address"] for one in records.ids]
    assert (shown[0], shown[2]) == ("127.0.0.0/24", "127.0.0.0/24")
    assert shown[1].startswith("tag:")
    assert found(api, "127.0.0.1") == records.ids[::-1]


def test_where_nothing_is_recorded_or_its_key_is_gone_nothing_is_found(api: AdminAPI, settings: Settings) -> None:
    collected("none")
    assert found(api, "127.0.0.1") == []
    records = collected("whole")
    DataKey.objects.filter(partner__isnull=False).update(wrapped=None)
    for _ in ("in segments", "in the lake"):
        assert found(api, "127.0.0.1") == [records.ids[1]]
        move_to_lake(settings)


def test_too_many_callers_are_said_and_not_left_out(
    api: AdminAPI, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    collected("whole")
    move_to_lake(settings)
    monkeypatch.setattr(reading, "MOST_CALLERS", 1)
    answer = api.get("/traces", {"client_address": "127.0.0.1"})
    assert refusal(answer) == (503, "search_too_large")
    assert len(api.get("/traces", {"client_address": "127.0.0.1", "status": 401}).body["items"]) == 1


@pytest.mark.parametrize("text", ["", "nowhere", "127.0.0.1/8", "tag:1", "127.0.0.1,127.0.0.2", "127.0.0.1'--"])
def test_what_is_no_address_is_refused_by_name(api: AdminAPI, text: str) -> None:
    answer = api.get("/traces", {"client_address": text})
    assert answer.status == 422
    assert "client_address" in str(answer.body)
