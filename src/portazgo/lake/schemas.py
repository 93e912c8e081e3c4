"""What crosses HTTP."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from ninja import Schema
from pydantic import Field

from portazgo.kit.web.schemas import Moment, PageQuery


class LakeFilesQuery(PageQuery):
    """Files that may hold calls of a time."""

    since: Annotated[Moment | None, Field(None, description="With calls that began from this time on.")]
    until: Annotated[Moment | None, Field(None, description="With calls that began before this time.")]


class LakeFileView(Schema):
    """A file of the lake (docs/lake.md). It never changes; a later list may have another in its place."""

    location: str = Field(
        description="Where it lies: a path, or s3://…", examples=["s3://records/lake/day=2026-11-26/…"]
    )
    path: str = Field(description="Its name in the object store.")
    day: date = Field(description="Of the ends of its segments, UTC.")
    rows: int
    bytes: int
    sha256: str
    schema_version: int
    min_started_at: datetime
    max_started_at: datetime
    min_request_id: str
    max_request_id: str
    written_at: datetime


class LakeDayView(Schema):
    """What the lake has of a day."""

    day: date
    files: int
    rows: int
    bytes: int


class WaitingView(Schema):
    """Collected segments that are not in the lake yet."""

    segments: int
    records: int
    oldest_ended_at: datetime | None


class LakeView(Schema):
    """The lake, and what is on its way to it."""

    store: str = Field(description="Where its files lie.")
    schema_version: int = Field(description="Of the files that are written now.")
    files: int
    rows: int
    bytes: int
    days: list[LakeDayView]
    waiting: WaitingView
    segments_kept: int = Field(description="Segments whose bytes are still kept as nodes sent them.")
    leaving: int = Field(description="Files that others have replaced, and that are deleted later.")
    writing: int = Field(description="Files under way.")
