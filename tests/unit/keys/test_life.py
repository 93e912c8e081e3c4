"""How long a key may live, and when it counts as forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portazgo.keys.domain import retagged
from portazgo.keys.life import Dormancy, bounded_expiry, latest_expiry, quiet_since

MADE = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
days = st.integers(min_value=0, max_value=4_000).map(lambda count: timedelta(days=count))


def test_without_a_bound_an_expiry_is_what_was_wanted() -> None:
    assert latest_expiry(MADE, None) is None
    assert bounded_expiry(None, None, None) is None
    assert bounded_expiry(MADE + 9_000 * DAY, None, None) == MADE + 9_000 * DAY


def test_within_a_bound_a_key_ends_and_not_later() -> None:
    latest = latest_expiry(MADE, 90 * DAY)
    assert latest == MADE + 90 * DAY
    assert bounded_expiry(None, latest, 90 * DAY) == latest
    assert bounded_expiry(MADE + DAY, latest, 90 * DAY) == MADE + DAY
    assert bounded_expiry(latest, latest, 90 * DAY) == latest
    with pytest.raises(ValueError, match=r"lives 90d at most.*2026-04-01"):
        bounded_expiry(MADE + 90 * DAY + timedelta(microseconds=1), latest, 90 * DAY)


def test_a_notice_comes_two_weeks_before_or_half_of_what_is_short() -> None:
    assert Dormancy(90 * DAY).notice == 14 * DAY
    assert Dormancy(2 * DAY).notice == DAY


def test_an_unused_key_is_announced_once_and_ends_later() -> None:
    rule = Dormancy(90 * DAY)
    assert not rule.is_to_be_announced(MADE, None, MADE + 76 * DAY - timedelta(seconds=1))
    assert rule.is_to_be_announced(MADE, None, MADE + 76 * DAY)
    told = MADE + 76 * DAY
    assert not rule.is_to_be_announced(MADE, told, MADE + 89 * DAY)
    assert rule.ends_at(MADE, told) == MADE + 90 * DAY


def test_a_key_that_is_used_after_its_notice_gets_another_one_for_the_next_silence() -> None:
    rule, told, used = Dormancy(90 * DAY), MADE + 76 * DAY, MADE + 80 * DAY
    assert rule.ends_at(used, told) == used + 90 * DAY
    assert rule.is_to_be_announced(used, told, used + 76 * DAY)


@given(silence=days, told_after=days)
def test_however_late_the_notice_there_is_time_after_it(silence: timedelta, told_after: timedelta) -> None:
    rule = Dormancy(90 * DAY)
    told = MADE + told_after
    assert rule.ends_at(MADE, told) >= max(MADE + rule.after, told + rule.notice)
    # Nobody is disabled without a notice of this silence.
    now = MADE + silence
    assert now < rule.ends_at(MADE, None) or rule.is_to_be_announced(MADE, None, now)


def test_being_made_and_enabled_count_like_a_use() -> None:
    assert quiet_since(MADE, None, None) == MADE
    assert quiet_since(MADE, MADE + DAY, None) == MADE + DAY
    assert quiet_since(MADE, MADE + DAY, MADE + 2 * DAY) == MADE + 2 * DAY
    assert quiet_since(MADE, MADE + 3 * DAY, MADE + 2 * DAY) == MADE + 3 * DAY


def test_tags_are_added_and_taken_away_without_repetition_in_their_order() -> None:
    assert retagged(["a", "b"], [], []) == ["a", "b"]
    assert retagged(["a", "b"], ["b", "c"], ["a", "x"]) == ["b", "c"]
    with pytest.raises(ValueError, match="21 tags"):
        retagged([str(number) for number in range(20)], ["one more"], [])
