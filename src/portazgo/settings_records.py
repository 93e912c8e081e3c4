"""The settings that say how long records and sums are kept (docs/what-is-recorded.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portazgo.settings_gateway import GatewaySettings
from portazgo.settings_kinds import DURATION, KEPT, LEAST_15_MINUTES
from portazgo.settings_lines import setting

if TYPE_CHECKING:
    from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSettings(GatewaySettings):
    """What the worker goes by when it moves records to the lake, and drops records and sums."""

    records_kept_live: timedelta | None = setting(
        KEPT,
        "400d",
        "How long records of calls in the environment live are kept; this month's and last month's always are.",
        "Write forever or a duration from 2d.",
        in_file=True,
    )
    records_kept_test: timedelta | None = setting(
        KEPT,
        "90d",
        "How long records of calls in the environment test are kept.",
        "Write forever or a duration from 2d.",
        in_file=True,
    )
    records_kept_other: timedelta | None = setting(
        KEPT,
        "90d",
        "How long records of calls without a proven key are kept, and what they say of a person.",
        "Write forever or a duration from 2d.",
        in_file=True,
    )
    usage_minutes_kept: timedelta | None = setting(
        KEPT,
        "7d",
        "How long sums of usage are kept by minute.",
        "Write forever or a duration from 2d.",
        in_file=True,
    )
    usage_quarters_kept: timedelta | None = setting(
        KEPT,
        "400d",
        "How long they are kept by quarter-hour and hour: what days and months in other time zones than UTC are made of.",
        "Write forever or a duration from 2d, not shorter than that of minutes.",
        in_file=True,
    )
    usage_days_kept: timedelta | None = setting(
        KEPT,
        "forever",
        "How long they are kept by day and month.",
        "Write forever or a duration from 2d, not shorter than that of quarter-hours.",
        in_file=True,
    )
    lake_after: timedelta = setting(
        DURATION,
        "1m",
        "How long after its last call a segment's records are written to the lake (docs/lake.md).",
        "Write a duration such as 1m.",
        in_file=True,
    )
    segments_kept: timedelta = setting(
        DURATION,
        "15m",
        "How long segments are kept as nodes sent them, after their records are in the lake.",
        "Write a duration such as 1h.",
        in_file=True,
    )
    lake_replaced_kept: timedelta = setting(
        LEAST_15_MINUTES,
        "1d",
        "How long files of the lake are kept after others have taken their place: for readers that have an older list.",
        "Write a duration from 15m.",
        in_file=True,
    )
