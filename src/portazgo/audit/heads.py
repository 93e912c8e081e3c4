"""The head of the chain, written down once a day where the database is not: a cut-off end shows by it.

Whoever can write the database can make the chain anew; who keeps a head elsewhere sees that it was. So it stands in a
file beside the data and in the log, which is usually shipped to another machine.
"""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING

from portazgo.audit.models import THE_HEAD, AuditHead
from portazgo.kit.clock import rfc3339
from portazgo.kit.files import PRIVATE_MODE

if TYPE_CHECKING:
    from pathlib import Path

    from portazgo.kit.clock import Clock

logger = logging.getLogger(__name__)

FILE_NAME = "audit-heads.log"
_A_DAY = len("2026-11-26")


def write_down(folder: Path, *, clock: Clock) -> bool:
    """Append today's head, unless there is one or nothing was ever done. Returns whether it was. For the worker."""
    head = AuditHead.objects.filter(id=THE_HEAD).first()
    at = rfc3339(clock.now())
    if head is None or head.number == 0 or _last_day(folder / FILE_NAME) == at[:_A_DAY]:
        return False
    _append(folder / FILE_NAME, json.dumps({"at": at, "number": head.number, "hash": head.hash}))
    logger.info("head of the audit", extra={"number": head.number, "hash": head.hash})
    return True


def _last_day(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, os.fstat(opened.fileno()).st_size - 1_000))
            lines = opened.read().splitlines()
    except FileNotFoundError:
        return None
    for line in reversed(lines):
        try:
            return str(json.loads(line)["at"])[:_A_DAY]
        except (ValueError, KeyError, TypeError):
            continue  # torn
    return None


def _append(file: Path, line: str) -> None:
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE_MODE)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        os.write(descriptor, ("\n" if torn else "").encode() + f"{line}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
