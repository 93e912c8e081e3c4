"""Keys that nobody uses: they are announced, then disabled. Run by the worker, some keys at a time.

A forgotten key is one that nobody would miss when it leaks. Whoever enables it again has it as good as new.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q

from portazgo.accounts.domain import SYSTEM
from portazgo.audit.service import record
from portazgo.keys.domain import Disabled, KeyStatus
from portazgo.keys.life import Dormancy, quiet_since
from portazgo.keys.models import Key
from portazgo.keys.policy import dormancy
from portazgo.keys.service import switch
from portazgo.kit.clock import rfc3339
from portazgo.partners.domain import Standing
from portazgo.snapshot.log import change

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.db.models import QuerySet

    from portazgo.kit.clock import Clock

logger = logging.getLogger(__name__)

AT_ONCE = 500
"""Keys that one run announces or disables; the next run goes on."""
# What the ledger learns of a use takes its time: a node ships by the second, the worker notes it some minutes later.
HEARSAY = timedelta(hours=1)


def tend(*, clock: Clock) -> int:
    """Announce and disable what is due, as the settings have it. Returns how many keys were touched."""
    rule = dormancy()
    if rule is None:
        return 0
    now = clock.now() - HEARSAY
    return sum(_tend_one(kid, rule, now, clock) for kid in list(_quiet(rule, now)))


def announce(key: Key, ends_at: datetime, *, clock: Clock) -> None:
    """Say that a key will be disabled unless it is used, inside a transaction; `told` makes an event of the audit row."""
    details = {
        "application": str(key.application_id),
        "last_used_at": _told(key),
        "disabled_at": rfc3339(ends_at),
    }
    record(SYSTEM, "key.dormancy_announced", key.kid, details=details, clock=clock)


class _Awake(Exception):
    """Undoes a change: the key was used, enabled or revoked meanwhile."""


def _quiet(rule: Dormancy, now: datetime) -> Iterable[str]:
    """Name the keys that may be due, the oldest first; those that were announced lately wait."""
    before = now - (rule.after - rule.notice)
    rows = _in_use(now)
    for column in ("created_at", "enabled_at", "last_used_at"):
        rows = rows.filter(Q(**{column: None}) | Q(**{f"{column}__lte": before}))
    waiting = rows.exclude(dormancy_announced_at__gt=now - rule.notice)
    return waiting.order_by("created_at", "kid").values_list("kid", flat=True)[:AT_ONCE]


def _in_use(now: datetime) -> QuerySet[Key]:
    """Give keys that work. What is suspended, and a canary, can't be used, and is not forgotten for it."""
    standing = {"application__status": Standing.ACTIVE, "application__partner__status": Standing.ACTIVE}
    alive = Q(expires_at=None) | Q(expires_at__gt=now)
    return Key.objects.filter(alive, status=KeyStatus.ACTIVE, canary=False, **standing)


def _tend_one(kid: str, rule: Dormancy, now: datetime, clock: Clock) -> bool:
    """Announce a key, or disable it when that was done long enough ago. Returns whether either was due."""
    key = Key.objects.get(kid=kid)
    try:
        if rule.is_to_be_announced(_quiet_since(key), key.dormancy_announced_at, now):
            _announce(kid, rule, clock)
        elif now >= rule.ends_at(_quiet_since(key), key.dormancy_announced_at):
            _disable(kid, rule, now, clock)
        else:
            return False
    except _Awake:
        return False
    return True


def _announce(kid: str, rule: Dormancy, clock: Clock) -> None:
    with transaction.atomic():
        key = _still_active(kid)
        key.dormancy_announced_at = clock.now()
        key.save(update_fields=["dormancy_announced_at"])
        announce(key, rule.ends_at(_quiet_since(key), key.dormancy_announced_at), clock=clock)


def _disable(kid: str, rule: Dormancy, now: datetime, clock: Clock) -> None:
    with change(SYSTEM, "key.disabled", kid, details={"because": Disabled.DORMANT}, clock=clock) as recorded:
        key = _still_active(kid)
        recorded.note(last_used_at=_told(key))
        if now < rule.ends_at(_quiet_since(key), key.dormancy_announced_at):
            raise _Awake
        switch(key, Disabled.DORMANT, recorded, now=now)
    logger.info("a key that nobody used was disabled", extra={"kid": kid})


def _still_active(kid: str) -> Key:
    key = Key.objects.select_for_update().filter(kid=kid, status=KeyStatus.ACTIVE).first()
    if key is None:
        raise _Awake
    return key


def _quiet_since(key: Key) -> datetime:
    return quiet_since(key.created_at, key.enabled_at, key.last_used_at)


def _told(key: Key) -> str | None:
    return None if key.last_used_at is None else rfc3339(key.last_used_at)
