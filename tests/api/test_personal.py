"""What records say of a person is sealed under data keys, and shown to those who may read traces while there is the key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from support.admin import AdminAPI
from support.clock import FakeClock
from support.named_records import collect_named
from support.segments import Recorded
from support.world import World, resource

from portazgo import _native
from portazgo.kit.wrapping import KeyWrapper, WrappingUnavailable
from portazgo.partners import data_keys as keys
from portazgo.partners import personal
from portazgo.partners.models import DataKey, Partner
from portazgo.snapshot.models import ResourceRow

pytestmark = pytest.mark.usefixtures("database")


class Away:
    """A key-wrapping provider that can't be asked."""

    opens = ("local:0",)

    def wrap(self, context: str, plaintext: bytes) -> str:  # noqa: ARG002 - as the port has it
        """Say so."""
        raise WrappingUnavailable("the provider is away", "wait")

    def unwrap(self, context: str, text: str) -> bytes:  # noqa: ARG002 - likewise
        """Say so."""
        raise WrappingUnavailable("the provider is away", "wait")


@pytest.fixture
def collected(data_keys: dict[str, str]) -> Recorded:
    """Four calls, collected, with the data keys that seal what they say of a person."""
    return collect_named()


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a provider that is away, and nothing at hand of what it unwrapped before."""
    monkeypatch.setattr(personal, "_providers", [Away])
    monkeypatch.setattr(personal, "_unwrapped", personal._Unwrapped())


def shown(api: AdminAPI, request_id: str) -> tuple[str | None, str]:
    told = api.get(f"/traces/{request_id}").body
    return told["client_address"], told["personal"]


def test_an_address_is_shown_of_calls_with_a_key_and_without(api: AdminAPI, collected: Recorded) -> None:
    assert [shown(api, one) for one in collected.ids] == [("127.0.0.1", "shown")] * len(collected.ids)
    assert {one["personal"] for one in api.get("/traces").body["items"]} == {"shown"}


def test_nothing_of_it_stands_in_a_segment_in_clear(collected: Recorded) -> None:
    for _, content in collected.segments:
        assert bytes([127, 0, 0, 1]) not in content.replace(
            b"\x00" * 10 + b"\xff\xff" + bytes([127, 0, 0, 1]) + (9).to_bytes(2, "little"), b""
        ), "but for the backend's own address"
        for record in _native.decode_segment(content):
            assert (record["client_address"], record["client_port"], record["user_agent"]) == (None, None, None)
            assert record["personal"]


def test_a_key_that_is_gone_shows_nothing_and_everything_else_is_told(api: AdminAPI, collected: Recorded) -> None:
    before = api.get(f"/traces/{collected.ids[0]}").body
    DataKey.objects.filter(partner__isnull=False).update(wrapped=None)
    after = api.get(f"/traces/{collected.ids[0]}").body
    assert after == {**before, "client_address": None, "personal": "erased"}
    # Of callers that no key was proven for there is another key.
    assert shown(api, collected.ids[2]) == ("127.0.0.1", "shown")


@pytest.mark.usefixtures("away")
def test_while_the_provider_is_away_only_what_is_personal_is_not_shown(api: AdminAPI, collected: Recorded) -> None:
    assert shown(api, collected.ids[0]) == (None, "unavailable")
    assert [one["personal"] for one in api.get("/traces").body["items"]] == ["unavailable"] * len(collected.ids)


def test_a_data_key_is_unwrapped_once_and_looked_at_each_time(
    api: AdminAPI, collected: Recorded, wrapper: KeyWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Counting:
        def unwrap(self, context: str, text: str) -> bytes:
            asked.append(context)
            return wrapper.unwrap(context, text)

    monkeypatch.setattr(personal, "_providers", [Counting])
    monkeypatch.setattr(personal, "_unwrapped", personal._Unwrapped())
    for _ in range(3):
        assert api.get("/traces").status == 200
    assert len(asked) == len(set(asked)) == 2
    DataKey.objects.update(wrapped=None)
    assert shown(api, collected.ids[0]) == (None, "erased")


def test_a_partner_has_a_data_key_from_its_first_moment_and_nodes_are_told(world: World) -> None:
    partner = world.partner()
    key = DataKey.objects.get(partner=partner["id"])
    told = resource("data_key", str(key.id))
    assert told is not None
    assert (told["requires"], told["body"]) == (["data_key.1"], {"partner": partner["id"], "wrapped": key.wrapped})


@pytest.mark.usefixtures("database")
def test_what_has_no_key_gets_one_by_and_by(
    world: World, wrapper: KeyWrapper, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an upgrade, or where the provider was away when the partner was made."""
    Partner.objects.create(name="older", created_at=clock.now())
    assert keys.make_missing(wrapper=Away(), clock=clock) == 0
    assert keys.make_missing(wrapper=wrapper, clock=clock) == 2
    assert DataKey.objects.filter(partner=Partner.objects.get(name="older").id, wrapped__isnull=False).count() == 1
    assert keys.make_missing(wrapper=wrapper, clock=clock) == 0


def test_callers_without_a_key_have_a_data_key_of_each_month(wrapper: KeyWrapper, clock: FakeClock) -> None:
    clock.wall = datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert keys.make_for_month(wrapper=wrapper, clock=clock) == 1
    clock.wall = datetime(2026, 12, 1, tzinfo=UTC)
    assert keys.make_for_month(wrapper=wrapper, clock=clock) == 1
    assert keys.make_for_month(wrapper=wrapper, clock=clock) == 0
    # Both open, one seals.
    assert DataKey.objects.filter(partner=None, wrapped__isnull=False).count() == 2
    told: list[Any] = list(ResourceRow.objects.filter(kind="data_key").values_list("identifier", flat=True))
    assert told == [str(DataKey.objects.get(period="2026-12").id)]
