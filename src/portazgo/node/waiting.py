"""Waiting for the provider that unwraps secrets: a node that serves goes on, one that starts says what it waits for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from portazgo.kit.wrapping import WrappingFailed, WrappingUnavailable
from portazgo.node.apply import apply_update
from portazgo.node.native import SnapshotRefused

if TYPE_CHECKING:
    import threading

    from portazgo.kit.wrapping import KeyWrapper
    from portazgo.node.native import Node, Update

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 2.0
LONGEST_REASON = 600


class WrappingLock:
    """Whether the provider is away, and at which text that showed."""

    def __init__(self, wrapper: KeyWrapper) -> None:
        self._wrapper = wrapper
        self._problem: WrappingUnavailable | None = None

    @property
    def shut(self) -> bool:
        """Whether the last attempt to unseal something failed because the provider is away."""
        return self._problem is not None

    def fell(self, problem: WrappingUnavailable) -> None:
        """Note that the provider is away, and say it once in the log."""
        if str(self._problem) != str(problem):
            logger.warning("waits for key wrapping: %s", problem, extra={"remedy": problem.remedy})
        if self._problem is not None and problem.sealed is None:
            problem.sealed = self._problem.sealed
        self._problem = problem

    def knock(self) -> None:
        """Try the one text again, rather than the whole of what is to be applied. Raises WrappingFailed."""
        if self._problem is not None and self._problem.sealed is not None:
            self._wrapper.unwrap(*self._problem.sealed)
        self.opened()

    def opened(self) -> None:
        """Note that the provider answers, or that nothing is to be unsealed."""
        if self._problem is not None:
            logger.info("the key-wrapping provider is waited for no more")
            self._problem = None


class WaitingSnapshot:
    """Applied as soon as the provider answers."""

    def __init__(self, node: Node, snapshot: Update, wrapper: KeyWrapper) -> None:
        self._node = node
        self._snapshot = snapshot
        self._wrapper = wrapper
        self._said = ""

    def applied(self) -> bool:
        """Try to apply it; while the provider is away, say so and return False. Raises SnapshotRefused, WrappingFailed."""
        try:
            revision = apply_update(self._node, self._snapshot, self._wrapper)
        except WrappingUnavailable as problem:
            self._node.wait_for_wrapping(True)  # noqa: FBT003 - native
            self._say(f"waits for key wrapping: {problem}; {problem.remedy}")
            return False
        self._node.warn([])
        logger.info("snapshot applied", extra={"revision": revision})
        return True

    def run(self, stopping: threading.Event) -> None:
        """Try again and again until it is applied."""
        while not stopping.wait(AGAIN_SECONDS):
            try:
                if self.applied():
                    return
            except (SnapshotRefused, WrappingFailed) as problem:
                self._node.wait_for_wrapping(False)  # noqa: FBT003 - native
                self._say(f"the snapshot can't be served: {': '.join(map(str, problem.args))}")

    def _say(self, sentence: str) -> None:
        self._node.warn([sentence[:LONGEST_REASON]])
        if sentence != self._said:
            logger.warning(sentence)
            self._said = sentence
