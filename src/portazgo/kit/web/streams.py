"""Answers that stay open after their view has returned: what a view asks the server for, and what it is given to write to.

The server (control/streams.py) keeps the connection among those that it watches anyway: an open answer holds a socket,
never one of the threads that answer requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

KEEP_OPEN = "portazgo.keep_open"


class OpenAnswer(Protocol):
    """An answer whose head was sent. Safe to use from one thread of one's own; nothing here ever waits."""

    @property
    def alive(self) -> bool:
        """Whether somebody is still there."""

    @property
    def pending(self) -> int:
        """How many bytes the reader hasn't taken yet."""

    def write(self, data: bytes) -> None:
        """Send more; does nothing when nobody is there any more."""

    def end(self) -> None:
        """End the answer, and its connection once all is taken."""


def keep_open(request: HttpRequest, then: Callable[[OpenAnswer], None]) -> bool:
    """Have the answer to this request stay open once its view has returned; `then` is given it, in another thread.

    Returns False where the server can't do that.
    """
    keep = request.META.get(KEEP_OPEN)
    if keep is None:
        return False
    keep(then)
    return True
