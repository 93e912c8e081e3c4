"""A worker's job in a thread of its own: it waits for the object store at times, and the other jobs go on meanwhile."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Apart:
    """Does a job that may die at any point. `run` is called again and again, and returns at once."""

    def __init__(self, name: str, do: Callable[[], object]) -> None:
        self._name = name
        self._do = do
        self._due = threading.Event()
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Have it be done, once more where it is being done."""
        self._due.set()
        if self._thread is None:
            # A daemon: a worker that ends does not wait for a store; what was begun is begun again.
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while self._due.wait():
            self._due.clear()
            do_job(self._name, self._do)


def do_job(name: str, do: Callable[[], object]) -> None:
    """Do a job; a failure is logged, and the job comes round again."""
    from django.db import close_old_connections  # noqa: PLC0415 - Django is set up now

    try:
        do()
    except Exception:
        logger.exception("job failed", extra={"job": name})
    finally:
        close_old_connections()
