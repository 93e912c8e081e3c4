"""What crosses HTTP."""

from __future__ import annotations

from typing import Annotated, Literal, get_args
from uuid import UUID

from ninja import Schema
from pydantic import Field

from portazgo.kit.names import PLAIN_TEXT_PATTERN
from portazgo.kit.web.schemas import Moment

GroupName = Literal["partner", "application", "kid", "route", "environment", "fault", "blame", "billable"]
IntervalName = Literal["none", "minute", "quarter", "hour", "day", "week", "month"]
Identifier = Annotated[str | None, Field(None, max_length=64, pattern=PLAIN_TEXT_PATTERN)]


class UsageQuery(Schema):
    """Which sums. An empty value narrows to calls that have none: of no partner, without a fault."""

    group_by: list[GroupName] = Field([], max_length=8, description="Sum apart by these.")
    interval: IntervalName = Field("none", description="Sum apart by periods of the time zone.")
    since: Annotated[Moment | None, Field(None, description="From this minute on.")]
    until: Annotated[Moment | None, Field(None, description="Up to this minute, which is not included.")]
    month: Annotated[str | None, Field(None, max_length=7, description="A month in place of both, such as 2026-11.")]
    day: Annotated[str | None, Field(None, max_length=10, description="A day in place of both, such as 2026-11-26.")]
    time_zone: Annotated[str | None, Field(None, max_length=64, description="Whose days and months: America/Bogota.")]
    format: Literal["json", "csv", "parquet"] | None = Field(
        None, description="As with `Accept: text/csv` and `application/vnd.apache.parquet`. Files hold all rows."
    )
    sort: Literal["requests", "group"] | None = Field(
        None,
        description="Within a period most `requests` first, or in the order of the groups' ids, which new calls don't change. "
        "Pages and JSON are by requests unless it is said, files by group.",
    )
    limit: int | None = Field(
        None, ge=1, le=1_000, description="Rows of a page; without it all, of which there may be 20,000."
    )
    cursor: str | None = Field(None, max_length=2_000, description="`next_cursor` of the page before.")
    partner: Identifier
    application: Identifier
    kid: Identifier
    route: Identifier
    environment: Annotated[Literal["test", "live", ""] | None, Field(None)]
    fault: Identifier
    blame: Identifier
    billable: Annotated[bool | None, Field(None)]

    def only(self) -> dict[str, str | bool]:
        """Tell what the sums are narrowed by."""
        given = {name: getattr(self, name) for name in get_args(GroupName)}
        return {name: value for name, value in given.items() if value is not None}


class UsageSum(Schema):
    """One sum; what wasn't grouped by is null, and "" is what has none: nobody's calls, calls without a fault."""

    period: str | None = Field(
        None, description="The period by its name in the time zone: 2026-11, 2026-W48, 2026-11-26."
    )
    since: str | None = None
    until: str | None = None
    partner: str | None = None
    partner_name: str | None = None
    application: str | None = None
    application_name: str | None = None
    environment: str | None = None
    kid: str | None = None
    route: str | None = None
    route_name: str | None = None
    fault: str | None = None
    blame: str | None = None
    billable: bool | None = None
    requests: int
    units: int
    bytes_in: int
    bytes_out: int
    duration_us_sum: int
    traces: str = Field(description="Where the records of this sum are listed.")


class UsageReport(Schema):
    """The sums, by period."""

    time_zone: str
    since: str | None = None
    until: str | None = None
    items: list[UsageSum]
    next_cursor: str | None = Field(None, description="Where the next page begins; null on the last.")


class BalanceQuery(Schema):
    """Of which node."""

    node: UUID | None = None


class RunView(Schema):
    """Records first to last, both included."""

    first: int
    last: int


class BalanceView(Schema):
    """An epoch's account."""

    node: UUID
    epoch: UUID
    end: str | None
    last_sequence: int
    collected: int
    rolled_up: int
    missing: list[RunView]
    balanced: bool


class TotalsView(Schema):
    """Calls of all nodes and times: those that the collected records stand for, and those in the sums."""

    collected: int
    summed_up: list[int] = Field(description="By grain: fresh and folded sums together. Each must equal `collected`.")
    balanced: bool


class BalanceReport(Schema):
    """All accounts, newest epoch first; `requests` is null where only one node was asked for."""

    items: list[BalanceView]
    requests: TotalsView | None
    balanced: bool
