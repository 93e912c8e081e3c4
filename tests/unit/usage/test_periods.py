"""Months, weeks, days, hours of a time zone, also where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portazgo.usage.periods import Interval, TooMany, day, minute_of, moment_of, month, periods

ZONES = (
    *("UTC", "America/Bogota", "Asia/Kolkata", "Asia/Kathmandu", "Europe/Madrid", "America/New_York"),
    *("Australia/Lord_Howe", "America/Santiago", "America/Havana", "Africa/Cairo", "Pacific/Chatham", "Pacific/Apia"),
)


def at(text: str) -> int:
    return minute_of(datetime.fromisoformat(text).astimezone(UTC))


@given(
    st.sampled_from(ZONES),
    st.sampled_from(list(Interval)),
    st.integers(at("2009-01-01T00:00Z"), at("2030-01-01T00:00Z")),
    st.integers(1, 300),
)
def test_periods_follow_each_other_and_fill_the_range(name: str, interval: Interval, since: int, length: int) -> None:
    until = since + length * {Interval.MINUTE: 1, Interval.QUARTER: 7, Interval.HOUR: 30}.get(interval, 300)
    zone = ZoneInfo(name)
    cut = periods(since, until, interval, zone, most=10_000)
    assert (cut[0].since, cut[-1].until) == (since, until)
    assert all(one.until == other.since for one, other in pairwise(cut))
    assert all(one.since < one.until for one in cut)
    assert len({one.name for one in cut}) == len(cut)
    if interval is Interval.DAY:
        for one in cut:
            dates = {moment_of(minute).astimezone(zone).date().isoformat() for minute in (one.since, one.until - 1)}
            assert dates == {one.name}


@pytest.mark.parametrize(
    ("zone", "text", "hours"),
    [
        ("UTC", "2026-03-29", 24),
        ("Europe/Madrid", "2026-03-29", 23),
        ("Europe/Madrid", "2026-10-25", 25),
        ("Asia/Kathmandu", "2026-10-25", 24),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("America/Santiago", "2026-09-06", 23),  # its midnight is skipped
        ("America/Havana", "2026-11-01", 25),  # its midnight comes twice
    ],
)
def test_a_day_is_as_long_as_the_zone_has_it(zone: str, text: str, hours: float) -> None:
    found = day(text, ZoneInfo(zone))
    assert found.until - found.since == hours * 60
    assert moment_of(found.since).astimezone(ZoneInfo(zone)).date().isoformat() == text
    assert moment_of(found.since - 1).astimezone(ZoneInfo(zone)).date().isoformat() < text


def test_periods_are_called_by_the_time_of_the_zone() -> None:
    bogota = ZoneInfo("America/Bogota")
    november = month("2026-11", bogota)
    assert (november.since, november.until) == (at("2026-11-01T05:00Z"), at("2026-12-01T05:00Z"))
    names = [one.name for one in periods(november.since, november.until, Interval.WEEK, bogota, most=10)]
    assert names == ["2026-W44", "2026-W45", "2026-W46", "2026-W47", "2026-W48", "2026-W49"]
    hours = periods(at("2026-11-01T05:30Z"), at("2026-11-01T07:10Z"), Interval.HOUR, bogota, most=10)
    assert [one.name for one in hours] == ["2026-11-01T00:00-05:00", "2026-11-01T01:00-05:00", "2026-11-01T02:00-05:00"]
    assert hours[0].since == at("2026-11-01T05:30Z")
    india = periods(at("2026-11-01T05:00Z"), at("2026-11-01T06:00Z"), Interval.HOUR, ZoneInfo("Asia/Kolkata"), most=10)
    assert [one.since for one in india] == [at("2026-11-01T05:00Z"), at("2026-11-01T05:30Z")]


def test_more_periods_than_are_told_are_none() -> None:
    with pytest.raises(TooMany):
        periods(0, 1_000, Interval.MINUTE, ZoneInfo("UTC"), most=999)
    assert len(periods(0, 1_000, Interval.MINUTE, ZoneInfo("UTC"), most=1_000)) == 1_000


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "2026", "0000-01", "2026-11-01", "9999-12", "x"])
def test_what_is_no_month_is_none(text: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        month(text, ZoneInfo("UTC"))


def test_moments_and_minutes_are_the_same() -> None:
    moment = datetime(2026, 11, 26, 9, 50, tzinfo=UTC)
    assert moment_of(minute_of(moment + timedelta(seconds=59))) == moment
