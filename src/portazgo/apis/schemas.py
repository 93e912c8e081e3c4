"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from ninja import Schema
from pydantic import Field, StringConstraints

from portazgo.kit.names import SLUG_PATTERN
from portazgo.kit.web.schemas import Body, NameFilter, PageQuery


class CreateApi(Body):
    """An API to be made."""

    name: Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=63)] = Field(examples=["credentials"])


class ApisQuery(PageQuery):
    """A page of APIs."""

    name: NameFilter = None


class ApiView(Schema):
    """An API."""

    id: UUID
    name: str
    created_at: datetime
