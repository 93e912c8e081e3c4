"""The worker's job: brings spilled segments into the ledger, in their order, each in the transaction that the collector uses.

At any point it may die: what the ledger holds already is removed the next time, what it does not hold is still there. Two
workers at once do no harm.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from django.db import IntegrityError

from portazgo.kit.errors import Conflict, Forbidden, Invalid
from portazgo.kit.objects import ObjectMissing, ObjectsFailed
from portazgo.nodes.epochs import require_own_epoch
from portazgo.usage.collector import keep, verify
from portazgo.usage.objects import object_store
from portazgo.usage.placing import place_for, remove_unnamed
from portazgo.usage.spill import Spilled
from portazgo.usage.spill_state import note

if TYPE_CHECKING:
    from collections.abc import Callable

    from portazgo.kit.clock import Clock
    from portazgo.usage.collector import Segment
    from portazgo.usage.spill import Spill

logger = logging.getLogger(__name__)

LONGEST_RUN_SECONDS = 2.0
"""Then what waits is counted anew, and those that have come meanwhile are taken in their order."""
LOOK_SECONDS = 5.0
"""How long nothing is listed after nothing was there: each listing of a bucket is paid for."""
COUNT_ASIDE_SECONDS = 600.0


class Taking:
    """Remembers when it looked last, and what it has told of."""

    def __init__(self, clock: Clock, spill: Callable[[], Spill], *, objects_first: bool) -> None:
        self._clock = clock
        self._spill = spill
        self._objects_first = objects_first
        self._look_at = 0.0
        self._counted_aside_at = -COUNT_ASIDE_SECONDS
        self._aside = 0
        self._strange: set[str] = set()
        self._troubled = False

    def run(self) -> int:
        """Take what is there, for at most 2 s. Returns how many segments."""
        if time.monotonic() < self._look_at:
            return 0
        try:
            taken, left = self._take_all(self._spill())
        except ObjectsFailed as problem:
            if not self._troubled:
                logger.warning(
                    "spilled segments can't be looked for: %s", problem.sentence, extra={"remedy": problem.remedy}
                )
            self._troubled = True
            self._look_at = time.monotonic() + LOOK_SECONDS
            return 0
        self._troubled = False
        if not left:
            self._look_at = time.monotonic() + LOOK_SECONDS
        return taken

    def _take_all(self, spill: Spill) -> tuple[int, bool]:
        ends = time.monotonic() + LONGEST_RUN_SECONDS
        left: list[Spilled] = []
        taken = 0
        for found in spill.waiting():
            if isinstance(found, str):
                self._tell_strange(found)
            elif time.monotonic() > ends:
                left.append(found)
            else:
                taken += self._take(spill, found)
        note(left, self._set_aside(spill), self._clock.now())
        return taken, bool(left)

    def _set_aside(self, spill: Spill) -> int:
        if time.monotonic() > self._counted_aside_at + COUNT_ASIDE_SECONDS:
            self._aside = spill.aside()
            self._counted_aside_at = time.monotonic()
        return self._aside

    def _take(self, spill: Spill, found: Spilled) -> int:
        try:
            content = spill.content(found.name)
        except ObjectMissing:
            return 0  # another worker was quicker
        try:
            segment = verify(found.node, found.epoch, found.run.first, content)
            require_own_epoch(found.node, found.epoch)
            self._keep(segment)
        except IntegrityError:
            return 0  # the collector's own attempt, which was late, has just taken it: the next look finds it there
        except (Invalid, Conflict, Forbidden) as problem:
            aside = spill.set_aside(found.name, content)
            self._aside += 1
            why = {"object": aside, "why": problem.detail}
            logger.error("a spilled segment can't come into the ledger", extra=why)  # noqa: TRY400 - it says all
            return 0
        spill.taken(found.name)
        return 1

    def _keep(self, segment: Segment) -> None:
        place = place_for(segment) if self._objects_first else ""
        if place:
            object_store().put(place, segment.content)
        try:
            collected = keep(segment, place)
        except (Conflict, Forbidden, IntegrityError):
            remove_unnamed(object_store(), segment, place)
            raise
        if not collected.stored:
            remove_unnamed(object_store(), segment, place)

    def _tell_strange(self, name: str) -> None:
        if name not in self._strange:
            self._strange.add(name)
            logger.warning("an object among the spilled segments is none of ours", extra={"object": name})
