"""Live tails: whoever follows gets each record once, as server-sent events, soon after it was collected.

Source: HTML Living Standard, section 9.2 (server-sent events). All open tails of a process are fed by one thread, which
lives while there are any; an open tail costs a socket and what its reader hasn't taken yet.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, close_old_connections
from django.http import StreamingHttpResponse

from portazgo.accounts.service import is_live
from portazgo.kit.errors import Unavailable
from portazgo.kit.web.streams import keep_open
from portazgo.traces.collection import Position, collected_since, newest
from portazgo.traces.positions import Plain, positions_of

if TYPE_CHECKING:
    from portazgo.accounts.requests import AdminRequest
    from portazgo.kit.web.streams import OpenAnswer
    from portazgo.traces.domain import Filter, Record
    from portazgo.traces.positions import Positions

    Tell = Callable[[Iterable[Record]], list[dict[str, Any]]]
    TellSkipped = Callable[[int], dict[str, Any]]

logger = logging.getLogger(__name__)

MOST_TAILS = 50
MOST_TAILS_OF_PARTNERS = 40
"""Of those: the others are left to operators."""
MOST_TAILS_OF_A_PARTNER = 5
"""Where all places of partners are taken, the partner with most of them gives one to another that has less."""
LOOK_SECONDS = 0.25
"""How often the ledger is asked for what is new, once for all tails."""
HEARTBEAT_SECONDS = 2.0
"""A reader is shown that all is well when nothing else came, and is asked for its token whatever came."""
LONGEST_SECONDS = 15 * 60.0
"""Then a tail is ended; its reader comes again with the last id, and is asked for its token again."""
PENDING_BYTES = 256 * 1024
"""So much waits for a slow reader; what comes after stays in the ledger."""
STUCK_SECONDS = 30.0
RECONNECT_MS = 1_000
AT_ONCE = 200
ROUNDS_AT_ONCE = 20


def told_skipped(records: int) -> dict[str, Any]:
    """Tell an operator how many records were too old to be followed."""
    return {"records": records}


@dataclass(slots=True, eq=False)
class Tail:
    """What one reader follows. `allowed` tells whether it still may; `tell` makes records readable.

    `partner`: whose token follows; None: an operator's.
    """

    wanted: Filter
    position: Position
    tell: Tell
    allowed: Callable[[], bool]
    partner: str | None = None
    tell_skipped: TellSkipped = told_skipped
    positions: Positions = field(default_factory=Plain)
    """What the ids of events are written with."""
    answer: OpenAnswer | None = None
    displaced: bool = False
    """Its place went to another partner."""
    began: float = field(default_factory=time.monotonic)
    spoke: float = field(default_factory=time.monotonic)
    took: float = field(default_factory=time.monotonic)
    checked: float = field(default_factory=time.monotonic)
    read: Position | None = None
    """Up to where the ledger was read; what of it is not sent yet is in `queue`."""
    queue: deque[tuple[Record, Position]] = field(default_factory=deque)

    def feed(self, now: float) -> bool:
        """Send what there is. Returns whether more may be sent at once."""
        assert self.answer is not None  # noqa: S101 - fed only once it is open
        if self.answer.pending < PENDING_BYTES:
            self.took = now
        else:
            return False
        skipped = 0
        if not self.queue:
            found = collected_since(self.read or self.position, self.wanted, limit=AT_ONCE)
            self.queue.extend(found.records)
            self.read, skipped = found.position, found.skipped
        if skipped:
            self._send(_event("skipped", json.dumps(self.tell_skipped(skipped))), now)
        some = [self.queue.popleft() for _ in range(min(AT_ONCE, len(self.queue)))]
        documents = self.tell([record for record, _ in some])
        for (_, position), document in zip(some, documents, strict=True):
            self.position = position
            self._send(
                _event("trace", json.dumps(document, cls=DjangoJSONEncoder), self.positions.encode(position)), now
            )
        if not self.queue:
            self.position = self.read or self.position
        return bool(some)

    def stay(self, now: float) -> bool:
        """Show the reader that all is well. Returns False when it is over."""
        if self.displaced:
            return False
        # Before all else: neither calls that keep coming nor a reader that takes nothing spares a token the question.
        if now - self.checked >= HEARTBEAT_SECONDS:
            if not self.allowed():
                return False
            self.checked = now
        answer = self.answer
        if answer is None:
            return now - self.began < STUCK_SECONDS
        if not answer.alive or now - self.took > STUCK_SECONDS or now - self.began > LONGEST_SECONDS:
            return False
        if now - self.spoke >= HEARTBEAT_SECONDS and not answer.pending:
            # An id without data moves the reader's place on, and is no event.
            self._send(f"id: {self.positions.encode(self.position)}\n: alive\n\n", now)
        return True

    def _send(self, text: str, now: float) -> None:
        assert self.answer is not None  # noqa: S101 - as `feed`
        self.answer.write(text.encode())
        self.spoke = now


class Tails:
    """All open tails of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tails: list[Tail] = []
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def __len__(self) -> int:
        """How many places are taken."""
        return len(self._tails)

    def open(self, tail: Tail) -> Callable[[OpenAnswer], None]:
        """Take a place for a tail, and give what is called with its answer. Raises Unavailable when there is no place."""
        with self._lock:
            if self._closed.is_set():
                raise Unavailable("this process is ending", code="tails_busy", remedy="try again in a second")
            if len(self._tails) >= MOST_TAILS:
                raise Unavailable(
                    f"{MOST_TAILS} tails are open already, and this process holds no more",
                    code="tails_busy",
                    remedy="end one, or list what is new with `GET /traces/tail` and `after`",
                )
            if tail.partner is not None:
                self._make_room(tail.partner)
            self._tails.append(tail)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tails", daemon=True)
                self._thread.start()

        def begin(answer: OpenAnswer) -> None:
            with self._lock:
                tail.answer = answer
                over = tail not in self._tails
            # It came to an end while its head was being sent.
            if over:
                answer.end()

        return begin

    def _make_room(self, partner: str) -> None:
        """Find a place for a partner's tail: a free one, or one of whoever has most. Raises Unavailable."""
        of_partners = [one for one in self._tails if one.partner is not None and not one.displaced]
        held = Counter(one.partner for one in of_partners)
        if held[partner] >= MOST_TAILS_OF_A_PARTNER:
            raise _no_place(f"{MOST_TAILS_OF_A_PARTNER} tails of this partner are open already")
        if len(of_partners) < MOST_TAILS_OF_PARTNERS:
            return
        (other, most), *_ = held.most_common(1)
        if most <= held[partner] + 1:
            raise _no_place(f"{MOST_TAILS_OF_PARTNERS} tails of partners are open already")
        # The one that was opened first; its reader goes on from its last id as soon as there is a place.
        next(one for one in of_partners if one.partner == other).displaced = True

    def leave(self, tail: Tail) -> None:
        """Give the place back."""
        with self._lock:
            self._tails = [one for one in self._tails if one is not tail]

    def close(self) -> None:
        """End all of them."""
        with self._lock:
            self._closed.set()
            thread = self._thread
        if thread is not None:
            thread.join(2 * HEARTBEAT_SECONDS)

    def _run(self) -> None:
        while not self._closed.wait(LOOK_SECONDS):
            self._look()
            with self._lock:
                if not self._tails:
                    self._thread = None
                    return
        with self._lock:
            for tail in self._tails:
                _end(tail)
            self._tails.clear()

    def _look(self) -> None:
        close_old_connections()
        try:
            going_on = list(self._tails)
            for _ in range(ROUNDS_AT_ONCE):
                going_on = [tail for tail in going_on if not self._closed.is_set() and _fed(tail)]
            self._part(time.monotonic())
        except DatabaseError as problem:
            # The ledger may be away for a while: nothing was passed over, and it goes on from there.
            logger.warning("live tails can't read the ledger: %s", type(problem).__name__)
        finally:
            close_old_connections()

    def _part(self, now: float) -> None:
        """Part with those that are over."""
        over = [tail for tail in list(self._tails) if not tail.stay(now)]
        for tail in over:
            _end(tail)
        with self._lock:
            self._tails = [tail for tail in self._tails if tail not in over]


def _no_place(why: str) -> Unavailable:
    return Unavailable(
        f"{why}, and this process holds no more",
        code="tails_busy",
        remedy="end one, or list what is new with `GET /partner-view/traces/tail` and `cursor`",
    )


def _fed(tail: Tail) -> bool:
    """Feed one; one that stumbles ends, and the others go on."""
    if tail.answer is None:
        return False
    try:
        return tail.feed(time.monotonic())
    except DatabaseError:
        raise
    except Exception:
        logger.exception("a live tail stumbled")
        _end(tail)
        return False


def _end(tail: Tail) -> None:
    if tail.answer is not None:
        tail.answer.end()


def _event(name: str, data: str, identifier: str | None = None) -> str:
    place = "" if identifier is None else f"id: {identifier}\n"
    return f"{place}event: {name}\ndata: {data}\n\n"


tails = Tails()


def respond(
    request: AdminRequest,
    wanted: Filter,
    tell: Tell,
    *,
    tell_skipped: TellSkipped = told_skipped,
    whose: str | None = None,
) -> StreamingHttpResponse:
    """Answer with a live tail, from where `Last-Event-ID` says or from the newest segment on. Raises Invalid, Unavailable.

    `whose`: the partner whose calls alone are followed, whoever asks; its positions are sealed. None: an operator follows all.
    """
    last = request.headers.get("Last-Event-ID")
    positions = positions_of(whose)
    position = positions.decode(last) if last else newest()
    actor, clock = request.actor, request.clock
    tail = Tail(
        wanted,
        position,
        tell,
        allowed=lambda: is_live(actor, clock=clock),
        partner=actor.partner,
        tell_skipped=tell_skipped,
        positions=positions,
    )
    if not keep_open(request, tails.open(tail)):
        tails.leave(tail)
        raise Unavailable("this server holds no answers open", code="tails_unsupported")
    return StreamingHttpResponse([f"retry: {RECONNECT_MS}\n\n"], content_type="text/event-stream")


def wants_events(request: AdminRequest) -> bool:
    """Tell whether the caller asks for server-sent events."""
    return request.headers.get("Accept", "").startswith("text/event-stream")
