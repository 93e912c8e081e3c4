"""Segments that wait for the ledger at the same time go into it together: one commit, and one sum where they share a key."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portazgo.usage.collector import Collected, Placed, Segment, keep_together

if TYPE_CHECKING:
    from portazgo.kit.web.threads import DatabaseThreads

MOST_SEGMENTS = 16
MOST_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Waiting:
    placed: Placed
    outcome: asyncio.Future[Collected]


class Together:
    """Keeps segments, each durable before it is answered. Lives in the event loop of the internal listener.

    One transaction at a time, and all that came meanwhile in the next. More at once would wait for each other all the same:
    busy keys have their sums in the same rows. On PostgreSQL four at once cost its server three times as much for each record,
    and us a quarter more: every one of them writes the same rows anew.
    """

    def __init__(self, ledger: DatabaseThreads) -> None:
        self._ledger = ledger
        self._waiting: deque[_Waiting] = deque()
        self._running: asyncio.Task[None] | None = None

    async def keep(self, segment: Segment, place: str) -> Collected:
        """Keep a segment with those that wait already. Raises what `collector.keep` raises."""
        waiting = _Waiting(Placed(segment, place), asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._running is None:
            self._running = asyncio.ensure_future(self._run())
        return await waiting.outcome

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._keep(self._next())
        finally:
            self._running = None

    def _next(self) -> list[_Waiting]:
        group = [self._waiting.popleft()]
        size = len(group[0].placed.segment.content)
        while self._waiting and len(group) < MOST_SEGMENTS:
            size += len(self._waiting[0].placed.segment.content)
            if size > MOST_BYTES:
                break
            group.append(self._waiting.popleft())
        return group

    async def _keep(self, group: list[_Waiting]) -> None:
        try:
            outcomes = await self._ledger.run(keep_together, [one.placed for one in group])
        except Exception as problem:  # noqa: BLE001 - each that waits is told
            outcomes = [problem] * len(group)
        for one, outcome in zip(group, outcomes, strict=True):
            if one.outcome.done():  # nobody waits any more
                continue
            if isinstance(outcome, Collected):
                one.outcome.set_result(outcome)
            else:
                one.outcome.set_exception(outcome)
