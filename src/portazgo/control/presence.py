"""Who works on the state database: control planes, workers and migrations share it, a recovery has it alone.

With SQLite it is a lock on a file beside the database's, with PostgreSQL an advisory lock that a connection of its own
holds. Both end with the process that holds them, however it ends. The database's own file must not be opened for that: when a
process closes any descriptor of it, all of SQLite's locks of that process are gone
(https://www.sqlite.org/howtocorrupt.html, section 2.2), and whoever leaves next takes the log away.

A file's lock can't be lost. A connection can: the server restarts, or fails over. Whoever shares the database looks every
two seconds whether the lock is still held, takes it again, and ends itself where a recovery was faster.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from portazgo.kit.errors import StartRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

    from portazgo.settings import Settings

logger = logging.getLogger(__name__)

LOCK_NUMBER = 0x706F7274617A676F
"""Of the advisory lock ("portazgo" in ASCII)."""
LOOK_SECONDS = 2.0


class RecoveryUnderWay(StartRefused):
    """`portazgo recover` has the database."""

    def __init__(self) -> None:
        super().__init__(
            "`portazgo recover` is under way on this database", "wait until it has ended, then start again"
        )


class ControlPlaneRuns(StartRefused):
    """Others work on the database."""

    def __init__(self) -> None:
        super().__init__(
            "a control plane runs on this database, or a worker, `portazgo migrate` or another recovery",
            "stop every `portazgo up`, `portazgo control` and `portazgo worker` of it first",
        )


def share(settings: Settings) -> None:
    """Be one of those who work on the database, until the process ends. Raises RecoveryUnderWay, StartRefused."""
    if settings.state_url.is_sqlite:
        _shared_file(settings)
        return
    presence = Presence(_end_process)
    presence.come()
    presence.watch()


@contextmanager
def shared(settings: Settings) -> Iterator[None]:
    """Be one of those who work on the database meanwhile. Raises RecoveryUnderWay, StartRefused."""
    from portazgo.control.databases import reach  # noqa: PLC0415 - Django is set up now

    # Who can't be reached is told of as always, before a file is made beside it.
    reach("default")
    if settings.state_url.is_sqlite:
        descriptor = _shared_file(settings)
        try:
            yield
        finally:
            os.close(descriptor)
        return
    presence = Presence(_end_process)
    presence.come()
    try:
        yield
    finally:
        presence.leave()


class Presence:
    """Holds PostgreSQL's lock with a connection of its own; `lost` is called when a recovery has it instead."""

    def __init__(self, lost: Callable[[], None]) -> None:
        self._lost = lost
        self._connection: Connection[Any] | None = None
        self._left = threading.Event()

    def come(self) -> None:
        """Take the lock. Raises RecoveryUnderWay, StartRefused where the database can't be reached."""
        import psycopg  # noqa: PLC0415 - 5 MB that SQLite's users needn't pay

        try:
            held = self._take()
        except psycopg.Error as problem:
            reason = str(problem).strip().partition("\n")[0]
            raise StartRefused(
                f"the state database can't be reached ({reason})", "start it, or correct PORTAZGO_STATE_URL"
            ) from None
        if not held:
            raise RecoveryUnderWay

    def watch(self) -> None:
        """See from now on that the lock stays ours, in a thread that ends with the process."""
        threading.Thread(target=self._watch, name="presence", daemon=True).start()

    def look(self) -> None:
        """See that the lock is held, and take it again where the connection is gone; the server may be away meanwhile."""
        import psycopg  # noqa: PLC0415 - likewise

        try:
            if self._connection is not None:
                self._connection.execute("SELECT 1")
                return
            held = self._take()
        except psycopg.Error:
            self._drop()
            return
        if not held and not self._left.is_set():
            self._left.set()
            logger.error("`portazgo recover` has taken the database while its server was away: this process ends")
            self._lost()

    def leave(self) -> None:
        """Give it up."""
        self._left.set()
        self._drop()

    def _watch(self) -> None:
        while not self._left.wait(LOOK_SECONDS):
            self.look()

    def _take(self) -> bool:
        from portazgo.nodes.notifications import dedicated  # noqa: PLC0415 - likewise

        connection = dedicated()
        held = connection.execute("SELECT pg_try_advisory_lock_shared(%s)", [LOCK_NUMBER]).fetchone()
        if held is None or not held[0]:
            connection.close()
            return False
        self._connection = connection
        return True

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Keep every control plane, worker and migration off the database meanwhile. Raises ControlPlaneRuns."""
    if settings.state_url.is_sqlite:
        descriptor = _lock_file(settings)
        try:
            _take(descriptor)
            yield
        finally:
            os.close(descriptor)
        return
    from portazgo.nodes.notifications import dedicated  # noqa: PLC0415 - likewise

    with dedicated() as own:
        if not own.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_NUMBER]).fetchone()[0]:  # type: ignore[index]
            raise ControlPlaneRuns
        yield


def _end_process() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _shared_file(settings: Settings) -> int:
    descriptor = _lock_file(settings)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise RecoveryUnderWay from None
    return descriptor


def _lock_file(settings: Settings) -> int:
    return os.open(f"{settings.state_url.name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _take(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ControlPlaneRuns from None
