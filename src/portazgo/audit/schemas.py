"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field, StringConstraints

from portazgo.kit.names import PLAIN_TEXT_PATTERN
from portazgo.kit.web.schemas import Body, Moment, PageQuery, Whole

NO_NUL = r"^[^\x00]*$"
MOST_ROWS = 10_000
MOST_HEADS = 1_000

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Number = Annotated[Whole, Field(ge=0, lt=2**62)]


class AuditQuery(PageQuery):
    """Which rows."""

    subject: str | None = Field(None, max_length=200, pattern=NO_NUL, description="Id or kid of what was changed.")
    action: str | None = Field(None, max_length=64, pattern=r"^[a-z_.]*$", examples=["key.revoked"])
    actor: str | None = Field(None, max_length=64, pattern=NO_NUL, description="Id or name of who did it.")
    address: str | None = Field(None, max_length=64, pattern=NO_NUL, description="Where it came from.")
    since: Moment | None = Field(None, description="Not before this time.")
    until: Moment | None = Field(None, description="Before this time.")


class ActorView(Schema):
    """Who did it."""

    kind: str
    id: str
    name: str


class DifferenceView(Schema):
    """One thing before and after; members that stayed the same are left out, secrets are never kept."""

    kind: str
    id: str
    before: dict[str, Any] | None = Field(description="Null: it was made.")
    after: dict[str, Any] | None = Field(description="Null: it was deleted.")


class AuditView(Schema):
    """One thing that somebody did."""

    id: UUID
    number: int = Field(description="Its place in the chain, from 1, without a gap.")
    at: datetime
    actor: ActorView
    address: str | None = Field(description="The client's address; null: not done by a request.")
    action: str
    subject: str
    revision: int | None = Field(description="Revision that it made; null where nodes need not know of it.")
    request_id: str | None
    details: dict[str, Any]
    changes: list[DifferenceView]
    form: int = Field(
        description="2: `digest` is over what is kept for ever, and `personal_digest`. 1, of old rows: over all."
    )
    personal_digest: str | None = Field(
        description="SHA-256 of what an erasing takes away, with a random salt; null in the first form."
    )
    digest: str = Field(description="SHA-256 of the canonical payload.")
    hash: str = Field(description="SHA-256 of the hash of the row before, and the digest.")
    erased_at: datetime | None = Field(description="Since when who and what are gone from it.")


class EraseRow(Body):
    """Why a payload is to go; this is kept for ever, so it should name nobody."""

    reason: Annotated[str, StringConstraints(pattern=PLAIN_TEXT_PATTERN, min_length=1, max_length=500)] = Field(
        examples=["request for erasure of 2026-11-02"]
    )


class PlaceBody(Body):
    """A point of the chain."""

    number: Number
    hash: Hash


class VerifyChain(Body):
    """Which rows to verify: those after a point that has been verified already, and heads that were written down."""

    after: PlaceBody | None = Field(None, description="Null: from the beginning.")
    limit: Annotated[Whole, Field(ge=1, le=MOST_ROWS)] = MOST_ROWS
    heads: list[PlaceBody] = Field(default_factory=list, max_length=MOST_HEADS)


class TroubleView(Schema):
    """One thing that is wrong."""

    kind: Literal["changed", "missing", "inserted", "out_of_place", "erased_unsaid", "cut_off", "other_head"]
    number: int
    last: int
    sentence: str


class PlaceView(Schema):
    """A point of the chain."""

    number: int
    hash: str


class VerifiedView(Schema):
    """What the rows showed."""

    checked: int
    whole: bool = Field(description="Whether the end was reached; otherwise ask again, after `reached`.")
    reached: PlaceView
    troubles: list[TroubleView]
