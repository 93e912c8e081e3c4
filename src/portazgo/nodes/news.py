"""Waking the polls that wait. Lives on the internal listener's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from typing import TYPE_CHECKING

from django.db import connections

from portazgo.snapshot.feed import ChangesPage, HeadNow, Position, changes_after, head_now
from portazgo.snapshot.wake import listen
from portazgo.snapshot.wire import NO_HASH

if TYPE_CHECKING:
    from portazgo.kit.web.threads import DatabaseThreads

logger = logging.getLogger(__name__)

SAFETY_SECONDS = 1.0
"""How often the head is read when nothing woke us: once for all waiting polls, whatever their number."""

SHARED_PAGES_AT_MOST = 64
"""How many pages are read for several at once: nodes stand at a few positions, whatever is claimed."""

HISTORY_CHARACTERS = 36


class News:
    """Knows that the log went on. Waiting costs a future; all who ask at once from one position share one reading."""

    def __init__(self, threads: DatabaseThreads) -> None:
        self._threads = threads
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Future[None] = self._loop.create_future()
        self._pages: dict[Position, asyncio.Task[ChangesPage]] = {}
        self._seen: HeadNow | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._end_listening = listen(self._wake_from_thread)
        self.closed = False
        self.head = 0

    def start(self) -> None:
        """Begin to watch the head, and PostgreSQL's notifications where there are any."""
        self._tasks.append(self._loop.create_task(self._watch()))
        if connections["default"].vendor == "postgresql":
            from portazgo.nodes.notifications import hear  # noqa: PLC0415 - 5 MB that SQLite's users needn't pay

            self._tasks.append(self._loop.create_task(hear(self.wake)))

    def wake(self) -> None:
        """Let every waiting poll look again."""
        self._pages.clear()
        if not self._next.done():
            self._next.set_result(None)
        self._next = self._loop.create_future()

    @property
    def shared(self) -> int:
        """How many readings are under way that others may share."""
        return len(self._pages)

    def _wake_from_thread(self) -> None:
        self._loop.call_soon_threadsafe(self.wake)

    def ticket(self) -> asyncio.Future[None]:
        """Take this before reading; waiting on it misses nothing that came after."""
        return self._next

    async def wait(self, ticket: asyncio.Future[None], seconds: float) -> None:
        """Wait until the log went on since the ticket was taken, or the time is over."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(ticket), seconds)

    async def page(self, position: Position) -> ChangesPage:
        """Read what comes after a position. Raises as `feed.changes_after`."""
        task = self._pages.get(position)
        if task is None:
            task = self._loop.create_task(self._threads.run(changes_after, position))
            # A position is what a node claims: what no log could say is read for that node alone, and nothing grows.
            if len(self._pages) < SHARED_PAGES_AT_MOST and _can_be(position):
                self._pages[position] = task
                task.add_done_callback(functools.partial(self._forget, position))
        page = await asyncio.shield(task)
        self.head = max(self.head, page.head)
        return page

    def _forget(self, position: Position, done: asyncio.Task[ChangesPage]) -> None:
        """Keep no page and no refusal: whoever comes later reads what is true then."""
        if self._pages.get(position) is done:
            del self._pages[position]
        if not done.cancelled():
            done.exception()  # whoever asked may be gone; asyncio would complain that nobody looked

    async def close(self) -> None:
        """Answer every waiting poll now, and watch no more."""
        self.closed = True
        self._end_listening()
        self.wake()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            try:
                found = await self._threads.run(head_now)
            except Exception as problem:  # noqa: BLE001 - the database may be away; the next second may be better
                logger.warning("the head of the log can't be read: %s", type(problem).__name__)
            else:
                if found != self._seen:
                    self._seen, self.head = found, found.revision
                    self.wake()
            await asyncio.sleep(SAFETY_SECONDS)


def _can_be(position: Position) -> bool:
    return len(position.history) <= HISTORY_CHARACTERS and len(position.hash) == len(NO_HASH)
