"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from portazgo.kit.errors import Invalid
from portazgo.kit.names import PLAIN_TEXT_PATTERN
from portazgo.kit.web.schemas import Moment, PageQuery
from portazgo.partners.callers import Caller
from portazgo.traces.domain import Filter

TAGS_PATTERN = "^[0-9a-f]{16}(,[0-9a-f]{16}){0,39}$"
"""As many months as there may be."""
Identifier = Annotated[str | None, Field(None, max_length=64, pattern=PLAIN_TEXT_PATTERN)]


class FilterQuery(Schema):
    """What the calls must agree with. An empty value asks for calls that have none: of no partner, without a fault."""

    partner: Identifier
    application: Identifier
    kid: Identifier
    route: Identifier
    environment: Annotated[Literal["test", "live", ""] | None, Field(None)]
    fault: Identifier
    blame: Identifier
    billable: Annotated[bool | None, Field(None)]
    trace_id: Identifier
    client_request_id: Identifier
    secret_tag: Annotated[
        str | None,
        Field(
            None,
            pattern=TAGS_PATTERN,
            description="Refused calls that presented a secret of this tag, or of one of these, with commas between them: "
            "`POST /security/secret-tags` gives them.",
        ),
    ]
    status: Annotated[int | None, Field(None, ge=100, le=599)]
    slower_than_ms: Annotated[int | None, Field(None, ge=0, le=86_400_000)]

    def filter(self) -> Filter:
        """Give it to the domain."""
        members = {name: getattr(self, name) for name in FilterQuery.model_fields}
        tags = None if self.secret_tag is None else tuple(self.secret_tag.split(","))
        return Filter(**{**members, "secret_tag": tags})


class TracesQuery(PageQuery, FilterQuery):
    """A page of calls, newest first."""

    since: Annotated[Moment | None, Field(None, description="Not before this time.")]
    until: Annotated[Moment | None, Field(None, description="Before this time.")]
    count: Annotated[bool, Field(default=False, description="Count the calls of all pages, as far as 10,000.")]
    client_address: Annotated[
        str | None,
        Field(
            None,
            max_length=64,
            description="From this address (`203.0.113.7`), network (`203.0.113.0/24`) or tag (`tag:…`). Where networks are "
            "recorded, an address finds the calls of its network; where tags are, the control plane makes the address's tag.",
        ),
    ]

    def caller(self) -> Caller | None:
        """Give whom it looks for. Raises Invalid."""
        if self.client_address is None:
            return None
        try:
            return Caller.parse(self.client_address)
        except ValueError as problem:
            raise Invalid.at("/client_address", str(problem)) from None


class TailQuery(FilterQuery):
    """Calls in the order in which they were collected."""

    after: Annotated[int | None, Field(None, ge=0, le=2**62, description="`next_after` of the page before.")]
    limit: Annotated[int, Field(200, ge=1, le=1000)]


class Phases(Schema):
    """When each phase was reached, microseconds after the first byte; null: it was not."""

    framing_us: int | None = None
    route_us: int | None = None
    authenticate_us: int | None = None
    authorize_us: int | None = None
    limit_us: int | None = None
    transform_request_us: int | None = None
    credential_us: int | None = None
    forward_connect_us: int | None = None
    forward_first_byte_us: int | None = None
    respond_us: int | None = None


class Trace(Schema):
    """One call (or, see `kind`, a connection, or a second's refusals), as its record says."""

    request_id: UUID
    kind: str
    trace_id: str | None
    span_id: str | None
    client_request_id: str | None
    started_at: datetime
    duration_ms: float
    sentence: str
    fault: str | None
    blame: str | None
    phase: str | None
    next_step: str | None
    status_sent: int | None
    backend_status: int | None
    delivery: str | None
    retryable: bool
    billable: bool
    billable_reason: str | None
    units: int
    method: str | None
    partner: UUID | None
    partner_name: str | None
    application: UUID | None
    application_name: str | None
    environment: str | None
    kid: str | None
    claimed_kid: str | None
    secret_slot: str | None
    secret_tag: str | None = Field(
        description="Follows a secret that was presented and refused: the same text has the same tag within a month."
    )
    route: UUID | None
    route_name: str | None
    plan: UUID | None
    contract: str | None = Field(
        None, description="NAME@VERSION of the contract that projected the answer, by its names of then."
    )
    violation: str | None = Field(
        description="How the answer broke its contract, and in which field, in the partner's names: `missing /results/*/name`. "
        "`*` stands for an item, or for the key of a map; no pointer: the answer as a whole.",
    )
    fields_selected: bool | None = Field(
        description="Of the projected answer the caller asked for some fields only, by `?fields=`; null: not recorded then."
    )
    revision: int
    phases: Phases
    attempts: int
    backend_target: str | None
    client_address: str | None = Field(
        description="In the form that was recorded: an address, a network (`203.0.113.0/24`), a tag (`tag:…`). See `personal`."
    )
    user_agent: str | None = Field(description="Recorded beside a retiring secret only.")
    personal: Literal["shown", "absent", "erased", "unavailable"] = Field(
        description="Whether `client_address` and `user_agent` are shown: `absent`, nothing was recorded; `erased`, the data "
        "key was destroyed; `unavailable`, the key-wrapping provider can't be asked now."
    )
    bytes_in: int
    bytes_out: int
    backend_bytes_out: int
    backend_bytes_in: int
    count: int
    node: UUID
    epoch: UUID
    sequence: int


class Count(Schema):
    """How many calls agree. `capped`: at least so many."""

    value: int
    capped: bool


class TracePage(Schema):
    """A page of calls. `capped`: so much was looked through that the page ends early; its cursor goes on."""

    items: list[Trace]
    next_cursor: str | None
    capped: bool
    count: Count | None = Field(None, description="Null unless it was asked for.")


class TailPage(Schema):
    """Calls in the order of collection; go on with `next_after`."""

    items: list[Trace]
    next_after: int
    skipped: int = Field(description="Records between that are too old to be followed: list them with `since`.")
