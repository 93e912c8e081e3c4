"""What of peppers crosses HTTP: never a pepper."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from ninja import Schema
from pydantic import Field


class PepperState(StrEnum):
    """The one for new secrets, or one whose secrets are being moved away."""

    CURRENT = "current"
    LEAVING = "leaving"


class PepperView(Schema):
    """A version of the pepper."""

    version: int
    state: PepperState
    secrets: int = Field(
        description="How many secrets are kept under it; of one that leaves, how many are to be moved."
    )
    created_at: datetime
