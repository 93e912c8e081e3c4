"""Which keys a list is to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q

from portazgo.keys.domain import SecretSlot
from portazgo.keys.models import Key, KeySecret
from portazgo.keys.schedule import due_before
from portazgo.kit.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from django.db.models import QuerySet

WITH_ALL = Key.objects.select_related("application__plan").prefetch_related("secrets")
"""Keys with what a view of them reads."""

_LOOKUPS = {
    "application": "application",
    "partner": "application__partner",
    "environment": "application__environment",
    "status": "status",
    "text": "name__icontains",
    "expires_before": "expires_at__lt",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a key must be to be listed; None: whatever."""

    application: UUID | None = None
    partner: UUID | None = None
    environment: str | None = None
    status: str | None = None
    tag: Sequence[str] = ()
    """It has all of these."""
    text: str | None = None
    """It stands in the name."""
    expires_before: datetime | None = None
    last_used_before: datetime | None = None
    rotation_due_before: datetime | None = None
    retiring_ends_before: datetime | None = None
    """It has an old secret that works, and ends before then."""
    deleted: bool = False
    """Those that were deleted, too."""


def matching(wanted: Wanted) -> QuerySet[Key]:
    """Give the keys that are so."""
    values = {lookup: getattr(wanted, name) for name, lookup in _LOOKUPS.items()}
    rows = WITH_ALL.filter(**{lookup: value for lookup, value in values.items() if value is not None})
    for tag in wanted.tag:
        rows = rows.filter(labels__tag=tag)
    if wanted.last_used_before is not None:
        # One that was never used counts from its making: a new key is no forgotten one.
        never = Q(last_used_at=None, created_at__lt=wanted.last_used_before)
        rows = rows.filter(Q(last_used_at__lt=wanted.last_used_before) | never)
    if wanted.rotation_due_before is not None:
        rows = rows.filter(due_before(wanted.rotation_due_before))
    if wanted.retiring_ends_before is not None:
        ending = {"ends_at__gt": SYSTEM_CLOCK.now(), "ends_at__lt": wanted.retiring_ends_before}
        rows = rows.filter(Exists(KeySecret.objects.filter(key=OuterRef("pk"), slot=SecretSlot.RETIRING, **ending)))
    return rows if wanted.deleted else rows.filter(deleted_at=None)
