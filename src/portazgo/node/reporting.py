"""Tells the control plane which logins at backends fail: when that changes, and every minute while any does."""

from __future__ import annotations

import json
import logging
import time
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from portazgo.kit.clock import from_microseconds, rfc3339
from portazgo.kit.http import Unreachable

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from portazgo.kit.http import Answer

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
AGAIN_SECONDS = 60.0
"""The control plane forgets within minutes what is not told again: a database that was restored, or a node that is gone."""
TOLD_AT_MOST = 100
LONGEST_REASON = 500
LONGEST_WHOSE = 200
NO_CONTENT = 204


class Node(Protocol):
    """Who knows how logins fare: the native node."""

    @property
    def node_id(self) -> str:
        """Give the id of the node's folder."""

    @property
    def epoch(self) -> str:
        """Give the id of this process life."""

    def stats(self) -> str:
        """Give what it counts, as JSON."""


class Client(Protocol):
    """Who reaches the control plane."""

    def request(self, method: str, path: str, *, body: object, headers: Mapping[str, str]) -> Answer:
        """Call. Raises Unreachable."""


class LoginReporter:
    """One thread of a node."""

    def __init__(self, node: Node, client: Client, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._node = node
        self._client = client
        self._monotonic = monotonic
        self._headers = {"X-Portazgo-Node": node.node_id, "X-Portazgo-Epoch": node.epoch}
        # The control plane begins an epoch without any.
        self._told: Sequence[tuple[str, ...]] = []
        self._next = monotonic()

    def run(self, stopping: threading.Event) -> None:
        """Look until told to stop."""
        while not stopping.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception:
                # What is told here is for people; whatever is wrong with it must not end it.
                logger.exception("telling of logins failed")

    def look(self) -> None:
        """Tell what is not known yet, or was told a minute ago. What was not taken is told at the next look."""
        failing = list(islice(_failing(json.loads(self._node.stats())["logins"]), TOLD_AT_MOST))
        kinds = [(one["backend"], one["environment"], one["whose"], one["since"], one["why"]) for one in failing]
        is_due = bool(kinds) and self._monotonic() >= self._next
        if kinds == self._told and not is_due:
            return
        body = {"epoch": self._node.epoch, "failing": failing}
        try:
            answer = self._client.request("POST", "/internal/v1/logins", body=body, headers=self._headers)
        except Unreachable:
            return  # The follower says so.
        if answer.status == NO_CONTENT:
            self._told, self._next = kinds, self._monotonic() + AGAIN_SECONDS


def _failing(logins: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for place in logins:
        for one in place["failures"]:
            next_us = one["next_us"]
            yield {
                "backend": place["backend"],
                "environment": place["environment"],
                "whose": one["whose"][:LONGEST_WHOSE],
                "why": one["why"][:LONGEST_REASON],
                "since": _time(one["since_us"]),
                "at": _time(one["at_us"]),
                "next_at": None if next_us is None else _time(next_us),
            }


def _time(microseconds: int) -> str:
    return rfc3339(from_microseconds(microseconds))
