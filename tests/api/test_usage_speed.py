"""Reports over a month come from rollups, and quickly: the benchmark's month (bench/usage.py) with a few of its partners."""

from __future__ import annotations

import pytest
from support.usage_ledger import fill_month, measure

pytestmark = pytest.mark.usefixtures("database")

PARTNERS = 300
# Some 9,000 sums of days. A statement that read them one by one, or a plan without the indexes, would need far more.
MOST_MS = 5 * 20.0


def test_a_month_is_read_from_rollups() -> None:
    filled = fill_month(PARTNERS)
    found = {name: min(some) for name, some in measure(filled, 7).items()}
    assert all(milliseconds < MOST_MS for milliseconds in found.values()), found
