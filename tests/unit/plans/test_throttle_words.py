"""How throttles may be given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portazgo.plans.domain import Throttle, check_throttle, check_throttles, parse_rate


@pytest.mark.parametrize(
    ("text", "throttle"),
    [
        ("60/min", Throttle("per-minute", 60, 60)),
        ("60/m", Throttle("per-minute", 60, 60)),
        ("1000/day", Throttle("per-day", 1000, 86_400)),
        ("5/s", Throttle("per-second", 5, 1)),
        ("20 / Hours", Throttle("per-hour", 20, 3_600)),
        ("100/10m", Throttle("per-10-minutes", 100, 600)),
        ("7/2 days", Throttle("per-2-days", 7, 172_800)),
    ],
)
def test_words_of_django_rest_framework_are_understood(text: str, throttle: Throttle) -> None:
    assert parse_rate(text) == throttle


@pytest.mark.parametrize(
    "text", ["", "60", "60/", "/min", "60/month", "sixty/min", "-1/min", "1.5/min", "60/min/day", "٣/min", "60/ss"]
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        parse_rate(text)


@pytest.mark.parametrize("text", ["0/min", "9999999999/min", "1/0m", "1/32d"])
def test_rates_out_of_bounds_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quota|window"):
        parse_rate(text)


def test_a_burst_lies_within_the_quota() -> None:
    assert check_throttle(Throttle("slow", 10, 60, 10)).burst == 10
    for burst in (0, 11):
        with pytest.raises(ValueError, match="burst"):
            check_throttle(Throttle("slow", 10, 60, burst))


def test_throttles_have_different_names() -> None:
    with pytest.raises(ValueError, match="per-minute"):
        check_throttles([parse_rate("60/min"), parse_rate("10/m")])


@given(st.integers(1, 10**9), st.integers(1, 31), st.sampled_from(["s", "min", "hours", "d"]))
def test_every_rate_within_bounds_keeps_its_numbers(quota: int, count: int, unit: str) -> None:
    throttle = parse_rate(f"{quota}/{count}{unit}")
    assert throttle.quota == quota
    assert throttle.window_seconds % count == 0


@given(st.text())
def test_any_text_is_a_rate_or_refused(text: str) -> None:
    try:
        parse_rate(text)
    except ValueError as problem:
        assert str(problem)
