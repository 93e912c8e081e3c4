"""Erasing what records say of a partner's callers: its data key is destroyed, in the database and wherever it was told.

What was erased stands in `revocations.log`, which outlives databases: a backup that is brought back does not bring the key
back (`bury_erased`). Files, sums and hashes stay as they are.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from portazgo.accounts.domain import SYSTEM, Actor, Verb, can
from portazgo.kit.clock import rfc3339
from portazgo.kit.errors import NotFound, Refused
from portazgo.partners.data_keys import month_of, reference
from portazgo.partners.domain import Standing
from portazgo.partners.models import DataKey, Partner
from portazgo.snapshot import revocations
from portazgo.snapshot.feed import forget_so_far
from portazgo.snapshot.log import change

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from portazgo.kit.clock import Clock

logger = logging.getLogger(__name__)

Eraser = Callable[[UUID], None]

_erasers: list[Eraser] = []


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was destroyed: ids of data keys, now and before; `erased_at`: the last time."""

    partner: UUID
    data_keys: list[UUID]
    erased_at: datetime


def register_eraser(eraser: Eraser) -> None:
    """Have something erase what it keeps of a partner's callers in another form. Called once each, at start.

    It runs after the data key is gone, and again when the erasure is asked for again.
    """
    _erasers.append(eraser)


def erase(actor: Actor, identifier: UUID, *, clock: Clock) -> Erasure:
    """Destroy the data key of a partner that is suspended or gone. Doing it again destroys what has come since.

    Raises NotFound, Refused (`partner_active`).
    """
    can(actor, Verb.ERASE, Partner.noun)
    with change(actor, "partner.erased", str(identifier), clock=clock) as recorded:
        partner = Partner.objects.select_for_update().filter(id=identifier).first()
        _refuse_active(partner)
        keys = list(DataKey.objects.select_for_update().filter(partner=identifier).order_by("id"))
        if partner is None and not keys:
            raise NotFound(f"there is no partner {identifier}", code="partner_unknown")
        living = [key.id for key in keys if key.wrapped is not None]
        recorded.note(data_keys=[str(key) for key in living])
        _destroy(living, clock)
        recorded.deletes(*(reference(key) for key in living))
        if living:
            forget_so_far()
    DataKey.objects.filter(id__in=living).update(erased_revision=recorded.revision)
    _fold_log()
    for eraser in _erasers:
        eraser(identifier)
    rows = list(DataKey.objects.filter(partner=identifier, wrapped=None).order_by("id"))
    return Erasure(
        identifier, [key.id for key in rows], max((key.erased_at for key in rows if key.erased_at), default=clock.now())
    )


def _refuse_active(partner: Partner | None) -> None:
    if partner is not None and partner.status == Standing.ACTIVE:
        raise Refused(
            f"the partner {partner.name} is active: its next call would be recorded again",
            code="partner_active",
            remedy=f"suspend it first: portazgo partner suspend {partner.name}",
        )


def _destroy(keys: Iterable[UUID], clock: Clock) -> None:
    now = clock.now()
    found = list(keys)
    DataKey.objects.filter(id__in=found).update(wrapped=None, erased_at=now)
    lines = [_line(key, now) for key in found]
    folder = settings.PORTAZGO.data_dir
    # Robust, as with revocations: what a full disk leaves out is written at the next start.
    transaction.on_commit(lambda: revocations.append(folder, lines), robust=True)


def _fold_log() -> None:
    """Have SQLite fold its log back: pages of before lie in it. Whoever reads at this moment puts it off to the next time."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def forget_months(before: datetime, *, clock: Clock) -> int:
    """Destroy the data keys of callers without a proven key, of the months that ended before a moment. Returns how many."""
    months = DataKey.objects.filter(partner=None, wrapped__isnull=False, period__lt=month_of(min(before, clock.now())))
    old = list(months.order_by("period"))
    if not old:
        return 0
    keys = [key.id for key in old]
    details = {"months": [key.period for key in old]}
    with change(SYSTEM, "data_key.ended", str(keys[0]), details=details, clock=clock) as recorded:
        _destroy(keys, clock)
        recorded.deletes(*(reference(key) for key in keys))
        forget_so_far()
    _fold_log()
    return len(keys)


def _line(key: UUID, at: datetime) -> str:
    return json.dumps({"erased": {"data_key": str(key), "at": rfc3339(at)}}, separators=(",", ":"))


def catch_up(folder: Path) -> int:
    """Append what the database knows as erased and the file does not. Returns how many. Raises OSError."""
    known = revocations.erased_keys(folder)
    rows = DataKey.objects.filter(wrapped=None, erased_at__isnull=False).order_by("erased_at")
    missing = [_line(row.id, row.erased_at) for row in rows.iterator() if str(row.id) not in known and row.erased_at]
    revocations.append(folder, missing)
    return len(missing)


def bury_erased(folder: Path, *, clock: Clock) -> list[UUID]:
    """Destroy again what the file calls erased and the database, restored from a backup, has forgotten. Raises OSError."""
    erased = revocations.erased_keys(folder)
    risen = [
        key for key in DataKey.objects.filter(wrapped__isnull=False).values_list("id", flat=True) if str(key) in erased
    ]
    if not risen:
        return []
    details = {"data_keys": [str(key) for key in risen]}
    with change(SYSTEM, "data_key.erased_again", str(risen[0]), details=details, clock=clock) as recorded:
        _destroy(risen, clock)
        recorded.deletes(*(reference(key) for key in risen))
        forget_so_far()
    DataKey.objects.filter(id__in=risen).update(erased_revision=recorded.revision)
    _fold_log()
    logger.warning(
        "data keys were destroyed again: the database is older than revocations.log (was it restored?)", extra=details
    )
    return risen
