"""Carries out the logins that the data plane's calls wait for; what one brings, or why it brings nothing, goes back."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

from portazgo.logins.answers import Granted, LoginFailed
from portazgo.logins.logging_in import log_in
from portazgo.logins.orders import Order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

logger = logging.getLogger(__name__)

WAIT_SECONDS = 0.5
TAKEN_AT_ONCE = 256
AT_ONE_BACKEND = 8
"""After a restart all applications need a token at once; and an endpoint that hangs must not take what others need."""
AT_ONCE = 32
EVERYBODYS_FIRST = 256
"""A backend of which none is under way may have one beyond `AT_ONCE`, up to so many in all: four that hang hold up no fifth."""
WAITING_AT_ONE_BACKEND = 2_000
WAITING = 8_000
STALE_SECONDS = 45.0
"""The calls that needed it have left long ago; and the native node counts a login that it handed out as lost after a minute."""
TOLD_AT_MOST = 1_000


class Tokens(Protocol):
    """Who needs logins, and gets what they bring: the native node."""

    def token_requests(
        self, timeout_seconds: float, most: int
    ) -> Sequence[tuple[int, str, bytes | None, str | None, bytes | None]]:
        """Wait for some."""

    def provide_token(self, ticket: int, token: str, life_seconds: float, refresh: bytes | None = None) -> None:
        """Hand a token over. Raises ValueError for one that can't be used."""

    def refuse_token(self, ticket: int, why: str, refused: bool) -> None:  # noqa: FBT001 - as the native node has it
        """Say why there is none."""


class _Waiting(NamedTuple):
    """An order that nobody carries out yet."""

    ticket: int
    order: Order
    since: float


class LoginRunner:
    """Takes orders in one thread, and carries them out in a few others."""

    def __init__(
        self,
        node: Tokens,
        login: Callable[[Order], Granted] = log_in,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node = node
        self._login = login
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[_Waiting]] = {}
        self._running: Counter[str] = Counter()
        self._told: dict[tuple[str, str, str], str] = {}

    def run(self, stopping: threading.Event) -> None:
        """Take orders until told to stop. What is under way then is abandoned with the process."""
        while not stopping.is_set():
            try:
                for ticket, document, service, subject, refresh in self._node.token_requests(
                    WAIT_SECONDS, TAKEN_AT_ONCE
                ):
                    self._take(ticket, document, service, subject, refresh)
            except Exception:
                # A runner that ends is a backend that nobody can call any more.
                logger.exception("taking logins failed")
                stopping.wait(WAIT_SECONDS)

    def _take(
        self, ticket: int, document: str, service: bytes | None, subject: str | None, refresh: bytes | None
    ) -> None:
        try:
            order = Order.of(document, service, subject, refresh)
        except (ValueError, KeyError, TypeError, AttributeError):
            # Not what it says: the service credential is among it.
            self._node.refuse_token(ticket, "the login or its service credential can't be read", True)  # noqa: FBT003 - native
            return
        with self._lock:
            queue = self._waiting.get(order.backend, ())
            is_full = len(queue) >= WAITING_AT_ONE_BACKEND or sum(map(len, self._waiting.values())) >= WAITING
            if not is_full:
                self._waiting.setdefault(order.backend, deque()).append(_Waiting(ticket, order, self._monotonic()))
            starts = not is_full and self._may_start(order.backend)
            if starts:
                self._running[order.backend] += 1
        if is_full:
            self._node.refuse_token(ticket, "too many logins wait already", False)  # noqa: FBT003 - native
        elif starts:
            self._start(order.backend)

    def _start(self, backend: str) -> None:
        try:
            threading.Thread(target=self._work, args=(backend,), name="login", daemon=True).start()
        except RuntimeError:
            # The process may have no more threads. Those that run take what waits; the next order tries again.
            with self._lock:
                self._leave(backend)
            logger.warning("a login can't begin: this process may start no more threads")

    def _may_start(self, backend: str) -> bool:
        at_once = self._running.total()
        if self._running[backend] == 0:
            return at_once < EVERYBODYS_FIRST
        return self._running[backend] < AT_ONE_BACKEND and at_once < AT_ONCE

    def _work(self, backend: str) -> None:
        """Carry out what waits: first of this backend, then of any other that may have one more thread."""
        at: str | None = backend
        while at is not None:
            with self._lock:
                found = self._next(at)
                if found is None:
                    self._leave(at)
                    at = self._another()
                    if at is not None:
                        self._running[at] += 1
            if found is not None:
                self._see_to(found)

    def _next(self, backend: str) -> _Waiting | None:
        queue = self._waiting.get(backend)
        if not queue:
            return None
        found = queue.popleft()
        if not queue:
            del self._waiting[backend]
        return found

    def _leave(self, backend: str) -> None:
        self._running[backend] -= 1
        if not self._running[backend]:
            del self._running[backend]

    def _another(self) -> str | None:
        """Give the backend that has the fewest threads, of those that wait for one and may have it."""
        may = [backend for backend in self._waiting if self._may_start(backend)]
        return min(may, key=lambda backend: self._running[backend], default=None)

    def _see_to(self, waiting: _Waiting) -> None:
        if self._monotonic() - waiting.since < STALE_SECONDS:
            self._carry_out(waiting.ticket, waiting.order)
        else:
            self._node.refuse_token(waiting.ticket, "the login waited too long for others at its backend", False)  # noqa: FBT003 - native

    def _carry_out(self, ticket: int, order: Order) -> None:
        try:
            found = self._login(order)
            refresh = None if found.refresh_token is None else found.refresh_token.reveal().encode()
            self._node.provide_token(ticket, found.token.reveal(), found.life_seconds, refresh)
        except LoginFailed as failure:
            self._node.refuse_token(ticket, str(failure), failure.refused)
            self._say(order, str(failure))
        except ValueError as problem:
            self._say(order, f"The token that came can't be used: {problem}.")
        except Exception as problem:  # noqa: BLE001 - a ticket must be answered, and a trace may show what was sent
            self._node.refuse_token(ticket, "the login failed in an unforeseen way", False)  # noqa: FBT003 - native
            self._say(order, f"The login failed in an unforeseen way ({type(problem).__name__}).")
        else:
            self._say(order, None)

    def _say(self, order: Order, why: str | None) -> None:
        """Log what changes: an outage of an hour is one line for each whose token it is."""
        whose = (order.backend, order.environment, order.whose)
        named = {"backend": order.backend, "environment": order.environment, "whose": order.whose}
        with self._lock:
            before = self._told.get(whose)
            if why is None:
                self._told.pop(whose, None)
            elif before is not None or len(self._told) < TOLD_AT_MOST:
                self._told[whose] = why
        if why is not None and why != before:
            logger.warning("no token for a backend: %s", why, extra=named)
        elif why is None and before is not None:
            logger.info("logins at a backend work again", extra=named)
