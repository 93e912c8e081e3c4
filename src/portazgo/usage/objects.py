"""The object store of this process, and whose objects in it are ours."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from portazgo.kit.errors import StartRefused
from portazgo.kit.objects import ObjectsFailed, ObjectStore, open_store
from portazgo.settings import current
from portazgo.usage.models import LEDGER, LedgerIdentity
from portazgo.usage.spill import Spill

if TYPE_CHECKING:
    from portazgo.settings import Settings


SPILL_SECONDS = 5.0
SPILL_ATTEMPTS = 3


@cache
def object_store() -> ObjectStore:
    """Open the store that the settings name, once; calls nobody yet. Raises ObjectsFailed."""
    return open_store(current().objects_url)


def ledger_identity() -> UUID:
    """Tell this ledger from every other, such as one that by mistake has the same store."""
    row, _ = LedgerIdentity.objects.using(LEDGER).get_or_create(id=1, defaults={"identity": uuid4()})
    identity: UUID = row.identity
    return identity


@cache
def spill() -> Spill:
    """Give the place for segments that this ledger has not taken yet. Raises ObjectsFailed."""
    # A node waits for the answer, for 60 s at most; it has the segment and sends it again.
    return Spill(
        open_store(current().objects_url, read_seconds=SPILL_SECONDS, attempts=SPILL_ATTEMPTS), ledger_identity()
    )


def opened_spill(settings: Settings) -> Spill | None:
    """Open the place for segments that the ledger is late with, where the settings want one. Asks the database.

    Raises StartRefused: later would be too late to hear of it.
    """
    if settings.usage_spill_after is None:
        return None
    try:
        return spill()
    except ObjectsFailed as problem:
        raise StartRefused(problem.sentence, problem.remedy) from None
