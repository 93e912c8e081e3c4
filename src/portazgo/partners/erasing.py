"""Erasing what records say of a partner's callers: its data key is destroyed, in the database and wherever it was told.

What was erased stands in `revocations.log` of every host with a control plane or a worker, which outlives databases: a backup
that is brought back does not bring the key back (`bury_erased`). Nodes keep it too, and tell it to a recovery
(`erase_again`). Files, sums and hashes stay as they are.
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
from portazgo.partners.data_keys import erased_reference, month_of, reference
from portazgo.partners.domain import Standing
from portazgo.partners.models import DataKey, Partner
from portazgo.snapshot import revocations
from portazgo.snapshot.feed import forget_so_far
from portazgo.snapshot.log import Change, change
from portazgo.snapshot.models import ResourceRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from portazgo.kit.clock import Clock

logger = logging.getLogger(__name__)

Eraser = Callable[[UUID], None]
CATCH_UP_SECONDS = 600.0
"""How long after an erasure the other hosts of control planes and workers have noted it, at most."""

_erasers: list[Eraser] = []
_within: list[Eraser] = []


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


def register_eraser_within(eraser: Eraser) -> None:
    """Have something erased in the same transaction: what lies in the state database too. Called once each, at start."""
    _within.append(eraser)


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
        _erase_within([identifier])
        _destroy(recorded, living, clock)
    finish([identifier])
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


def _destroy(recorded: Change, keys: Sequence[UUID], clock: Clock) -> None:
    """Do it, as the last of a change."""
    if not keys:
        return
    now = clock.now()
    rows = DataKey.objects.filter(id__in=keys)
    rows.update(wrapped=None, erased_at=now)
    recorded.deletes(*(reference(key) for key in keys))
    recorded.touches(*(erased_reference(key) for key in keys))
    # Within the change: without its revision nothing could be proven, and nobody would note it later.
    rows.update(erased_revision=forget_so_far())
    lines = [line_of_erased(key, now) for key in keys]
    folder = settings.PORTAZGO.data_dir
    # Robust, as with revocations: what a full disk leaves out is written at the next start.
    transaction.on_commit(lambda: revocations.append(folder, lines), robust=True)


def finish(partners: Iterable[UUID | None]) -> None:
    """Do what no transaction can hold, once the keys of these are destroyed. Done again, it does no harm."""
    _fold_log()
    _call(_erasers, partners)


def _erase_within(partners: Iterable[UUID | None]) -> None:
    _call(_within, partners)


def _call(erasers: Sequence[Eraser], partners: Iterable[UUID | None]) -> None:
    for partner in {one for one in partners if one is not None}:
        for eraser in erasers:
            eraser(partner)


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
        _destroy(recorded, keys, clock)
    _fold_log()
    return len(keys)


def line_of_erased(key: UUID, at: datetime) -> str:
    """Write the line of `revocations.log` that says that a data key was destroyed."""
    return json.dumps({"erased": {"data_key": str(key), "at": rfc3339(at)}}, separators=(",", ":"))


def catch_up(folder: Path) -> int:
    """Append what the database knows as erased and the file does not. Returns how many. Raises OSError.

    Every control plane and worker does so now and then: the host that erased may be the one that is lost.
    """
    rows = list(DataKey.objects.filter(wrapped=None, erased_at__isnull=False).order_by("erased_at"))
    # The file has every revoked key too: it is not read for nothing.
    known = revocations.erased_keys(folder) if rows else set()
    missing = [line_of_erased(row.id, row.erased_at) for row in rows if str(row.id) not in known and row.erased_at]
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
    finish(erase_again(SYSTEM, risen, clock=clock))
    logger.warning(
        "data keys were destroyed again: the database is older than revocations.log (was it restored?)",
        extra={"data_keys": [str(key) for key in risen]},
    )
    return risen


def erase_again(actor: Actor, keys: Sequence[UUID], *, clock: Clock) -> list[UUID | None]:
    """Destroy these, that the database has forgotten to be destroyed. Returns whose they were; `finish` has to follow."""
    details = {"data_keys": [str(key) for key in keys]}
    with change(actor, "data_key.erased_again", str(keys[0]), details=details, clock=clock) as recorded:
        rows = DataKey.objects.select_for_update().filter(id__in=keys, wrapped__isnull=False)
        found = list(rows.order_by("id").values_list("id", "partner"))
        _erase_within(partner for _, partner in found)
        _destroy(recorded, [key for key, _ in found], clock)
    return [partner for _, partner in found]


def tell_nodes(*, clock: Clock) -> int:
    """Tell nodes of what was erased before they were told such things. Returns how many."""
    told = set(ResourceRow.objects.filter(kind="erased_data_key").values_list("identifier", flat=True))
    rows = DataKey.objects.filter(wrapped=None)
    untold = [key for key in rows.order_by("id").values_list("id", flat=True) if str(key) not in told]
    if not untold:
        return 0
    details = {"count": len(untold)}
    with change(SYSTEM, "data_key.erasure_told", str(untold[0]), details=details, clock=clock) as recorded:
        recorded.touches(*(erased_reference(key) for key in untold))
        # Of those whose erasing was cut short before this was noted: what proves this revision proves that too.
        DataKey.objects.filter(id__in=untold, erased_revision=None).update(erased_revision=forget_so_far())
    return len(untold)
