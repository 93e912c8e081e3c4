"""Who works on the state database: control planes share it, a recovery has it alone.

With SQLite it is a lock on a file beside the database's, with PostgreSQL an advisory lock. Both end with the process that
holds them. The database's own file must not be opened for that: when a process closes any descriptor of it, all of
SQLite's locks of that process are gone (https://www.sqlite.org/howtocorrupt.html, section 2.2), and whoever leaves next
takes the log away.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import connection

from portazgo.kit.errors import StartRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from portazgo.settings import Settings


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
            "a control plane runs on this database", "stop every `portazgo up` and `portazgo control` of it first"
        )


def share(settings: Settings) -> None:
    """Be one of those who work on the database, until the process ends. Raises RecoveryUnderWay.

    On PostgreSQL a connection of one's own holds the lock: the one that listens for notifications (`nodes.notifications`)
    or `Staying`'s. Here is only looked whether a recovery has it.
    """
    if settings.state_url.is_sqlite:
        descriptor = _lock_file(settings)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise RecoveryUnderWay from None
        return
    from portazgo.nodes.notifications import LOCK_NUMBER  # noqa: PLC0415 - 5 MB that SQLite's users needn't pay

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock_shared(%s)", [LOCK_NUMBER])
        if not cursor.fetchone()[0]:
            raise RecoveryUnderWay
        cursor.execute("SELECT pg_advisory_unlock_shared(%s)", [LOCK_NUMBER])


class Staying:
    """Keeps PostgreSQL's lock for a worker, which listens for nothing; over restarts of the server too."""

    def __init__(self) -> None:
        self._connection: Connection[Any] | None = None

    def stay(self) -> None:
        """See that it is held. Raises psycopg.Error."""
        import psycopg  # noqa: PLC0415 - likewise

        from portazgo.nodes.notifications import LOCK_NUMBER, dedicated  # noqa: PLC0415

        if self._connection is not None:
            try:
                self._connection.execute("SELECT 1")
            except psycopg.OperationalError:
                self._connection.close()
                self._connection = None
            else:
                return
        self._connection = dedicated()
        self._connection.execute("SELECT pg_try_advisory_lock_shared(%s)", [LOCK_NUMBER])

    def leave(self) -> None:
        """Give it up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Keep every control plane off the database meanwhile. Raises ControlPlaneRuns."""
    if settings.state_url.is_sqlite:
        descriptor = _lock_file(settings)
        try:
            _take(descriptor)
            yield
        finally:
            os.close(descriptor)
        return
    from portazgo.nodes.notifications import LOCK_NUMBER, dedicated  # noqa: PLC0415 - likewise

    with dedicated() as own:
        if not own.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_NUMBER]).fetchone()[0]:  # type: ignore[index]
            raise ControlPlaneRuns
        yield


def _lock_file(settings: Settings) -> int:
    return os.open(f"{settings.state_url.name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _take(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ControlPlaneRuns from None
