"""Fills a ledger's rollups with a month of many partners, by SQL: what reports are measured over."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.db import connections, transaction

from portazgo.usage.collector import LEDGER
from portazgo.usage.periods import Interval, minute_of, month, periods
from portazgo.usage.questions import Question
from portazgo.usage.report import report
from portazgo.usage.rollups import DAY, HOUR, LEVELS, MINUTE, MINUTE_US, MONTH, SIX_HOURS, SUMS, Grain

# Three routes of sixty and three outcomes for each partner; a part of them calls in any hour.
ROUTES_EACH, ROUTES, OUTCOMES = 3, 60, 3
BUSY_OF_TEN = 6
BUSY_HOURS = 6
"""On both sides of each end of the month: what reports in other zones add and subtract."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What was put there."""

    partners: int
    first_day: int
    days: int

    @property
    def end(self) -> int:
        """The minute after the last."""
        return self.first_day + self.days * 1_440


def partner_id(number: int) -> str:
    """Give the id of a partner, 1 to their number."""
    return f"01a20e60-e200-7018-af02-{number:012d}"


def fill(partners: int, first_day: int, days: int) -> Filled:
    """Fill a month of days (`first_day` in minutes since 1970), the hours at its ends, and some fresh minutes."""
    filled = Filled(partners, first_day, days)
    with transaction.atomic(using=LEDGER):
        _series(partners)
        _run("ANALYZE usage_series")
        whole = days * 1_440
        _fill(DAY.table, first_day, 1_440, days, busy=10)
        _run(f"ANALYZE {DAY.table}")
        _coarser(DAY.table)
        for edge in (first_day - BUSY_HOURS * 60, first_day + whole - BUSY_HOURS * 60):
            _fill(HOUR.table, edge, 60, 2 * BUSY_HOURS, busy=BUSY_OF_TEN)
        _run(f"ANALYZE {HOUR.table}")
        _coarser(HOUR.table)
        sums = ", ".join(f"SUM({name})" for name in SUMS)
        _run(
            f"INSERT INTO {SIX_HOURS.table} SELECT grain, slot / 360 * 360, series, {sums} "
            f"FROM {HOUR.table} WHERE grain = {int(Grain.PARTNER)} GROUP BY grain, slot / 360 * 360, series"
        )
        _fill(MINUTE.table, first_day + whole - 10, 1, 5, busy=1)
        _run(
            f"INSERT INTO {MONTH.table} SELECT grain, {first_day}, series, SUM(requests), SUM(units), SUM(bytes_in), "
            f"SUM(bytes_out), SUM(duration_us_sum) FROM {DAY.table} GROUP BY grain, series"
        )
        _run(
            "INSERT INTO usage_fresh (minute_us, partner, application, kid, route, fault, billable, price_version, "
            "requests, units, bytes_in, bytes_out, duration_us_sum) SELECT "
            f"{(first_day + whole - 2) * MINUTE_US}, partner, application, kid, route, fault, billable, "
            "0, 1, 1, 500, 2000, 9000 "
            "FROM usage_series WHERE grain = 0 AND id % 10 = 0"
        )
    with connections[LEDGER].cursor() as cursor:
        cursor.execute("ANALYZE")
    return filled


def fill_month(partners: int) -> Filled:
    """Fill October 2026."""
    return fill(partners, minute_of(datetime(2026, 10, 1, tzinfo=UTC)), 31)


def measure(filled: Filled, times: int) -> dict[str, list[float]]:
    """Ask for reports again and again; returns the milliseconds of each time."""
    found: dict[str, list[float]] = {}
    for zone_name, words in (("UTC", ""), ("America/Bogota", " in America/Bogota")):
        zone = ZoneInfo(zone_name)
        whole = month("2026-10", zone)
        days = periods(whole.since, whole.until, Interval.DAY, zone, most=31)
        for name, question in (
            ("month by partner", Question([whole], by_period=False, group_by=("partner",))),
            (
                "one partner by day and route",
                Question(days, by_period=True, group_by=("route",), only={"partner": partner_id(filled.partners // 2)}),
            ),
            ("total by day", Question(days, by_period=True, group_by=())),
        ):
            found[name + words] = [_milliseconds(question) for _ in range(times)]
    return found


def size() -> dict[str, float]:
    """Count folded rows, and their bytes with indexes."""
    tables = [level.table for level in LEVELS]
    counted = " + ".join(f"(SELECT COUNT(*) FROM {table})" for table in tables)
    with connections[LEDGER].cursor() as cursor:
        cursor.execute(f"SELECT {counted}")
        rows = int(cursor.fetchone()[0])
        if connections[LEDGER].vendor == "postgresql":
            cursor.execute(" + ".join(["SELECT 0", *(f"pg_total_relation_size('{table}')" for table in tables)]))
            occupied = int(cursor.fetchone()[0])
        else:
            cursor.execute("PRAGMA page_count")
            pages = int(cursor.fetchone()[0])
            cursor.execute("PRAGMA page_size")
            occupied = pages * int(cursor.fetchone()[0])
    return {"rows": rows, "megabytes": round(occupied / 1e6, 1), "bytes_a_row": round(occupied / max(rows, 1), 1)}


def _milliseconds(question: Question) -> float:
    started = time.perf_counter()
    assert report(question).rows
    return (time.perf_counter() - started) * 1_000


def _series(partners: int) -> None:
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {partners * 9})"
    one = "SELECT (i + 8) / 9 AS partner, (i - 1) / 3 % 3 AS route, (i - 1) % 3 AS outcome FROM n"
    identifier = "'01a20e60-e200-7018-af{}-' || substr('000000000000' || {}, -12)"
    if connections[LEDGER].vendor == "postgresql":
        identifier = "'01a20e60-e200-7018-af{}-' || lpad(({})::text, 12, '0')"
    kid = "'K' || substr('000000000' || partner, -9)"
    if connections[LEDGER].vendor == "postgresql":
        kid = "'K' || lpad(partner::text, 9, '0')"
    route = identifier.format("06", f"(partner * 7 + route) % {ROUTES}")
    _run(
        "INSERT INTO usage_series (grain, partner, application, kid, route, fault, billable, price_version) "
        f"{numbers} SELECT 0, {identifier.format('02', 'partner')}, {identifier.format('03', 'partner')}, {kid}, {route}, "
        "CASE outcome WHEN 0 THEN '' WHEN 1 THEN 'throttled' ELSE 'backend_5xx' END, outcome = 0, 0 "
        f"FROM ({one}) AS one"
    )
    for grain, members in (
        (Grain.APPLICATION, "partner, application, '', '', ''"),
        (Grain.ROUTE, "'', '', '', route, fault"),
        (Grain.PARTNER, "partner, '', '', '', ''"),
    ):
        billable = "billable" if "billable" in grain.members else "false"
        _run(
            "INSERT INTO usage_series (grain, partner, application, kid, route, fault, billable, price_version) "
            f"SELECT DISTINCT {int(grain)}, {members}, {billable}, 0 FROM usage_series WHERE grain = 0"
        )


def _fill(table: str, first: int, step: int, slots: int, *, busy: int) -> None:
    requests = "1 + (series * 31 + slot) % 97"
    _run(
        f"INSERT INTO {table} WITH RECURSIVE n(slot) AS "
        f"(SELECT {first} UNION ALL SELECT slot + {step} FROM n WHERE slot < {first + (slots - 1) * step}) "
        f"SELECT 0, slot, series, {requests}, {requests}, 500 * ({requests}), 2000 * ({requests}), 9000 * ({requests}) FROM "
        f"(SELECT n.slot AS slot, s.id AS series FROM n CROSS JOIN usage_series AS s WHERE s.grain = 0 "
        f"AND (s.id * 7 + n.slot / {step}) % 10 < {busy}) AS one"
    )


def _coarser(table: str) -> None:
    by_application = (
        "c.partner = s.partner AND c.application = s.application AND c.kid = '' AND c.route = '' AND c.fault = ''"
    )
    by_route = "c.partner = '' AND c.application = '' AND c.kid = '' AND c.route = s.route AND c.fault = s.fault"
    by_partner = "c.partner = s.partner"
    sums = ", ".join(f"SUM(r.{name})" for name in SUMS)
    for grain, same in (
        (Grain.APPLICATION, f"{by_application} AND c.billable = s.billable"),
        (Grain.ROUTE, f"{by_route} AND c.billable = s.billable"),
        (Grain.PARTNER, by_partner),
    ):
        _run(
            f"INSERT INTO {table} SELECT {int(grain)}, r.slot, c.id, {sums} FROM {table} AS r "
            "JOIN usage_series AS s ON s.id = r.series "
            f"JOIN usage_series AS c ON c.grain = {int(grain)} AND {same} "
            "WHERE r.grain = 0 GROUP BY r.slot, c.id"
        )


def _run(statement: str) -> None:
    with connections[LEDGER].cursor() as cursor:
        cursor.execute(statement)
