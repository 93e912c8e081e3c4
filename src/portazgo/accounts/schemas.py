"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from ninja import Schema
from pydantic import Field, StringConstraints

from portazgo.accounts.domain import SCOPE_PATTERN
from portazgo.kit.names import PLAIN_TEXT_PATTERN
from portazgo.kit.web.schemas import Body, Moment

AdminScope = Annotated[str, StringConstraints(pattern=SCOPE_PATTERN, max_length=100)]


class CreateToken(Body):
    """A token to be made."""

    name: Annotated[str, StringConstraints(pattern=PLAIN_TEXT_PATTERN, min_length=1, max_length=63)]
    scopes: list[AdminScope] = Field(min_length=1, max_length=100, examples=[["partners:read", "keys:write"]])
    expires_at: Moment | None = None


class TokenView(Schema):
    """A token, without itself."""

    id: UUID
    name: str
    scopes: list[str]
    partner: UUID | None = Field(description="Whose view is all that it opens; null: an operator's token.")
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class TokenShownOnce(TokenView):
    """A token that was just made: `token` is shown this once."""

    token: str
