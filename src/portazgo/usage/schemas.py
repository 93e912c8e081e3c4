"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, get_args
from uuid import UUID

from ninja import Schema
from pydantic import Field, StringConstraints

from portazgo.kit.names import PLAIN_TEXT_PATTERN
from portazgo.kit.web.schemas import Body, Moment

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


class GapsView(Schema):
    """Epochs of nodes (lives of their processes) that don't balance, and of which records of the range may be missing."""

    epochs: int
    named_by: str = Field(description="The command that names them.", examples=["portazgo usage balance"])


class UsageReport(Schema):
    """The sums, by period, and whether records of the range are still to come."""

    time_zone: str
    since: str | None = None
    until: str | None = None
    whole: bool = Field(
        description="Every record of the range is in the sums; of a range that has not ended, all up to a minute ago."
    )
    complete_until: datetime = Field(
        description="Records of all calls that ended before are in, of every node that is known, but for gaps."
    )
    gaps: GapsView
    items: list[UsageSum]
    next_cursor: str | None = Field(None, description="Where the next page begins; null on the last.")


class BalanceQuery(Schema):
    """Of which node, and how much of what is in order."""

    node: UUID | None = None
    limit: int = Field(
        100, ge=0, le=1_000, description="Most epochs to list of those that are whole; the rest is summed."
    )


class GapView(Schema):
    """Records first to last that are missing, both included, and between which times their calls were."""

    first: int
    last: int
    since: datetime | None
    until: datetime | None


class AcceptanceView(Schema):
    """What a person has accepted to be missing of an epoch."""

    missing: int
    seconds_at_risk: float
    reason: str
    by: str
    at: datetime


class BalanceView(Schema):
    """An epoch's account: `accepted` = `journaled` = `collected` = `rolled_up` = `in_lake`, or why not."""

    node: UUID
    label: str
    epoch: UUID
    verdict: Literal["whole", "open", "spilled", "accepted", "silent", "at_risk", "missing", "uneven"]
    state: Literal["polls", "followed", "silent", "clean", "killed", "host_lost"] = Field(
        description="How it ended; or `polls`: it goes on, `followed`: its successor is to tell, `silent`: nobody tells."
    )
    declared: bool = Field(description="A person said that node and disk are gone (`portazgo node lost`).")
    accepted: int | None = Field(description="Records that the node owes by its own count; null: it can't tell.")
    journaled: int = Field(description="Records that it has numbered, as far as is known.")
    collected: int
    rolled_up: int
    in_lake: int = Field(
        description="Written to the lake, or kept long enough before that. What came lately waits for its slice of time to end."
    )
    dropped: int = Field(
        description="Of these: kept long enough, and dropped before they were in a file of it. No gap."
    )
    under_way: int = Field(description="Numbered, and on the disk of a node that lives.")
    spilled: int = Field(
        description="Numbered, and safe in the object store: the worker brings them into the ledger. Told where the ledger "
        "misses some."
    )
    missing_records: int = Field(description="Numbered, and neither here, nor under way, nor in the object store.")
    missing: list[GapView] = Field(description="By name; of many the first hundred.")
    seconds_at_risk: float = Field(description="For how long records may be missing that had no number yet.")
    acceptance: AcceptanceView | None
    balanced: bool


class WholeView(Schema):
    """Epochs in order that are not listed, together."""

    epochs: int
    records: int


class SumsView(Schema):
    """Records of all epochs together."""

    journaled: int
    collected: int
    rolled_up: int
    in_lake: int
    dropped: int
    under_way: int
    missing: int


class SpilledView(Schema):
    """Records that nodes were told are safe and that are in the object store only, as the worker last counted them."""

    segments: int
    records: int
    since: datetime | None = Field(description="When the first of them was seen; null: there are none.")
    set_aside: int = Field(description="Segments that can't come into the ledger: a person should look at them.")
    looked_at: datetime | None = Field(description="Null: no worker has looked yet.")


class AcceptGap(Body):
    """Why a person accepts it."""

    reason: Annotated[str, StringConstraints(pattern=PLAIN_TEXT_PATTERN, min_length=1, max_length=500)]


class DeclareLost(Body):
    """When the node was seen alive last, where that is known."""

    died_at: Annotated[Moment | None, Field(None, description="Null: until its lease ended, or now where it had none.")]


class LostView(Schema):
    """The epochs that ended by this word."""

    items: list[BalanceView]


class TotalsView(Schema):
    """Calls of all nodes and times: those that the collected records stand for, and those in the sums."""

    collected: int
    summed_up: list[int] = Field(description="By grain: fresh and folded sums together. Each must equal `collected`.")
    balanced: bool


class BalanceReport(Schema):
    """All accounts: first what is not in order or not at its end, then the rest, each newest first."""

    as_of: datetime
    told_at: datetime | None = Field(description="Every node that polls has told its counts since; null: none polls.")
    items: list[BalanceView]
    left_off: WholeView
    records: SumsView
    requests: TotalsView | None = Field(description="Null where only one node was asked for.")
    spilled: SpilledView | None = Field(description="Null where only one node was asked for.")
    balanced: bool
