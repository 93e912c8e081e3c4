"""What an admin token was refused becomes a row of the audit: somebody tries what they may not.

At most one row per token and lacking scope in a minute: a program that tries again and again must not fill the audit.
Who shows no valid token leaves no row, or anybody could write there; the log has them.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, cast

from django.db import DatabaseError, transaction

from portazgo.audit.service import record
from portazgo.kit.errors import Forbidden
from portazgo.kit.web.paths import told_method, told_path

if TYPE_CHECKING:
    from django.http import HttpRequest

    from portazgo.accounts.requests import AdminRequest
    from portazgo.kit.errors import Problem

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 60.0
REMEMBERED = 1_000

_told: dict[tuple[str, str], float] = {}
_lock = threading.Lock()


def note_refusal(request: HttpRequest, problem: Problem) -> None:
    """Write the row, if one is due: for what is forbidden. Never raises: the refusal stands, whatever becomes of its row."""
    ours = cast("AdminRequest", request)
    actor = getattr(ours, "actor", None)
    if actor is None or not isinstance(problem, Forbidden):
        return
    scope = str(problem.members.get("scope", ""))
    if not _is_due(actor.id, scope or problem.code):
        return
    details = {"code": problem.code, "scope": scope or None, "method": told_method(request)}
    try:
        with transaction.atomic():
            record(actor, "request.refused", told_path(request)[:200], details=details, clock=ours.clock)
    except DatabaseError as trouble:
        logger.warning("a refusal could not be written to the audit: %s", type(trouble).__name__)


def _is_due(actor: str, what: str) -> bool:
    now = time.monotonic()
    with _lock:
        if now - _told.get((actor, what), -AGAIN_SECONDS) < AGAIN_SECONDS:
            return False
        while len(_told) >= REMEMBERED:
            del _told[next(iter(_told))]
        _told.pop((actor, what), None)
        _told[actor, what] = now
    return True
