"""Lets answers of the admin port stay open without a thread each (kit/web/streams.py).

waitress gives a request a thread until its answer has ended. Eight live tails would be eight threads, and nobody else were
answered. So a view may leave its answer open: the thread goes back, the connection stays in waitress's loop, which notices
when the caller leaves, and whoever was given the answer writes to it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.task import WSGITask

from portazgo.control.connections import BODY_SECONDS, LARGE_BODIES_AT_MOST, LARGE_BODY_BYTES
from portazgo.kit.web.streams import KEEP_OPEN, OpenAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

    Then = Callable[[OpenAnswer], None]


class Task(WSGITask):
    """One request, whose view may ask that its answer stays open."""

    then: Then | None = None

    def get_environment(self) -> dict[str, Any]:
        """Give the view the way to ask."""
        environment: dict[str, Any] = super().get_environment()
        environment[KEEP_OPEN] = self._keep_open
        return environment

    def finish(self) -> None:
        """End the answer, or leave it open."""
        if self.then is None:
            super().finish()
            return
        # It ends with its connection, but not now.
        self.close_on_finish = False
        channel: Any = self.channel
        channel.left_open = self

    def _keep_open(self, then: Then) -> None:
        self.then = then


class Channel(HTTPChannel):
    """A connection, with an answer that was left open or without."""

    task_class = Task
    left_open: Task | None = None
    _asked = 0
    """How many requests have come whole."""
    _known = 0
    """How many of them `_since` is behind."""
    _since: float | None = None
    """When the first byte came of the request that is still coming; None: none is."""

    def service(self) -> None:
        """Answer one request; what it left open is handed over."""
        self._asked += 1
        request = self.requests[0]
        super().service()
        task = self.left_open
        if task is None or task.then is None:
            return
        with _requests_of(self):
            # With a request under way nobody takes the connection for idle, and the loop writes under the lock only.
            self.requests = [request]
        task.then(Answer(self, task))

    def readable(self) -> bool:
        """Look whether the caller leaves."""
        if self.left_open is None:
            return bool(super().readable())
        return not (self.will_close or self.close_when_flushed)

    def received(self, data: bytes) -> bool:
        """Take requests; while an answer is open none is expected, and none is kept."""
        if self.left_open is not None:
            return False
        self._forget_answered()
        taken = bool(super().received(data))
        self._weigh()
        if not self.requests and not self._forget_answered():
            self._hasten()
        return taken

    def del_channel(self, map: Any = None) -> None:  # noqa: A002 - waitress calls it so
        """Forget it: it is closed."""
        _large.pop(self, None)
        super().del_channel(map)

    def _weigh(self) -> None:
        """See that few large bodies come at once, whoever sends them."""
        if self.request is None or self.request.body_bytes_received <= LARGE_BODY_BYTES:
            _large.pop(self, None)
            return
        _large[self] = None
        if len(_large) > LARGE_BODIES_AT_MOST:
            oldest = next(iter(_large))
            del _large[oldest]
            oldest.will_close = True

    def _forget_answered(self) -> bool:
        asked = self._asked
        moved, self._known = asked != self._known, asked
        if moved:
            self._since = None
        return moved

    def _hasten(self) -> None:
        """Have waitress take what is too long in coming for silence: a byte now and then would hold a place for ever."""
        if self._since is None:
            self._since = self.last_activity
        more = BODY_SECONDS if self.request is not None and self.request.headers_finished else 0.0
        self.last_activity = min(self.last_activity, self._since + more)


_large: dict[Channel, None] = {}
"""Connections on which a large body is coming, the oldest first. Only waitress's loop touches it."""


class Answer:
    """An answer that was left open."""

    def __init__(self, channel: Channel, task: Task) -> None:
        self._channel = channel
        self._task = task
        self._ended = False

    @property
    def alive(self) -> bool:
        """Whether somebody is still there."""
        return bool(self._channel.connected) and not self._channel.will_close and not self._ended

    @property
    def pending(self) -> int:
        """How many bytes the reader hasn't taken yet."""
        return int(self._channel.total_outbufs_len)

    def write(self, data: bytes) -> None:
        """Send more; does nothing when nobody is there any more."""
        if self.alive:
            self._quietly(lambda: self._task.write(data))

    def end(self) -> None:
        """End the answer, and its connection once all is taken."""
        if self._ended:
            return
        self._ended = True
        if self._task.chunked_response:
            self._quietly(lambda: self._channel.write_soon(b"0\r\n\r\n"))
        with _requests_of(self._channel):
            self._channel.close_when_flushed = True
            self._channel.requests = []
        self._channel.server.pull_trigger()

    def _quietly(self, send: Callable[[], object]) -> None:
        try:
            send()
        except (ClientDisconnected, OSError):
            self._ended = True


def _requests_of(channel: Any) -> threading.Lock:
    """Give the lock of a channel's requests, which its type stubs don't know."""
    lock: threading.Lock = channel.requests_lock
    return lock
