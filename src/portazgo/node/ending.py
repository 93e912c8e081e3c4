"""How a node ends, step by step; each step is one line in the log (docs/upgrade-without-a-dropped-call.md).

The ready light turns red first, then nobody is let in any more, then what is under way is answered, sealed and shipped.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading

    from portazgo.node.native import Node
    from portazgo.node.ship import Shipper
    from portazgo.settings import Settings

logger = logging.getLogger(__name__)

STOP_SECONDS = 1.0
"""What closing the journal takes beside, on a disk that does its work."""
LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Leaving:
    """How long a node that ends waits before it accepts no more, then has for answering what is under way, and for shipping."""

    wait_seconds: float
    answer_seconds: float
    ship_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> Leaving:
        """Read it from the settings."""
        return cls(
            settings.drain_wait.total_seconds(),
            settings.drain_time.total_seconds(),
            settings.drain_ship.total_seconds(),
        )

    @property
    def most_seconds(self) -> float:
        """How long all of it takes at most, shipping included: for whoever would kill it otherwise."""
        return self.wait_seconds + self.answer_seconds + self.ship_seconds + STOP_SECONDS


def end(
    node: Node, stopping: threading.Event, shipper: Shipper | None, leaving: Leaving, *, has_successor: bool
) -> bool:
    """End the node. Returns whether every call was answered and every record is in a sealed segment."""
    began = time.monotonic()
    if has_successor:
        answer_seconds = _leave_to_successor(node, leaving)
    else:
        _wait_to_be_noticed(node, leaving)
        answer_seconds = leaving.answer_seconds
    answered = node.drain(answer_seconds)
    logger.info("gateway has answered what was under way" if answered else "gateway cuts calls off", extra=_open(node))
    clean = node.stop()
    logger.info("gateway has sealed its records" if clean else "gateway leaves records to its next start")
    stopping.set()
    shipped = shipper.ship_rest(leaving.ship_seconds) if shipper is not None else True
    logger.info(
        "gateway ended",
        extra={
            "answered_all": answered,
            "clean": clean,
            "shipped_all": shipped,
            "seconds": round(time.monotonic() - began, 2),
        },
    )
    return answered and clean


def _wait_to_be_noticed(node: Node, leaving: Leaving) -> None:
    logger.info("gateway drains")
    if leaving.wait_seconds:
        node.leave()
        logger.info("gateway is not ready any more, and still accepts", extra={"for_seconds": leaving.wait_seconds})
        time.sleep(leaving.wait_seconds)
    node.close(has_heir=False)
    logger.info("gateway accepts no more", extra={**_open(node), "within_seconds": leaving.answer_seconds})


def _leave_to_successor(node: Node, leaving: Leaving) -> float:
    """Stop accepting, and let each client come once more: its answer sends it to the successor.

    Returns what is left of the time for those that don't come: half of it, at least.
    """
    logger.info("gateway drains")
    node.leave()
    node.close(has_heir=True)
    logger.info(
        "gateway leaves its sockets to a successor", extra={**_open(node), "within_seconds": leaving.answer_seconds}
    )
    deadline = time.monotonic() + leaving.answer_seconds / 2
    while _open(node)["connections"] and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return max(deadline - time.monotonic(), 0.0) + leaving.answer_seconds / 2


def _open(node: Node) -> dict[str, Any]:
    state = json.loads(node.stats())
    return {"connections": state["connections"], "in_flight": state["in_flight"]}
