"""The worker's work on the lake, in a thread of its own: it takes minutes at times, and the other jobs go on meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from django.db import connections

from portazgo.kit.errors import Unavailable
from portazgo.kit.objects import ObjectsFailed, open_store
from portazgo.lake.cleaning import delete_replaced, forget_segments
from portazgo.lake.compacting import merge_next
from portazgo.lake.registering import Overtaken, give_up_old
from portazgo.lake.retention import drop_next
from portazgo.lake.running import Children, LakeFailed
from portazgo.lake.writing import Writing

if TYPE_CHECKING:
    from collections.abc import Callable

    from portazgo.kit.clock import Clock
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
        except (LakeFailed, ObjectsFailed, Unavailable) as problem:
            self._not_before = time.monotonic() + AFTER_FAILURE_SECONDS
            logger.error("the lake could not be written: %s", problem)  # noqa: TRY400 - the sentence is for a person
        except Overtaken as problem:
            logger.warning("a file of the lake was given up: %s", problem)
        except Exception:
            self._not_before = time.monotonic() + AFTER_FAILURE_SECONDS
            logger.exception("job failed", extra={"job": "keep the lake"})
        finally:
            connections.close_all()

    def work(self) -> None:
        """Do what is due: write, merge, remove. Raises LakeFailed, ObjectsFailed, Unavailable, Overtaken."""
        store = open_store(self._settings.objects_url)
        self._children.clean()
        given_up = give_up_old(store, self._clock.now())
        if given_up:
            logger.warning("files that nobody finished were given up", extra={"files": given_up})
        while self._told("written", self._writing.write_next):
            pass
        while forget_segments(self._settings, self._clock.now()):
            time.sleep(0.02)  # who waits for SQLite's writer gets it
        while self._told("merged", lambda: merge_next(self._children, self._clock)):
            pass
        while self._told("written without old rows", lambda: drop_next(self._settings, self._children, self._clock)):
            pass
        delete_replaced(self._settings, store, self._clock.now())

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
