"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from ninja import Schema
from pydantic import Field, StringConstraints, model_validator

from portazgo.kit.names import SCOPE_PATTERN, SLUG_PATTERN
from portazgo.kit.web.schemas import Body, NameFilter, PageQuery, Whole
from portazgo.plans.domain import (
    QUOTA_AT_MOST,
    THROTTLE_NAME_PATTERN,
    WINDOW_SECONDS_AT_MOST,
    Terms,
    Throttle,
    check_throttles,
    parse_rate,
)
from portazgo.plans.models import Plan
from portazgo.plans.rotation import RotationPolicy

ScopeName = Annotated[str, StringConstraints(pattern=SCOPE_PATTERN, max_length=100)]


class ThrottleView(Schema):
    """So many calls of a key in a window; `burst` null: all of them at once."""

    name: Annotated[str, StringConstraints(pattern=THROTTLE_NAME_PATTERN)]
    quota: Whole = Field(ge=1, le=QUOTA_AT_MOST)
    window_seconds: Whole = Field(ge=1, le=WINDOW_SECONDS_AT_MOST)
    burst: Whole | None = Field(None, ge=1, le=QUOTA_AT_MOST)


_DURATION_PATTERN = "^(0|[1-9][0-9]{0,8})[smhd]$"
_DurationText = Annotated[str, StringConstraints(pattern=_DURATION_PATTERN)]


class RotationBody(Body):
    """How often the secrets of a plan's keys are to be replaced."""

    every: _DurationText = Field(description="How old a secret is when it is due; 1d to 3650d.", examples=["90d"])
    grace: _DurationText | None = Field(
        None,
        description="How long the old secret works where a rotation says nothing; 0s to 30d, within the operator's bounds. "
        "Null: the operator's default.",
        examples=["14d"],
    )
    end_after: _DurationText | None = Field(
        None,
        description="How long a secret that is due goes on working, from when its owner was told that it is; 1d to 365d. "
        "Null: for ever, it is only told of.",
        examples=["30d"],
    )

    @model_validator(mode="after")
    def _within_bounds(self) -> RotationBody:
        self.policy()
        return self

    def policy(self) -> RotationPolicy:
        """Read it. Raises ValueError for a length that is out of bounds."""
        return RotationPolicy.read(self.every, self.grace, self.end_after)


class PlanBody(Body):
    """What a plan grants. `rates` are throttles in Django REST Framework's words, such as `60/min`."""

    name: Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=63)] = Field(examples=["basic"])
    apis: list[UUID] = Field([], max_length=200)
    scopes: list[ScopeName] | None = Field(None, max_length=200, description="Null: all.")
    throttles: list[ThrottleView] = Field([], max_length=8)
    rates: list[Annotated[str, StringConstraints(max_length=30)]] = Field([], max_length=8, examples=[["60/min"]])
    rotation: RotationBody | None = Field(None, description="Null: keys are rotated when somebody wants to.")

    @model_validator(mode="after")
    def _throttles_can_be_kept(self) -> PlanBody:
        self.terms()
        return self

    def terms(self) -> Terms:
        """Give them to the service. Raises ValueError for a rate that can't be read or kept."""
        throttles = [Throttle(**one.model_dump()) for one in self.throttles]
        throttles += [parse_rate(rate) for rate in self.rates]
        rotation = None if self.rotation is None else self.rotation.policy()
        return Terms(list(dict.fromkeys(self.apis)), self.scopes, check_throttles(throttles), rotation)


class PlansQuery(PageQuery):
    """A page of plans."""

    name: NameFilter = None


class RotationView(Schema):
    """How often the secrets of a plan's keys are to be replaced."""

    every: str
    grace: str | None = None
    end_after: str | None = None


class PlanView(Schema):
    """A plan."""

    id: UUID
    name: str
    apis: list[UUID]
    scopes: list[str] | None
    throttles: list[ThrottleView]
    rotation: RotationView | None = Field(description="Null: keys are rotated when somebody wants to.")
    created_at: datetime

    @staticmethod
    def resolve_apis(plan: Plan) -> list[UUID]:
        """Name the APIs."""
        return list(plan.apis.order_by("id").values_list("id", flat=True))

    @staticmethod
    def resolve_rotation(plan: Plan) -> dict[str, str] | None:
        """Write it as people do."""
        policy = RotationPolicy.stored(plan.rotation)
        return None if policy is None else policy.words()
