"""What a key's plan says of its rotation: when the current secret is due, and how that stands (ADR 37)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from django.db.models import Q

from portazgo.keys.domain import KeyStatus, SecretSlot
from portazgo.keys.grace import is_over
from portazgo.plans.models import Plan
from portazgo.plans.rotation import RotationPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from portazgo.keys.models import Key, KeySecret


class RotationState(StrEnum):
    """How the rotation that a plan wants stands: ahead, due, due with an end, or over without one."""

    SCHEDULED = "scheduled"
    DUE = "due"
    ENDING = "ending"
    ENDED = "ended"


def policy_of(key: Key) -> RotationPolicy | None:
    """Give the policy of the plan that the key's application is on; None: nothing is scheduled."""
    plan = key.application.plan
    return None if plan is None else RotationPolicy.stored(plan.rotation)


def rotation_due_at(key: Key) -> datetime | None:
    """Tell when the key's current secret is due for rotation; None: never, or the key is dead or lets nothing through."""
    policy, current = policy_of(key), current_secret(key)
    if policy is None or current is None or key.canary or key.status == KeyStatus.REVOKED:
        return None
    return current.created_at + policy.every


def rotation_state(key: Key, now: datetime) -> RotationState | None:
    """Tell how that stands; None where nothing is due, ever."""
    due_at, current = rotation_due_at(key), current_secret(key)
    if due_at is None or current is None:
        return None
    # The end of a secret that leaked is not the schedule's.
    if current.ends_at is not None and current.leaked_at is None:
        return RotationState.ENDED if is_over(current.ends_at, now) else RotationState.ENDING
    return RotationState.DUE if now >= due_at else RotationState.SCHEDULED


def policies() -> Iterator[tuple[Plan, RotationPolicy]]:
    """Give the plans that have a policy."""
    for plan in Plan.objects.filter(rotation__isnull=False).order_by("id"):
        policy = RotationPolicy.stored(plan.rotation)
        if policy is not None:
            yield plan, policy


def due_before(moment: datetime) -> Q:
    """Give the condition for keys whose current secret is due before a time."""
    due = Q(pk__in=())
    for plan, policy in policies():
        due |= Q(
            application__plan=plan, secrets__slot=SecretSlot.CURRENT, secrets__created_at__lt=moment - policy.every
        )
    return due & Q(canary=False) & ~Q(status=KeyStatus.REVOKED)


def current_secret(key: Key) -> KeySecret | None:
    """Give the current secret; None of a key that was deleted."""
    return next((secret for secret in key.secrets.all() if secret.slot == SecretSlot.CURRENT), None)
