"""Fresh sums, spread over levels and grains: each of them holds all, once."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portazgo.usage.rollups import LEVELS, MEMBERS, MINUTE, QUARTER, SIX_HOURS, Fresh, Grain, Series, coarsest, spread

FEW = st.sampled_from(["", "a", "b"])
SERIES = st.builds(Series, st.just(Grain.WHOLE), FEW, FEW, FEW, FEW, FEW, st.booleans(), st.integers(0, 2))
FRESH = st.builds(Fresh, st.integers(29_000_000, 29_100_000), SERIES, st.tuples(*[st.integers(0, 2**40)] * 5))


@given(st.lists(FRESH, max_size=30))
def test_every_level_and_grain_holds_the_same_sums(fresh: list[Fresh]) -> None:
    added = spread(fresh)
    for level in LEVELS:
        for grain in level.grains:
            expected: dict[tuple[int, Series], list[int]] = defaultdict(lambda: [0] * 5)
            for one in fresh:
                sums = expected[level.floor(one.minute), one.series.at(grain)]
                for number, value in enumerate(one.sums):
                    sums[number] += value
            found = {(slot, series): sums for (its, slot, series), sums in added[level].items() if its is grain}
            assert found == expected


def test_a_grain_tells_what_it_says_and_nothing_else() -> None:
    series = Series(Grain.WHOLE, "p", "a", "k", "r", "f", billable=True, price_version=3)
    assert series.at(Grain.ROUTE) == Series(Grain.ROUTE, "", "", "", "r", "f", billable=True, price_version=0)
    assert series.at(Grain.PARTNER) == Series(Grain.PARTNER, "p", "", "", "", "", billable=False, price_version=0)
    by_application = Series(Grain.APPLICATION, "p", "a", "", "", "", billable=True, price_version=0)
    assert series.at(Grain.APPLICATION) == by_application


@pytest.mark.parametrize(
    ("members", "grain"),
    [
        ((), Grain.ROUTE),
        (("fault", "billable"), Grain.ROUTE),
        (("partner",), Grain.PARTNER),
        (("partner", "billable"), Grain.APPLICATION),
        (("application", "billable"), Grain.APPLICATION),
        (("partner", "route"), Grain.WHOLE),
        (MEMBERS, Grain.WHOLE),
    ],
)
def test_the_coarsest_grain_that_tells_all_is_read(members: tuple[str, ...], grain: Grain) -> None:
    assert coarsest(members) is grain


def test_a_level_is_read_by_the_grains_that_it_has() -> None:
    assert MINUTE.grains == (Grain.WHOLE,)
    assert coarsest(("partner",), MINUTE.grains) is Grain.WHOLE
    assert coarsest(("partner",), QUARTER.grains) is Grain.APPLICATION
    assert coarsest(("partner",), SIX_HOURS.grains) is Grain.PARTNER
    assert coarsest(("partner", "billable"), SIX_HOURS.grains) is None
