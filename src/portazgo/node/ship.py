"""Ships sealed segments to the collector, oldest first, and deletes what it has acknowledged."""

from __future__ import annotations

import logging
import random
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portazgo.kit.clock import rfc3339
from portazgo.kit.http import READ_SECONDS, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from portazgo.kit.http import Answer, JsonClient
    from portazgo.node.native import Node

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
OK = 200
FIRST_REFUSAL = 300
# The collector has something else under this name, or can't read the bytes: trying again changes nothing.
SETTLED_REFUSALS = frozenset({409, 422})


class NotTaken(Exception):
    """The collector did not take it this time."""


class Shipper:
    """One thread of a node."""

    def __init__(self, node: Node, client: JsonClient) -> None:
        self._node = node
        self._client = client
        self._headers = {"X-Portazgo-Node": node.node_id, "X-Portazgo-Epoch": node.epoch}
        self._set_aside: set[str] = set()
        self._troubled = False
        # At the end, the loop and the ending may both be at it.
        self._one_at_a_time = threading.Lock()

    def run(self, stopping: threading.Event) -> None:
        """Ship until told to stop; first what earlier processes left: one that keeps crashing has no other time for it."""
        pause = 0.0
        while not stopping.wait(pause * random.uniform(0.9, 1.1)):  # noqa: S311 - spreads retries, guards nothing
            shipped = self._try(lambda: 0.0 if stopping.is_set() else READ_SECONDS)
            pause = LOOK_SECONDS if shipped else min(pause * 2, LONGEST_PAUSE_SECONDS)

    def ship_rest(self, within_seconds: float) -> bool:
        """Ship what is left before the process ends, and be back in time. Returns whether all of it was taken.

        What an hour without a collector left is more than that; the next start ships it.
        """
        deadline = time.monotonic() + within_seconds
        while self._waiting() or self._node.ended_epochs():
            if time.monotonic() > deadline:
                return False
            if not self._try(lambda: deadline - time.monotonic()):
                time.sleep(LOOK_SECONDS)
        return True

    def _try(self, seconds_left: Callable[[], float]) -> bool:
        if not self._one_at_a_time.acquire(timeout=max(0.0, seconds_left())):
            return False
        try:
            whole = self._ship_all(seconds_left)
        except (NotTaken, Unreachable, OSError) as problem:
            if not self._troubled:
                logger.warning("usage records wait on this node's disk: %s", problem)
            self._troubled = True
            return False
        except Exception:
            # A shipper that ends is a disk that fills, whatever the cause was.
            logger.exception("shipping usage records failed")
            return False
        finally:
            self._one_at_a_time.release()
        self._troubled = False
        if whole:
            self._node.shipped()
        return True

    def _ship_all(self, seconds_left: Callable[[], float]) -> bool:
        """Ship what waits. Returns whether that was all; else there was no time for the rest."""
        for path, epoch, first, count in self._waiting():
            if (left := seconds_left()) <= 0:
                return False
            self._ship(path, epoch, first, left)
            logger.debug("segment shipped", extra={"epoch": epoch, "first": first, "count": count})
        for ended in self._node.ended_epochs():
            if (left := seconds_left()) <= 0:
                return False
            self._report(ended, left)
        return True

    def _waiting(self) -> list[tuple[str, str, int, int]]:
        return [segment for segment in self._node.sealed_segments() if segment[0] not in self._set_aside]

    def _ship(self, path: str, epoch: str, first: int, read_seconds: float) -> None:
        query = {"node": self._node.node_id, "epoch": epoch, "first": first}
        try:
            content = Path(path).read_bytes()
        except FileNotFoundError:
            # Of an earlier process: the node that hands its place over has shipped it meanwhile.
            self._node.acknowledge(path)
            return
        answer = self._client.request(
            "POST",
            "/internal/v1/segments",
            query=query,
            body=content,
            headers=self._headers,
            read_seconds=read_seconds,
        )
        if answer.status in SETTLED_REFUSALS:
            # It stays on the disk for a person to look at; the balance shows it as a gap.
            self._set_aside.add(path)
            logger.error("the collector refuses a segment", extra={"path": path, "why": _why(answer)})
            return
        if answer.status != OK:
            raise NotTaken(f"the collector answered {answer.status}: {_why(answer)}")
        self._node.acknowledge(path)

    def _report(self, ended: dict[str, Any], read_seconds: float) -> None:
        body = {name: ended[name] for name in ("epoch", "node", "end", "last_sequence", "accepted", "seconds_at_risk")}
        for name in ("started_at", "ended_at"):
            body[name] = rfc3339(datetime.fromtimestamp(ended[f"{name}_us"] / 1_000_000, UTC))
        answer = self._client.request(
            "POST", "/internal/v1/epochs", body=body, headers=self._headers, read_seconds=read_seconds
        )
        if answer.status >= FIRST_REFUSAL:
            raise NotTaken(f"the collector answered {answer.status} to an epoch's end: {_why(answer)}")
        self._node.epoch_reported(ended["epoch"])


def _why(answer: Answer) -> str:
    return answer.body[:200].decode(errors="replace")
