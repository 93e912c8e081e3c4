"""What is told before it happens: that keys end, or old secrets that are still in use. Each notice once, whoever looks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from django.db import transaction

from portazgo.keys.domain import KeyStatus
from portazgo.keys.models import Key
from portazgo.keys.told import about, tell
from portazgo.kit.clock import rfc3339
from portazgo.kit.durations import format_duration
from portazgo.notifications.events import KeyExpiring, KeySecretRetiring
from portazgo.notifications.outbox import told

if TYPE_CHECKING:
    from datetime import datetime

EXPIRY_NOTICES = (timedelta(days=30), timedelta(days=7), timedelta(days=1))
RETIRING_NOTICES = (timedelta(days=7), timedelta(days=1), timedelta(hours=1))
AT_ONCE = 500


class Caller(Protocol):
    """Somebody who used an old secret."""

    @property
    def address(self) -> str | None:
        """Where from."""

    @property
    def requests(self) -> int:
        """How often it was let through."""


class Uses(Protocol):
    """Who used an old secret since the rotation."""

    @property
    def last_used_at(self) -> datetime | None:
        """When it was last let through."""

    @property
    def callers(self) -> Sequence[Caller]:
        """Who, the last one first."""


class EndingSecret(Protocol):
    """An old secret that ends soon, as the noun that reads the ledger finds it."""

    @property
    def kid(self) -> str:
        """Whose it is."""

    @property
    def number(self) -> int:
        """Which of the key's secrets."""

    @property
    def rotated_at(self) -> datetime:
        """Since when it retires."""

    @property
    def ends_at(self) -> datetime:
        """When it ends."""

    @property
    def uses(self) -> Uses:
        """Who uses it."""

    def is_used(self, now: datetime) -> bool:
        """Tell whether it is still in use."""


def notice_due(left: timedelta, notices: Sequence[timedelta], *, known_for: timedelta) -> timedelta | None:
    """Choose the notice for an end that is `left` away: the shortest that has come; None before the first and after the end.

    One that had come before the end was known (`known_for` ago) tells nothing new, and is left out.
    """
    if left <= timedelta(0):
        return None
    come = [notice for notice in notices if left <= notice]
    due = min(come, default=None)
    return due if due is not None and left + known_for >= due else None


def tell_expiring(now: datetime) -> int:
    """Tell of the keys that end within 30 days, 7 days, 1 day. Returns how many notices were written."""
    count = 0
    for keys in _in_batches(now):
        due = {_once(key, notice): (key, notice) for key in keys if (notice := _notice(key, now)) is not None}
        for once in due.keys() - told(list(due)):
            key, notice = due[once]
            with transaction.atomic():
                count += _tell(key, notice, now, once)
    return count


def tell_retiring(ending: Iterable[EndingSecret], now: datetime) -> int:
    """Tell of old secrets that end within 7 days, 1 day, 1 hour and are still in use. Returns how many were told."""
    due: dict[str, tuple[EndingSecret, timedelta]] = {}
    for secret in ending:
        notice = notice_due(secret.ends_at - now, RETIRING_NOTICES, known_for=now - secret.rotated_at)
        if notice is not None and secret.is_used(now):
            # With the end in it: one that was extended ends anew.
            place = f"{secret.kid}/{secret.number}/{rfc3339(secret.ends_at)}"
            due[f"{KeySecretRetiring.event}/{place}/{format_duration(notice)}"] = secret, notice
    return sum(_tell_retiring(*due[once], now, once) for once in sorted(due.keys() - told(list(due))))


def _tell_retiring(secret: EndingSecret, notice: timedelta, now: datetime, once: str) -> bool:
    key = Key.objects.select_related("application__partner").filter(kid=secret.kid).first()
    if key is None or secret.uses.last_used_at is None:
        return False
    data = KeySecretRetiring(
        **about(key),
        ends_at=secret.ends_at,
        notice=format_duration(notice),
        last_used_at=secret.uses.last_used_at,
        last_used_from=next((caller.address for caller in secret.uses.callers if caller.requests), None),
    )
    with transaction.atomic():
        return tell(key, data, at=now, once=once)


def _tell(key: Key, notice: timedelta, now: datetime, once: str) -> bool:
    if key.expires_at is None:
        return False
    data = KeyExpiring(**about(key), expires_at=key.expires_at, notice=format_duration(notice))
    return tell(key, data, at=now, once=once)


def _notice(key: Key, now: datetime) -> timedelta | None:
    if key.expires_at is None:
        return None
    return notice_due(key.expires_at - now, EXPIRY_NOTICES, known_for=now - key.created_at)


def _once(key: Key, notice: timedelta) -> str:
    # With the end in it: a key that is given more time is told of again.
    end = rfc3339(key.expires_at) if key.expires_at else ""
    return f"{KeyExpiring.event}/{key.kid}/{end}/{format_duration(notice)}"


def _in_batches(now: datetime) -> Iterator[list[Key]]:
    rows = Key.objects.select_related("application__partner").filter(
        status=KeyStatus.ACTIVE, canary=False, expires_at__gt=now, expires_at__lte=now + max(EXPIRY_NOTICES)
    )
    after = ""
    while batch := list(rows.filter(kid__gt=after).order_by("kid")[:AT_ONCE]):
        yield batch
        after = batch[-1].kid
