"""Keys that the file beside the data says are dead stay dead, whatever an older database says.

A database that was brought back from a backup knows nothing of what was revoked since; `revocations.log` does
(`snapshot.revocations`). The control plane reads it before it serves.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from portazgo.accounts.domain import SYSTEM
from portazgo.keys.domain import KeyStatus
from portazgo.keys.models import Key
from portazgo.keys.service import revoke
from portazgo.snapshot.revocations import revoked_kids

if TYPE_CHECKING:
    from pathlib import Path

    from portazgo.kit.clock import Clock

logger = logging.getLogger(__name__)


def risen(folder: Path) -> list[str]:
    """Name the keys that the file calls dead and the database does not. Raises OSError."""
    dead = revoked_kids(folder)
    living = Key.objects.exclude(status=KeyStatus.REVOKED).order_by("kid").values_list("kid", flat=True)
    return [kid for kid in living.iterator() if kid in dead]


def bury(folder: Path, *, clock: Clock) -> list[str]:
    """Revoke again what the database has forgotten. Returns the kids. Raises OSError."""
    kids = risen(folder)
    for kid in kids:
        revoke(SYSTEM, kid, clock=clock)
    if kids:
        logger.warning(
            "keys were revoked again: the database is older than revocations.log (was it restored?)",
            extra={"kids": kids},
        )
    return kids
