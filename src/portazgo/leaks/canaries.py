"""Uses of canary keys, derived from the records: a canary's kid with a right secret, told once an hour at most.

Nodes know a canary as a disabled key. The collector notes the few segments in which a disabled key was used; the worker
looks through those that hold a canary. An hour is one of the clock, so that several workers agree on it.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction

from portazgo import _native
from portazgo.keys.domain import KeyStatus
from portazgo.keys.models import Key
from portazgo.keys.told import about, tell
from portazgo.kit.clock import rfc3339
from portazgo.notifications.events import KeyCanaryUsed
from portazgo.partners.personal import revealed
from portazgo.usage.collector import LEDGER, REFUSED_KEY
from portazgo.usage.contents import segment_bytes
from portazgo.usage.models import RefusedKeyUse

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)

AT_ONCE = 500


def tell_canaries(now: datetime) -> int:
    """Look through what the collector noted since the last time. Returns how many events were written."""
    uses = list(RefusedKeyUse.objects.using(LEDGER).order_by("id")[:AT_ONCE])
    if not uses:
        return 0
    canaries = _canaries({use.kid for use in uses})
    count = 0
    for use in uses:
        if use.kid in canaries:
            count += _tell(canaries[use.kid], _records(use), now)
    # After the events are committed: a worker that dies in between tells nothing twice, since an hour is told once.
    RefusedKeyUse.objects.using(LEDGER).filter(id__in=[use.id for use in uses]).delete()
    return count


def _canaries(kids: set[str]) -> dict[str, Key]:
    rows = Key.objects.select_related("application__partner").filter(kid__in=kids, canary=True)
    return {key.kid: key for key in rows.exclude(status=KeyStatus.REVOKED)}


def _records(use: RefusedKeyUse) -> list[dict[str, Any]]:
    content = segment_bytes(use.manifest_id)
    records = [] if content is None else _native.decode_segment(content)
    return [record for record in records if record["kid"] == use.kid and record["fault"] == REFUSED_KEY]


def _tell(key: Key, records: Sequence[dict[str, Any]], now: datetime) -> bool:
    if not records:
        return False
    first = revealed([min(records, key=lambda record: record["started_at_us"])])[0]
    used_at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=first["started_at_us"])
    data = KeyCanaryUsed(
        **about(key),
        used_at=used_at,
        client_address=first["client_address"],
        uses=sum(record["count"] or 1 for record in records),
        request_id=first["request_id"],
    )
    hour = rfc3339(used_at.replace(minute=0, second=0, microsecond=0))
    with transaction.atomic():
        told = tell(key, data, at=now, once=f"{KeyCanaryUsed.event}/{key.kid}/{hour}")
    if told:
        # Where from stands in the event: a log is kept by others, and erased by nobody.
        logger.warning("a canary key was used", extra={"kid": key.kid})
    return told
