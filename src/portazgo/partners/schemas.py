"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, Field, StringConstraints

from portazgo.kit.names import SLUG_PATTERN
from portazgo.kit.web.schemas import Body, NameFilter, PageQuery
from portazgo.partners.domain import METADATA_MEMBERS, METADATA_NAME_PATTERN, Standing, check_metadata

Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=63), Field(examples=["acme-freight"])]
MetadataBody = Annotated[
    dict[str, str | bool | int | float],
    AfterValidator(check_metadata),
    Field(
        examples=[{"tier": "gold"}],
        json_schema_extra={"propertyNames": {"pattern": METADATA_NAME_PATTERN}, "maxProperties": METADATA_MEMBERS},
    ),
]


class CreatePartner(Body):
    """A partner to be made."""

    name: Slug
    metadata: MetadataBody = Field(default_factory=dict)


class ChangePartner(Body):
    """What is to change; null leaves as it is."""

    name: Slug | None = None
    metadata: MetadataBody | None = None


class PartnersQuery(PageQuery):
    """A page of partners."""

    name: NameFilter = None


class PartnerView(Schema):
    """A partner."""

    id: UUID
    name: str
    status: Standing
    metadata: dict[str, str | bool | int | float]
    created_at: datetime


class ErasureView(Schema):
    """What was destroyed of a partner. Sums, hashes and the rest of its records stay."""

    partner: UUID
    data_keys: list[UUID] = Field(description="Data keys that are no more, those of earlier erasures among them.")
    erased_at: datetime = Field(description="When the last of them went.")
