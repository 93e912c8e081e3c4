"""Schemas that every noun's API shares."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from ninja import Schema
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from portazgo.kit.names import PLAIN_TEXT_PATTERN
from portazgo.kit.paging import DEFAULT_LIMIT, LARGEST_LIMIT

Item = TypeVar("Item")

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _rfc3339(value: Any) -> Any:
    # pydantic would take a number, and a text of digits, for seconds since 1970.
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("must be a time as RFC 3339 has it, with its offset: 2026-11-24T12:00:00Z")
    return value


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the first and the last hours that a calendar can name, in another zone
        raise ValueError("must lie between the years 1 and 9999 in UTC") from None


def _a_number(value: Any) -> Any:
    # A text or a truth value that happens to be read as a number was meant as something else.
    if isinstance(value, str | bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic turns it into a refusal
    return value


def _a_truth_value(value: Any) -> Any:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - likewise
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_rfc3339), AfterValidator(_in_utc)]
"""A time of a payload, in UTC."""
Whole = Annotated[int, BeforeValidator(_a_number)]
"""A whole number in a body: a JSON number, nothing that could be read as one."""
Truth = Annotated[bool, BeforeValidator(_a_truth_value)]
"""`true` or `false` in a body."""
NameFilter = Annotated[str | None, Field(max_length=63, pattern=PLAIN_TEXT_PATTERN)]
"""A name to list by; any text that a name could be compared with."""


BODY_TAG = "\0"
"""What the tag of one of several bodies begins with: no name of a member does, and no caller is told of it."""


def without_default(schema: dict[str, Any]) -> None:
    """Say of no value, in a member's schema, that leaving the member out means the same: `json_schema_extra=…`."""
    schema.pop("default", None)


class Body(Schema):
    """A request's body: a member that we don't know is an error, since ignoring it would drop its meaning silently."""

    model_config = ConfigDict(extra="forbid")


class AsSaid(Body):
    """A body that is written as it was said: a member that is `without_default` and was left out stays out."""

    @model_serializer(mode="wrap")
    def _as_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        members = type(self).model_fields
        return {
            name: value
            for name, value in handler(self).items()
            if name in self.model_fields_set or members[name].json_schema_extra is not without_default
        }


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
