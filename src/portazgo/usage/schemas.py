"""What crosses HTTP."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from portazgo.kit.web.schemas import Moment

GroupName = Literal["partner", "application", "kid", "route", "fault", "billable"]


class UsageQuery(Schema):
    """Which sums."""

    group_by: list[GroupName] = Field([], max_length=6, description="Sum apart by these.")
    since: Annotated[Moment | None, Field(None, description="From this minute on.")]
    until: Annotated[Moment | None, Field(None, description="Up to this minute, which is not included.")]


class UsageSum(Schema):
    """One sum; what wasn't grouped by is null."""

    partner: str | None = None
    application: str | None = None
    kid: str | None = None
    route: str | None = None
    fault: str | None = None
    billable: bool | None = None
    requests: int
    units: int
    bytes_in: int
    bytes_out: int
    duration_us_sum: int


class UsageReport(Schema):
    """The sums, most requests first."""

    items: list[UsageSum]


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


class BalanceReport(Schema):
    """All accounts, newest epoch first."""

    items: list[BalanceView]
    balanced: bool
