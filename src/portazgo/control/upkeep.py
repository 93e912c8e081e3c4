"""What a control plane sees to beside its answers: that its own host remembers what was erased, whichever host did it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from django.db import close_old_connections

from portazgo.partners.erasing import CATCH_UP_SECONDS, catch_up

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)


class Upkeep:
    """A thread that comes round again and again until `stop`; a failure is logged, and tried again the next time."""

    def __init__(self, folder: Path, *, every_seconds: float = CATCH_UP_SECONDS) -> None:
        self._folder = folder
        self._every_seconds = every_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begin; the first round comes after the first pause."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end. It is not waited for: what it leaves undone is done at the next start."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_seconds):
            try:
                catch_up(self._folder)
            except Exception:
                logger.exception("this host's revocations.log can't be completed")
            finally:
                close_old_connections()
