"""`/api/v1/usage/fields`: which fields partners were given."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from ninja import Query, Router, Schema
from pydantic import Field

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.contracts import telling
from portazgo.kit.names import MONTH_PATTERN

router = Router(tags=["usage"])


class FieldsQuery(Schema):
    """Of which month, and of whom."""

    month: Annotated[
        str | None,
        Field(
            None,
            pattern=MONTH_PATTERN,
            description="A month of UTC, such as 2026-11; this one unless said.",
        ),
    ]
    partner: UUID | None = None


class ToldFieldView(Schema):
    """A field that a partner was given."""

    partner: str
    partner_name: str | None
    route: str = Field(description="The route's name when the version was published.", examples=["show-badge"])
    contract: str
    version: str
    field: str = Field(
        description="In the partner's names; arrays are left out, `*` stands for a map's values, `**` for all below.",
        examples=["issuer.name"],
    )
    backend_field: str = Field(description="Where it comes from, in the backend's names.", examples=["issuer.title"])
    answers: int = Field(
        description="Answers that gave it out: each that the version projected, with the field or without."
    )
    selected: int = Field(
        description="So many of the answers were of some fields only, as callers asked by `?fields=`: with this one or without."
    )
    selectable: bool = Field(description="`?fields=` is allowed there.")


class FieldsToldView(Schema):
    """The ledger of a month."""

    month: str
    unknown_answers: int = Field(description="Answers of versions that are not known here: the database was restored.")
    items: list[ToldFieldView]


@router.get("/usage/fields", response=FieldsToldView)
def fields_told(request: AdminRequest, query: Query[FieldsQuery]) -> telling.FieldsTold:
    """List which fields partners were given in a month, by route and version of the contract."""
    can(request.actor, Verb.READ, "usage")
    month = query.month or request.clock.now().strftime("%Y-%m")
    return telling.fields_told(month, query.partner)
