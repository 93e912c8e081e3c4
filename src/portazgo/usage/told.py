"""Which versions of contracts told whom what, by month: sums of projected answers, as the collector adds them up.

What fields an answer of a version told is the contracts' matter (contracts/fields). Months are those of UTC. The sums stay:
whoever asks what a partner was given asks late.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db import connections

from portazgo.usage.models import LEDGER, ToldAnswers
from portazgo.usage.rollups import LARGEST_SUM

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

KEY = ("month", "partner", "application", "route", "contract_version", "backend_status")
_SUMS = ("answers", "selected")
_GROWN = ", ".join(
    f"{name} = CASE WHEN usage_told.{name} > {LARGEST_SUM} - excluded.{name} THEN {LARGEST_SUM} "
    f"ELSE usage_told.{name} + excluded.{name} END"
    for name in _SUMS
)
_ADD = (
    f"INSERT INTO usage_told ({', '.join((*KEY, *_SUMS))}) VALUES ({', '.join(['%s'] * len((*KEY, *_SUMS)))}) "  # noqa: S608 - names of our own
    f"ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {_GROWN}"
)
_MICROSECONDS = 1_000_000


def add_told(told: Sequence[Mapping[str, Any]]) -> None:
    """Add what a segment tells of projected answers, within its transaction."""
    if not told:
        return
    sums: dict[tuple[Any, ...], list[int]] = {}
    for row in told:
        key = (
            _month(row["day_us"]),
            *((row[name] or "") for name in KEY[1:-2]),
            row["contract_version"],
            row["backend_status"],
        )
        known = sums.setdefault(key, [0, 0])
        known[0] += row["answers"]
        known[1] += row["answers"] if row["fields_selected"] else 0
    # In one order, so that two collectors never wait for each other in turns.
    rows = [(*key, *(min(one, LARGEST_SUM) for one in known)) for key, known in sorted(sums.items())]
    with connections[LEDGER].cursor() as cursor:
        cursor.executemany(_ADD, rows)


def told_in(months: Iterable[str], partner: str | None = None, *, version: int | None = None) -> list[ToldAnswers]:
    """Read what was told in these months (`2026-11`), of one partner or all, by the version of this number or any."""
    rows = ToldAnswers.objects.using(LEDGER).filter(month__in=list(months))
    rows = rows if version is None else rows.filter(contract_version=version)
    return list(rows if partner is None else rows.filter(partner=partner))


def _month(day_us: int) -> str:
    return datetime.fromtimestamp(day_us // _MICROSECONDS, UTC).strftime("%Y-%m")
