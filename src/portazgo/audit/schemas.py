"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Schema
from pydantic import Field

from portazgo.kit.web.schemas import PageQuery


class AuditQuery(PageQuery):
    """Which rows."""

    subject: str | None = Field(
        None, max_length=200, pattern=r"^[^\x00]*$", description="Id or kid of what was changed."
    )
    action: str | None = Field(None, max_length=64, pattern=r"^[a-z_.]*$", examples=["key.revoked"])


class ActorView(Schema):
    """Who did it."""

    kind: str
    id: str
    name: str


class AuditView(Schema):
    """One thing that somebody did."""

    id: UUID
    at: datetime
    actor: ActorView
    action: str
    subject: str
    revision: int | None = Field(description="Revision that it made; null where nodes need not know of it.")
    request_id: str | None
    details: dict[str, Any]
