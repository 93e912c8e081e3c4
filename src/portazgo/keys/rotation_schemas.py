"""What crosses HTTP when a key is rotated."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from ninja import Schema
from pydantic import BeforeValidator, Field, WithJsonSchema

from portazgo.keys.grace import LONGEST_GRACE
from portazgo.keys.models import Key
from portazgo.keys.schemas import KeyView, members_of
from portazgo.keys.uses import Uses
from portazgo.kit.durations import parse_duration
from portazgo.kit.web.schemas import Body, Truth, Whole

_DURATION_PATTERN = "^(0|[1-9][0-9]{0,8})[smhd]$"


def _read_grace(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a duration such as 12h or 7d")  # noqa: TRY004 - pydantic turns it into a refusal
    grace = parse_duration(value)
    if grace > LONGEST_GRACE:
        raise ValueError("an old secret lives 30d at most after a rotation")
    return grace


Grace = Annotated[
    timedelta,
    BeforeValidator(_read_grace),
    WithJsonSchema({"type": "string", "pattern": _DURATION_PATTERN, "examples": ["7d"]}),
]
SecretNumber = Annotated[Whole, Field(ge=1, le=2_147_483_647)]


class RotateKey(Body):
    """How a key is to be rotated."""

    grace: Grace | None = Field(None, description="How long the old secret goes on working. Null: the default.")
    expected_secret: SecretNumber | None = Field(
        None,
        description="Number of the current secret that is to be replaced; refused (`secret_moved`) when another is current. "
        "Needed with a grace of 0s and with `end_retiring`.",
    )
    end_retiring: Truth = Field(default=False, description="End a secret that is still retiring, too.")


class ExtendGrace(Body):
    """How much longer the old secret is to work."""

    grace: Grace = Field(description="Counted from now. The whole grace stays within the operator's bounds.")
    expected_secret: SecretNumber | None = Field(None, description="Number of the retiring secret that is meant.")


class EndGrace(Body):
    """When the old secret is to end."""

    grace: Grace = Field(
        timedelta(0), description="Counted from now; 0s: at once.", json_schema_extra={"default": "0s"}
    )
    unless_used_within: Grace | None = Field(
        None, description="Refuse (`secret_in_use`) when the old secret was used within this time."
    )
    expected_secret: SecretNumber | None = Field(None, description="Number of the retiring secret that is meant.")


class CancelRotation(Body):
    """Which rotation is to be undone."""

    expected_secret: SecretNumber | None = Field(
        None, description="Number of the retiring secret that is to be current again."
    )


class CallerView(Schema):
    """Who called with the old secret, told apart by address and user agent."""

    address: str | None
    user_agent: str | None
    route: str | None = Field(description="What it called last, `api/route`.")
    requests: int
    refused: int
    last_at: datetime


class RetiringUseView(Schema):
    """What the collected records tell of the old secret since the rotation; they come about a second after each call."""

    requests: int = Field(description="Calls that it was accepted for.")
    refused: int = Field(description="Calls that were refused since it, or the key, was dead.")
    last_used_at: datetime | None = Field(description="Null: it was not accepted once.")
    callers: list[CallerView] = Field(description="At most 16; who called last comes first.")


class KeyDetail(KeyView):
    """A key, and who still uses its old secret."""

    retiring_use: RetiringUseView | None = Field(None, description="Null: no secret is retiring.")

    @classmethod
    def of(cls, key: Key, uses: Uses | None) -> KeyDetail:
        """Put it together."""
        told = None if uses is None else RetiringUseView.from_orm(uses)
        return cls.model_construct(**members_of(key), retiring_use=told)
