"""Writing down polls: while one batch is being written, the next one gathers, so that a hundred nodes cost one commit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from portazgo.nodes.service import Contact, record_contacts

if TYPE_CHECKING:
    from uuid import UUID

    from portazgo.kit.web.threads import DatabaseThreads


class Contacts:
    """Lives on the internal listener's event loop."""

    def __init__(self, threads: DatabaseThreads) -> None:
        self._threads = threads
        self._gathered: dict[UUID, Contact] = {}
        self._written: asyncio.Future[None] | None = None
        self._writing: asyncio.Task[None] | None = None

    async def record(self, contact: Contact) -> None:
        """Return when this contact is in the database. Raises what the database raises."""
        self._gathered[contact.node] = contact
        loop = asyncio.get_running_loop()
        if self._written is None:
            self._written = loop.create_future()
        written = self._written
        if self._writing is None:
            self._writing = loop.create_task(self._write())
        await asyncio.shield(written)

    async def _write(self) -> None:
        while self._written is not None:
            batch, written = list(self._gathered.values()), self._written
            self._gathered, self._written = {}, None
            try:
                await self._threads.run(record_contacts, batch)
            except Exception as problem:  # noqa: BLE001 - it belongs to those who wait
                written.set_exception(problem)
                written.exception()  # nobody may be left to look at it
            else:
                written.set_result(None)
        self._writing = None
