"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from ninja import Schema
from pydantic import Field

from portazgo.backends.domain import Environment
from portazgo.kit.web.schemas import Body, NameFilter, PageQuery
from portazgo.partners.domain import Standing
from portazgo.partners.schemas import MetadataBody, Slug


class CreateApplication(Body):
    """An application to be made."""

    partner: UUID
    name: Slug
    environment: Environment
    plan: UUID | None = None
    metadata: MetadataBody = Field(default_factory=dict)


class ChangeApplication(Body):
    """What is to change; null leaves as it is."""

    name: Slug | None = None
    plan: UUID | None = None
    metadata: MetadataBody | None = None


class ApplicationsQuery(PageQuery):
    """A page of applications."""

    partner: UUID | None = None
    name: NameFilter = None


class ApplicationView(Schema):
    """An application."""

    id: UUID
    partner: UUID = Field(validation_alias="partner_id")
    plan: UUID | None = Field(validation_alias="plan_id")
    name: str
    environment: Environment
    status: Standing
    metadata: dict[str, str | bool | int | float]
    created_at: datetime
