"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from ninja import Schema
from pydantic import Field

from portazgo.kit.web.schemas import Body, Truth


class RotateWrapping(Body):
    """A rotation to be begun; `anyway`: also when nodes can't open what is sealed anew."""

    anyway: Truth = False


class HoldingView(Schema):
    """How many secrets of a column were sealed by the same key."""

    table: str
    column: str
    sealed_by: str = Field(description="`local:<key id>` or `aws-kms:<key id>`.", examples=["local:0123456789ab"])
    count: int


class RewrappingView(Schema):
    """One move of everything that is sealed to the provider that seals now."""

    id: UUID
    target: str = Field(description="What it is sealed by then.")
    started_by: str
    started_at: datetime
    finished_at: datetime | None
    total: int = Field(description="Secrets that others had sealed when it began.")
    done: int = Field(description="Secrets sealed anew so far.")
    trouble: str = Field(description="Why it does not get on; empty: it does.")


class WrappingView(Schema):
    """What is sealed by what."""

    sealing: str | None = Field(description="What seals now; null: `trouble` says why that is not known.")
    trouble: str | None
    opens: list[str] = Field(description="What this process can open; of a service its scheme alone: it decides.")
    behind: int | None = Field(description="Secrets that another provider or key has sealed.")
    secrets: list[HoldingView] = Field(validation_alias="holdings")
    rotation: RewrappingView | None = Field(description="The last one.")
