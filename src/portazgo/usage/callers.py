"""Who hands records in: a node, by its token; while the state can't be asked, one that was let in lately.

This fails open, and for records only: what a node hands in meanwhile goes to the object store, under the id of the node that
was let in, and nothing is told to it but "stored". A token that is revoked is forgotten with the first call that the state
refuses; one that was revoked just before the state went away is let in for ten minutes at most.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import DatabaseError

from portazgo.accounts.tokens import digest_of
from portazgo.kit.errors import Problem
from portazgo.nodes.internal import presented, uuid_header

if TYPE_CHECKING:
    from starlette.requests import Request

    from portazgo.nodes.internal import Caller

REMEMBERED_SECONDS = 600.0
MOST_REMEMBERED = 10_000

Identify = Callable[["Request"], Awaitable["Caller"]]


class Callers:
    """Remembers who was let in. Lives in the event loop of the internal listener."""

    def __init__(
        self, identify: Identify, late_after_seconds: float | None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Without `late_after_seconds` nobody is remembered: there is no other place for records."""
        self._identify = identify
        self._late_after_seconds = late_after_seconds
        self._monotonic = monotonic
        self._let_in: OrderedDict[tuple[str, UUID], float] = OrderedDict()
        self._late = False
        self._asking: set[asyncio.Future[Caller]] = set()

    async def node(self, request: Request) -> UUID:
        """Tell which node calls. Raises Unauthenticated, Forbidden, Invalid, and what the database raises."""
        if self._late_after_seconds is None:
            return (await self._identify(request)).node
        who = digest_of(presented(request)), uuid_header(request, "x-portazgo-node")
        if self._late and self._asking and self._remembers(who):
            # One call at a time finds out whether the state is back; the others don't wait for it.
            return who[1]
        asking = self._ask(who, request)
        if not self._remembers(who):
            return (await asking).node
        await asyncio.wait({asking}, timeout=self._late_after_seconds)
        if asking.done() and not isinstance(asking.exception(), DatabaseError):
            return asking.result().node
        self._late = True
        return who[1]

    def _ask(self, who: tuple[str, UUID], request: Request) -> asyncio.Future[Caller]:
        asking = asyncio.ensure_future(self._identify(request))
        self._asking.add(asking)
        asking.add_done_callback(lambda asked: self._asked(who, asked))
        return asking

    def _asked(self, who: tuple[str, UUID], asked: asyncio.Future[Caller]) -> None:
        self._asking.discard(asked)
        if asked.cancelled():
            return
        problem = asked.exception()
        if problem is None:
            self._late = False
            self._let_in[who] = self._monotonic()
            self._let_in.move_to_end(who)
            if len(self._let_in) > MOST_REMEMBERED:
                self._let_in.popitem(last=False)
        elif isinstance(problem, Problem):
            self._let_in.pop(who, None)

    def _remembers(self, who: tuple[str, UUID]) -> bool:
        return self._monotonic() - self._let_in.get(who, float("-inf")) < REMEMBERED_SECONDS
