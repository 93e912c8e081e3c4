"""The collector's way with a segment: into the ledger, and into the object store while the ledger is late or away.

A node is told "stored" when the bytes are durable in one of the two, never before. A segment may end up in both: the ledger
knows what it has, and takes nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from django.db import DatabaseError

from portazgo.kit.errors import Conflict, Forbidden
from portazgo.kit.objects import ObjectsFailed
from portazgo.usage.objects import object_store
from portazgo.usage.placing import place_for, remove_unnamed
from portazgo.usage.together import Together

if TYPE_CHECKING:
    from portazgo.kit.web.threads import DatabaseThreads
    from portazgo.usage.collector import Collected, Segment
    from portazgo.usage.spill import Spill

logger = logging.getLogger(__name__)


class Keeping:
    """Keeps segments. Lives in the event loop of the internal listener."""

    def __init__(
        self,
        ledger: DatabaseThreads,
        outside: DatabaseThreads,
        spill: Spill | None,
        *,
        late_after_seconds: float,
        objects_first: bool,
    ) -> None:
        self._ledger = ledger
        self._together = Together(ledger)
        self._outside = outside
        self._spill = spill
        self._late_after_seconds = late_after_seconds
        self._objects_first = objects_first
        self._late = False
        self._trying: set[asyncio.Task[Collected]] = set()

    async def keep(self, segment: Segment) -> bool:
        """Keep a segment; durable on return. Returns False when the ledger had it already.

        Raises Conflict, Forbidden, and what the database raises where there is no store to spill to, or it does not take it
        either.
        """
        if self._spill is None:
            return (await self._into_ledger(segment)).stored
        if self._late and self._trying and await self._spilled(self._spill, segment):
            # One segment at a time finds out whether the ledger is back; the others don't wait for it.
            return True
        trying = self._try(segment)
        await asyncio.wait({trying}, timeout=self._late_after_seconds)
        if trying.done() and not isinstance(trying.exception(), DatabaseError):
            return trying.result().stored
        self._note_late()
        if await self._spilled(self._spill, segment):
            return True
        return (await trying).stored

    def _try(self, segment: Segment) -> asyncio.Task[Collected]:
        trying = asyncio.ensure_future(self._into_ledger(segment))
        self._trying.add(trying)
        trying.add_done_callback(self._tried)
        return trying

    def _tried(self, trying: asyncio.Task[Collected]) -> None:
        self._trying.discard(trying)
        if self._late and not trying.cancelled() and trying.exception() is None:
            self._late = False
            logger.warning("the ledger takes segments again")

    def _note_late(self) -> None:
        if not self._late:
            self._late = True
            logger.warning("the ledger is late or away: segments go to the object store until it is back")

    async def _into_ledger(self, segment: Segment) -> Collected:
        place = await self._placed(segment) if self._objects_first else ""
        try:
            collected = await self._together.keep(segment, place)
        except (Conflict, Forbidden):
            await self._removed(segment, place)
            raise
        if not collected.stored:
            await self._removed(segment, place)
        return collected

    async def _placed(self, segment: Segment) -> str:
        """Put the bytes into the object store; "" when it does not take them: then the ledger does, if it takes anything."""
        place = await self._ledger.run(place_for, segment)
        if not place:
            return ""
        try:
            await self._outside.run(object_store().put, place, segment.content)
        except ObjectsFailed as problem:
            logger.warning(
                "a segment's bytes go into the ledger: %s", problem.sentence, extra={"remedy": problem.remedy}
            )
            return ""
        return place

    async def _removed(self, segment: Segment, place: str) -> None:
        if place:
            await self._outside.run(remove_unnamed, object_store(), segment, place)

    async def _spilled(self, spill: Spill, segment: Segment) -> bool:
        try:
            await self._outside.run(spill.put, segment)
        except ObjectsFailed as problem:
            logger.warning("a segment could not be spilled: %s", problem.sentence, extra={"remedy": problem.remedy})
            return False
        return True
