"""Schemas that every noun's API shares."""

from __future__ import annotations

from typing import Generic, TypeVar

from ninja import Schema
from pydantic import ConfigDict, Field

from portazgo.kit.paging import DEFAULT_LIMIT, LARGEST_LIMIT

Item = TypeVar("Item")


class Body(Schema):
    """A request's body: a member that we don't know is an error, since ignoring it would drop its meaning silently."""

    model_config = ConfigDict(extra="forbid")


class PageQuery(Schema):
    """Where a page of a list begins, and how long it is."""

    cursor: str | None = Field(None, max_length=1_000, description="`next_cursor` of the page before.")
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=LARGEST_LIMIT, description="Most items on the page.")


class PageOf(Schema, Generic[Item]):
    """A page of a list; `next_cursor` is null on the last."""

    items: list[Item]
    next_cursor: str | None


class ProblemDocument(Schema):
    """Why it was not done (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable, for programs.")
    category: str
    remedy: str | None = Field(None, description="What to do.")
    instance: str | None = Field(None, description="Id of the request, as in X-Request-Id.")
