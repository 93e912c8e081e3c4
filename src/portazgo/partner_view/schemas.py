"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field, StringConstraints

from portazgo.kit.names import PLAIN_TEXT_PATTERN
from portazgo.kit.web.schemas import Body, Moment, PageQuery
from portazgo.traces.domain import Filter
from portazgo.traces.schemas import Count, Identifier
from portazgo.usage.schemas import GroupName, IntervalName, UsageQuery

Blame = Literal["partner", "partner_network", "policy", "gateway", "backend", "backend_network", "platform", ""]
AsPartner = Annotated[
    UUID | None, Field(None, description="Whose view, for operators. A partner's own token sees that partner's anyway.")
]


class WhoseQuery(Schema):
    """Whose view."""

    as_partner: AsPartner


class PartnerDocument(Schema):
    """A version of a contract that serves a partner."""

    id: UUID
    api: str
    contract: str
    version: str
    state: Literal["published", "deprecated", "retired"]
    sunset_at: datetime | None
    link: str | None
    applications: list[str] = Field(description="Of the partner: those that it serves.")


class PartnerDocuments(Schema):
    """All versions that serve a partner."""

    items: list[PartnerDocument]


class PartnerDocumentText(Schema):
    """The OpenAPI document of a version."""

    document: str


class CallsQuery(WhoseQuery):
    """What the calls must agree with. An empty value asks for calls that have none: without a fault."""

    application: Identifier
    kid: Identifier
    route: Identifier
    environment: Annotated[Literal["test", "live", ""] | None, Field(None)]
    code: Annotated[Identifier, Field(None, description="The `code` that the answer's problem document had.")]
    blame: Annotated[Blame | None, Field(None)]
    billable: Annotated[bool | None, Field(None)]
    trace_id: Identifier
    client_request_id: Identifier
    status: Annotated[int | None, Field(None, ge=100, le=599)]
    slower_than_ms: Annotated[int | None, Field(None, ge=0, le=86_400_000)]

    def filter(self) -> Filter:
        """Give it to the domain."""
        return Filter(
            application=self.application,
            kid=self.kid,
            route=self.route,
            environment=self.environment,
            blame=self.blame,
            billable=self.billable,
            trace_id=self.trace_id,
            client_request_id=self.client_request_id,
            status=self.status,
            slower_than_ms=self.slower_than_ms,
        )


class CallsPageQuery(PageQuery, CallsQuery):
    """A page of calls, newest first."""

    since: Annotated[Moment | None, Field(None, description="Not before this time.")]
    until: Annotated[Moment | None, Field(None, description="Before this time.")]
    count: Annotated[bool, Field(default=False, description="Count the calls of all pages, as far as 10,000.")]


class FollowQuery(CallsQuery):
    """Calls in the order in which they were collected."""

    cursor: Annotated[str | None, Field(None, max_length=500, description="`next_cursor` of the page before.")]
    limit: Annotated[int, Field(200, ge=1, le=1000)]


class Call(Schema):
    """One call, as its partner may see it."""

    request_id: UUID
    trace_id: str | None
    client_request_id: str | None
    started_at: datetime
    duration_ms: float
    sentence: str
    code: str | None = Field(description="The `code` of the problem document; null: it went well.")
    blame: str | None
    next_step: str | None = Field(description="What is the partner's to do; null: nothing.")
    status: int | None
    delivery: str | None
    retryable: bool
    billable: bool
    billable_reason: str | None
    units: int
    method: str | None
    application: UUID | None
    application_name: str | None
    environment: str | None
    kid: str | None
    secret_slot: str | None
    route: UUID | None
    route_name: str | None
    bytes_in: int
    bytes_out: int


class CallsPage(Schema):
    """A page of calls. `capped`: so much was looked through that the page ends early; its cursor goes on."""

    items: list[Call]
    next_cursor: str | None
    capped: bool
    count: Count | None = Field(None, description="Null unless it was asked for.")


class FollowedCalls(Schema):
    """Calls in the order of collection; go on with `next_cursor`."""

    items: list[Call]
    next_cursor: str
    skipped: bool = Field(
        description="Whether records between are too old to be followed, of this partner or another: list them with `since`."
    )


class SumsQuery(WhoseQuery):
    """Which sums."""

    group_by: list[Literal["application", "kid", "route", "environment", "code", "billable"]] = Field(
        [], max_length=6, description="Sum apart by these."
    )
    interval: IntervalName = Field("none", description="Sum apart by periods of the time zone.")
    since: Annotated[Moment | None, Field(None, description="From this minute on.")]
    until: Annotated[Moment | None, Field(None, description="Up to this minute, which is not included.")]
    month: Annotated[str | None, Field(None, max_length=7, description="A month in place of both, such as 2026-11.")]
    day: Annotated[str | None, Field(None, max_length=10, description="A day in place of both, such as 2026-11-26.")]
    time_zone: Annotated[str | None, Field(None, max_length=64, description="Whose days and months: America/Bogota.")]
    application: Identifier
    kid: Identifier
    route: Identifier
    environment: Annotated[Literal["test", "live", ""] | None, Field(None)]
    billable: Annotated[bool | None, Field(None)]

    def question(self) -> UsageQuery:
        """Give it to `usage`."""
        members = self.model_dump(exclude={"as_partner", "group_by"}, exclude_none=True)
        groups: list[GroupName] = ["fault" if name == "code" else name for name in self.group_by]
        return UsageQuery(**members, group_by=groups)


class Sum(Schema):
    """One sum; what wasn't grouped by is null, and "" is what has none: calls without a fault."""

    period: str | None = None
    since: str | None = None
    until: str | None = None
    application: str | None = None
    application_name: str | None = None
    environment: str | None = None
    kid: str | None = None
    route: str | None = None
    route_name: str | None = None
    code: str | None = None
    billable: bool | None = None
    requests: int
    units: int
    bytes_in: int
    bytes_out: int
    duration_us_sum: int


class Sums(Schema):
    """The sums, by period, most requests first."""

    time_zone: str
    items: list[Sum]


class CreatePartnerToken(Body):
    """A token of one partner to be made."""

    name: Annotated[str, StringConstraints(pattern=PLAIN_TEXT_PATTERN, min_length=1, max_length=63)]
    expires_at: Moment | None = None
