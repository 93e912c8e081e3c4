"""Runs a group of processes as one: restarts a fallen part, ends all within a bound, restarts nothing meanwhile.

Children get a session of their own, so that Ctrl-C in a terminal reaches the supervisor alone and the parts end in
their order; each child asks the kernel to be told when its parent dies (`kit.parent`), so that a supervisor that is
killed leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import IO

from portazgo.kit.parent import PARENT_VARIABLE
from portazgo.roles.parts import Part

logger = logging.getLogger(__name__)

EXIT_USAGE = 2
FIRST_RESTART_SECONDS = 0.5
LONGEST_RESTART_SECONDS = 10.0
STEADY_SECONDS = 30.0
"""A part that ran this long before it fell starts again without the accumulated delay."""
TICK_SECONDS = 0.2
WHOLE_STOP_SECONDS = 14.0
"""The group has 15 s to end, or what its parts are given; one is kept for the killing and reaping."""


@dataclass(slots=True)
class Child:
    """The running process of a part, and its history of falls."""

    part: Part
    process: subprocess.Popen[bytes]
    started: float
    delay: float = FIRST_RESTART_SECONDS
    restart_at: float | None = None
    output: IO[bytes] | None = field(default=None, repr=False)


class Supervisor:
    """Keep the parts running until told to stop.

    `prepare` runs once in a thread of its own when all parts have been started (it may wait for their readiness);
    when it fails, the group ends with exit code 1 and the failure is reported by it, not here.
    """

    def __init__(self, parts: Sequence[Part], *, prepare: Callable[[Supervisor], None] | None = None) -> None:
        self._parts = tuple(parts)
        self._prepare = prepare
        self._children: dict[str, Child] = {}
        self._stopping = threading.Event()
        self._exit_code = 0
        self._ending = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)

    def run(self) -> int:
        """Start, supervise, and end the group.

        Returns the exit code: 0 told to stop, 1 failed, 2 a part refused its settings, 130 interrupted.
        """
        previous = self._take_signals()
        try:
            for part in self._parts:
                self._children[part.name] = self._start(part)
            if self._prepare is not None:
                threading.Thread(target=self._run_prepare, name="prepare", daemon=True).start()
            while not self._stopping.is_set():
                self._wait_for_news()
                self._look_after_children()
        finally:
            self._stop_all()
            self._give_signals_back(previous)
        return self._exit_code

    def stop(self, exit_code: int) -> None:
        """Ask the group to end; callable from any thread. The first caller's exit code counts."""
        if not self._stopping.is_set():
            self._exit_code = exit_code
            self._stopping.set()
        elif self._ending:
            # Told twice: nobody waits for calls under way any more. Parts take it the same way.
            for child in self._children.values():
                if child.process.poll() is None:
                    child.process.terminate()
        self._wake()

    @property
    def stopping(self) -> bool:
        """Whether the group has been told to end."""
        return self._stopping.is_set()

    def wait_ready(self, timeout_seconds: float) -> Part | None:
        """Wait until every part is ready. Returns None then, or the part that was not ready in time."""
        deadline = time.monotonic() + timeout_seconds
        for part in self._parts:
            while part.ready is not None and not part.ready():
                if time.monotonic() > deadline or self._stopping.wait(0.05):
                    return part
        return None

    # -- children ------------------------------------------------------------------------------------------------

    def _start(self, part: Part) -> Child:
        output = None
        if part.log is not None:
            part.log.parent.mkdir(parents=True, exist_ok=True)
            output = part.log.open("ab")
        environment = {**os.environ, **part.environment, PARENT_VARIABLE: str(os.getpid())}
        process = subprocess.Popen(
            part.command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        logger.debug("part started", extra={"part": part.name, "pid": process.pid})
        return Child(part, process, time.monotonic(), output=output)

    def _look_after_children(self) -> None:
        now = time.monotonic()
        for name, child in self._children.items():
            if child.restart_at is None and child.process.poll() is not None:
                self._fell(child, now)
            elif child.restart_at is not None and now >= child.restart_at and not self._stopping.is_set():
                replacement = self._start(child.part)
                replacement.delay = min(child.delay * 2, LONGEST_RESTART_SECONDS)
                self._children[name] = replacement

    def _fell(self, child: Child, now: float) -> None:
        code = child.process.returncode
        if child.output is not None:
            child.output.close()
        if code == EXIT_USAGE:
            # Wrong settings don't mend themselves: saying it once beats saying it for ever.
            logger.error("part refused its settings", extra={"part": child.part.name, "exit_code": code})
            self.stop(EXIT_USAGE)
            return
        if now - child.started > STEADY_SECONDS:
            child.delay = FIRST_RESTART_SECONDS
        child.restart_at = now + child.delay
        logger.warning(
            "part fell, starting it again",
            extra={"part": child.part.name, "exit_code": code, "in_seconds": child.delay},
        )

    def _stop_all(self) -> None:
        orders = {part.stop_order for part in self._parts}
        given = sum(max(part.stop_seconds for part in self._parts if part.stop_order == order) for order in orders)
        deadline = time.monotonic() + max(WHOLE_STOP_SECONDS, given)
        self._ending = True
        running = [child for child in self._children.values() if child.process.poll() is None]
        for order in sorted({child.part.stop_order for child in running}):
            batch = [child for child in running if child.part.stop_order == order]
            for child in batch:
                child.process.terminate()
            for child in batch:
                self._reap(child, min(time.monotonic() + child.part.stop_seconds, deadline))
        for child in self._children.values():
            if child.output is not None:
                child.output.close()

    @staticmethod
    def _reap(child: Child, deadline: float) -> None:
        try:
            child.process.wait(max(0.05, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            logger.warning("part did not end in time and was killed", extra={"part": child.part.name})
            child.process.kill()
            child.process.wait()

    def _run_prepare(self) -> None:
        assert self._prepare is not None  # noqa: S101 - narrows the type for the thread's target
        try:
            self._prepare(self)
        except Exception as problem:  # whatever went wrong, the group must not run half prepared
            if not self._stopping.is_set():
                logger.error("could not get ready: %s", problem, exc_info=logger.isEnabledFor(logging.DEBUG))  # noqa: TRY400 - the sentence is for a person
                self.stop(1)

    # -- signals -------------------------------------------------------------------------------------------------

    def _take_signals(
        self,
    ) -> dict[signal.Signals, signal.Handlers | Callable[[int, FrameType | None], object] | int | None]:
        def stop(number: int, _frame: FrameType | None) -> None:
            self.stop(130 if number == signal.SIGINT else 0)

        previous = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        previous[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: self._wake())
        return previous

    @staticmethod
    def _give_signals_back(
        previous: dict[signal.Signals, signal.Handlers | Callable[[int, FrameType | None], object] | int | None],
    ) -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def _wake(self) -> None:
        # A pipe that is full of unread wake-ups wakes the loop anyway.
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"!")

    def _wait_for_news(self) -> None:
        readable, _, _ = select.select([self._wake_read], [], [], TICK_SECONDS)
        if readable:
            os.read(self._wake_read, 4096)
