"""What of peppers crosses HTTP: never a pepper."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from ninja import Schema
from pydantic import Field

from portazgo.keys.domain import SecretSlot


class PepperState(StrEnum):
    """The one for new secrets; one whose secrets are being moved away; or one that is kept for those that can't be."""

    CURRENT = "current"
    LEAVING = "leaving"
    STUCK = "stuck"


class PepperView(Schema):
    """A version of the pepper."""

    version: int
    state: PepperState
    secrets: int = Field(
        description="How many secrets are kept under it; of one that leaves, how many are to be moved."
    )
    stuck: int = Field(description="How many of them can't be moved, since what is kept of them can't be opened.")
    created_at: datetime


class StuckSecretView(Schema):
    """A secret that can't be moved. It goes on working; a rotation of its key replaces it."""

    kid: str = Field(validation_alias="key_id")
    slot: SecretSlot
    number: int
    tried_at: datetime = Field(validation_alias="stuck_at", description="When it was tried last.")


class PepperDetail(PepperView):
    """A version of the pepper, and what keeps it."""

    stuck_secrets: list[StuckSecretView] = Field(description="At most 100.")
