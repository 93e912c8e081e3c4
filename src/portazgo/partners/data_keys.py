"""Data keys: made with their partner, or by the worker for what has none yet; told to nodes; erased.

A node seals with the partner's newest key. Callers that no key was proven for have a key of their own for each month, so
that what is known of them can end with time.
"""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

from portazgo.accounts.domain import SYSTEM
from portazgo.kit.wrapping import WrappingUnavailable
from portazgo.partners.models import DataKey, Partner
from portazgo.snapshot.log import change
from portazgo.snapshot.wire import DataKeyBody, ErasedDataKeyBody, Resource, ResourceRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper

logger = logging.getLogger(__name__)

FEATURE = "data_key.1"
DATA_KEY_BYTES = 32
AT_ONCE = 200
"""Partners that get one in one change."""


def new_key(wrapper: KeyWrapper, clock: Clock, *, partner: UUID | None, period: str = "") -> DataKey | None:
    """Make a key that is not stored yet; None: the provider is away. Calls the provider: no transaction."""
    key = DataKey(partner=partner, period=period, created_at=clock.now())
    try:
        key.wrapped = wrapper.wrap(f"data_key/{key.id}", secrets.token_bytes(DATA_KEY_BYTES))
    except WrappingUnavailable as problem:
        # Records have no personal members until the worker has made one. Nothing waits for it.
        logger.warning("a data key can't be made now: %s", problem, extra={"remedy": problem.remedy})
        return None
    return key


def make_missing(*, wrapper: KeyWrapper, clock: Clock) -> int:
    """Make the keys that are missing, some at a time. Returns how many were made. Calls the provider: no transaction."""
    return make_for_month(wrapper=wrapper, clock=clock) + _make_for_partners(wrapper, clock)


def make_for_month(*, wrapper: KeyWrapper, clock: Clock) -> int:
    """Make the key of this month's callers without a proven key; the one before seals nothing more. Returns how many."""
    period = month_of(clock.now())
    if DataKey.objects.filter(period=period).exists():
        return 0
    key = new_key(wrapper, clock, partner=None, period=period)
    if key is None:
        return 0
    with change(SYSTEM, "data_key.created", str(key.id), details={"period": period}, clock=clock) as recorded:
        if DataKey.objects.filter(period=period).exists():
            return 0
        before = DataKey.objects.filter(partner=None).values_list("id", flat=True)
        recorded.touches(*(reference(identifier) for identifier in before))
        key.save(force_insert=True)
        recorded.touches(reference(key.id))
    return 1


def _make_for_partners(wrapper: KeyWrapper, clock: Clock) -> int:
    keys = [new_key(wrapper, clock, partner=partner) for partner in _without_key()[:AT_ONCE]]
    made = [key for key in keys if key is not None]
    if not made:
        return 0
    with change(SYSTEM, "data_key.created", str(made[0].id), details={"count": len(made)}, clock=clock) as recorded:
        missing = set(_without_key())
        made = [key for key in made if key.partner in missing]
        DataKey.objects.bulk_create(made)
        recorded.touches(*(reference(key.id) for key in made))
    return len(made)


def _without_key() -> Sequence[UUID]:
    living = DataKey.objects.filter(wrapped__isnull=False, partner__isnull=False).values("partner")
    return Partner.objects.exclude(id__in=living).order_by("id").values_list("id", flat=True)  # type: ignore[return-value]  # a sequence of ids


def compiled(identifier: str) -> Resource | None:
    """Compile a data key for nodes, wrapped as it is; None: it seals nothing any more."""
    key = DataKey.objects.filter(id=identifier, wrapped__isnull=False).first()
    if key is None or key.wrapped is None or not _seals(key):
        return None
    partner = None if key.partner is None else str(key.partner)
    return Resource("data_key", str(key.id), (FEATURE,), DataKeyBody(partner=partner, wrapped=key.wrapped))


def every_data_key() -> Iterable[str]:
    """Name those that seal."""
    rows = DataKey.objects.filter(wrapped__isnull=False)
    return (str(key.id) for key in rows.iterator() if _seals(key))


def compiled_erased(identifier: str) -> Resource | None:
    """Compile that a data key was erased; None: it was not. Nodes keep it for a database that has forgotten it."""
    if not DataKey.objects.filter(id=identifier, wrapped=None).exists():
        return None
    return Resource("erased_data_key", identifier, (), ErasedDataKeyBody())


def every_erased() -> Iterable[str]:
    """Name those that were erased."""
    rows = DataKey.objects.filter(wrapped=None).values_list("id", flat=True)
    return (str(identifier) for identifier in rows.iterator())


def _seals(key: DataKey) -> bool:
    if key.partner is not None:
        return True
    newest = DataKey.objects.filter(partner=None).order_by("-period").values_list("period", flat=True).first()
    return key.period == newest


def reference(identifier: UUID) -> ResourceRef:
    """Name its resource."""
    return ResourceRef("data_key", str(identifier))


def erased_reference(identifier: UUID) -> ResourceRef:
    """Name the resource that says that it was erased."""
    return ResourceRef("erased_data_key", str(identifier))


def month_of(moment: datetime) -> str:
    """Name a month: `2026-11`."""
    return moment.strftime("%Y-%m")
