"""The worker's work on the lake, in a thread of its own: it takes minutes at times, and the other jobs go on meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from functools import cached_property
from typing import TYPE_CHECKING

from django.db import DatabaseError, connections

from portazgo.kit.errors import Unavailable
from portazgo.kit.objects import ObjectsFailed, open_store
from portazgo.lake.cleaning import delete_replaced, forget_segments
from portazgo.lake.compacting import merge_next
from portazgo.lake.registering import Overtaken, give_up_old
from portazgo.lake.retention import drop_next
from portazgo.lake.running import Children, LakeFailed
from portazgo.lake.unreadable import Unreadable
from portazgo.lake.writing import Writing

if TYPE_CHECKING:
    from collections.abc import Callable

    from portazgo.kit.clock import Clock
    from portazgo.kit.objects import ObjectStore
    from portazgo.lake.models import LakeFile
    from portazgo.settings import Settings

logger = logging.getLogger(__name__)

AFTER_FAILURE_SECONDS = 30.0


class Lake:
    """Keeps the lake. `run` is called again and again, and returns at once."""

    def __init__(self, settings: Settings, clock: Clock, children: Children | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._children = children or Children(settings)
        self._writing = Writing(settings, self._children, clock)
        self._thread: threading.Thread | None = None
        self._not_before = 0.0
        self._damaged: Unreadable[str] = Unreadable(clock)
        self._failed: list[Exception] = []

    def run(self) -> None:
        """Have what is due be done, unless it is being done."""
        if time.monotonic() < self._not_before or (self._thread is not None and self._thread.is_alive()):
            return
        # A daemon: a worker that ends takes the child with it, and what was begun is begun again.
        self._thread = threading.Thread(target=self._work, name="lake", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self.work()
        except Exception:  # noqa: BLE001 - each was told of
            if not all(isinstance(one, Overtaken) for one in self._failed):
                self._not_before = time.monotonic() + AFTER_FAILURE_SECONDS
        finally:
            connections.close_all()

    def work(self) -> None:
        """Do what is due: write, merge, remove. What fails is told of and holds up nothing else. Raises the first of it."""
        self._failed = []
        for step in (self._give_up, self._write, self._forget, self._merge, self._drop, self._delete):
            try:
                step()
            except Exception as problem:  # noqa: BLE001 - it is told of
                self._tell(problem)
                if isinstance(problem, DatabaseError):
                    break
        if self._failed:
            raise self._failed[0]

    def _give_up(self) -> None:
        self._children.clean()
        given_up = give_up_old(self._store, self._clock.now())
        if given_up:
            logger.warning("files that nobody finished were given up", extra={"files": given_up})

    def _write(self) -> None:
        self._all("written", self._writing.write_next)

    def _forget(self) -> None:
        while forget_segments(self._settings, self._clock.now()):
            time.sleep(0.02)  # who waits for SQLite's writer gets it

    def _merge(self) -> None:
        self._all("merged", lambda: merge_next(self._children, self._clock, without=self._damaged.left_out()))

    def _drop(self) -> None:
        self._all(
            "written without old rows",
            lambda: drop_next(self._settings, self._children, self._clock, without=self._damaged.left_out()),
        )

    def _delete(self) -> None:
        delete_replaced(self._settings, self._store, self._clock.now())

    @cached_property
    def _store(self) -> ObjectStore:
        return open_store(self._settings.objects_url)

    def _all(self, what: str, do: Callable[[], LakeFile | None]) -> None:
        """Do it until nothing is due, without the segments and files that turn out to be unreadable."""
        while True:
            try:
                if not self._told(what, do):
                    return
            except LakeFailed as problem:
                if problem.file is not None:
                    self._damaged.add(problem.file)
                elif problem.manifest is None:
                    raise
                self._tell(problem)

    def _tell(self, problem: Exception) -> None:
        self._failed.append(problem)
        if isinstance(problem, Overtaken):
            logger.warning("a file of the lake was given up: %s", problem)
        elif isinstance(problem, (LakeFailed, ObjectsFailed, Unavailable)):
            logger.error("the lake could not be written: %s", problem)
        else:
            logger.error("job failed", exc_info=problem, extra={"job": "keep the lake"})

    def _told(self, what: str, do: Callable[[], LakeFile | None]) -> bool:
        began = time.monotonic()
        file = do()
        if file is None:
            return False
        logger.info(
            "a file of the lake was %s",
            what,
            extra={
                "file": file.path,
                "rows": file.rows,
                "bytes": file.bytes,
                "seconds": round(time.monotonic() - began, 2),
            },
        )
        return True
