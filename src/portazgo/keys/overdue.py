"""Scheduled rotation: who is told that a secret is due, and the end of those that a plan does not let grow older (ADR 37).

Nobody but the partner can take a new secret, so nothing is rotated here. From its due date on a secret counts as due, of
which its owner is told before and then. Where the plan has an `end_after`, the secret gets an end that lies so far ahead
from when that was told; nodes refuse it from that end on, unless the key is rotated before. Run by the worker.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q

from portazgo.accounts.domain import SYSTEM
from portazgo.audit.service import record
from portazgo.keys.domain import KeyStatus, SecretSlot
from portazgo.keys.models import Key, KeySecret
from portazgo.keys.notices import RETIRING_NOTICES, notice_due
from portazgo.keys.schedule import policies
from portazgo.keys.told import about, tell
from portazgo.kit.clock import rfc3339
from portazgo.kit.durations import format_duration
from portazgo.notifications.events import KeyRotationDue, KeySecretEnding
from portazgo.notifications.outbox import told
from portazgo.partners.domain import Standing
from portazgo.snapshot.log import change
from portazgo.snapshot.wire import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from portazgo.kit.clock import Clock
    from portazgo.notifications.events import KeyData
    from portazgo.plans.models import Plan
    from portazgo.plans.rotation import RotationPolicy

DUE_NOTICES = (timedelta(days=7), timedelta(days=1))
"""Before it is due; that it is, is told by the act itself."""
ROTATION_DUE = "key.rotation_due"
KEYS_AT_ONCE = 200
"""In one revision: whoever revokes a key waits for it."""
SECONDS_AT_ONCE = 2.0
"""Of a plan, in one run; the next run goes on."""
READ_AT_ONCE = 500


def tend(*, clock: Clock, seconds: float = SECONDS_AT_ONCE) -> int:
    """Do what is due. Returns how many secrets were told of, given an end, or had theirs taken away.

    `seconds`: how long it may go on with those of a plan that come due; what is left waits for the next run.
    """
    count = _relent(clock)
    for plan, policy in policies():
        count += _all_that_come_due(plan, policy, clock, seconds)
        count += _tell_before_due(plan, policy, clock.now())
    return count + _tell_before_end(clock.now())


def _all_that_come_due(plan: Plan, policy: RotationPolicy, clock: Clock, seconds: float) -> int:
    """Go on for so long; an index has what was not told yet, another what was."""
    news = [Q(due_told_at__isnull=True)]
    if policy.end_after is not None:
        # A plan that was made stricter since it was told. Nobody's end is moved once it was told.
        news.append(Q(due_told_at__isnull=False, ends_at=None))
    count, until = 0, clock.monotonic() + seconds
    for one in news:
        while done := _come_due(one, plan, policy, clock):
            count += done
            if clock.monotonic() >= until:
                return count
    return count


def _come_due(news: Q, plan: Plan, policy: RotationPolicy, clock: Clock) -> int:
    """Note which secrets are due, with the end that the plan gives them. The audit rows become events (`told`)."""
    now = clock.now()
    due = _in_use(now).filter(news, key__application__plan=plan, created_at__lte=now - policy.every)
    kids = _first_kids(due)
    if not kids:
        return 0
    # From now, not from the due date: a plan that is made stricter, or a worker that was away, ends nothing without notice.
    end = None if policy.end_after is None else now + policy.end_after
    # Without an end nodes have nothing to hear, and there is no revision.
    with transaction.atomic() if end is None else _change(plan, len(kids), clock):
        secrets = _locked(due, kids)
        for secret in secrets:
            secret.due_told_at = now
            if secret.ends_at is None:
                secret.ends_at = secret.schedule_ends_at = end
        KeySecret.objects.bulk_update(secrets, ["due_told_at", "ends_at", "schedule_ends_at"])
        for secret in secrets:
            _record_due(secret, policy, clock)
    return len(secrets)


def _change(plan: Plan, keys: int, clock: Clock) -> AbstractContextManager[object]:
    return change(SYSTEM, "plan.secrets_due", str(plan.id), details={"keys": keys}, clock=clock)


def _record_due(secret: KeySecret, policy: RotationPolicy, clock: Clock) -> None:
    details = {
        "secret": secret.number,
        "due_at": rfc3339(secret.created_at + policy.every),
        "ends_at": None if secret.ends_at is None else rfc3339(secret.ends_at),
    }
    if policy.end_after is None:
        record(SYSTEM, ROTATION_DUE, secret.key_id, details=details, clock=clock)
        return
    with change(SYSTEM, ROTATION_DUE, secret.key_id, details=details, clock=clock) as recorded:
        recorded.touches(ResourceRef("key", secret.key_id))


def _locked(rows: QuerySet[KeySecret], kids: Sequence[str]) -> list[KeySecret]:
    """Lock these keys, and look again: one may have been rotated meanwhile."""
    list(Key.objects.select_for_update().filter(kid__in=kids).order_by("kid"))
    return list(rows.filter(key__in=kids).order_by("key_id"))


def _relent(clock: Clock) -> int:
    """Take it back where a plan no longer says so: what was told as due, and the end.

    What has ended stays dead. The end of a secret that leaked is not the schedule's to take away, whoever set it, nor is one
    that the schedule did not give.
    """
    now = clock.now()
    rows = KeySecret.objects.filter(slot=SecretSlot.CURRENT, due_told_at__isnull=False, leaked_at=None)
    rows = rows.exclude(ends_at__lte=now)
    due, endless = Q(pk__in=()), []
    for plan, policy in policies():
        due |= Q(key__application__plan=plan, created_at__lte=now - policy.every)
        endless += [plan.id] if policy.end_after is None else []
    mild = Q(schedule_ends_at__isnull=False, key__application__plan__in=endless)
    kids = _first_kids(rows.filter(~due | mild))
    if not kids:
        return 0
    with change(SYSTEM, "key.rotation_not_due", str(len(kids)), details={"kids": kids}, clock=clock) as recorded:
        changed = _locked(rows.filter(~due | mild), kids)
        for secret in changed:
            if secret.schedule_ends_at is not None:
                recorded.touches(ResourceRef("key", secret.key_id))
                secret.ends_at = secret.schedule_ends_at = None
            secret.due_told_at = None
            secret.save(update_fields=["due_told_at", "ends_at", "schedule_ends_at"])
    return len(changed)


def _tell_before_due(plan: Plan, policy: RotationPolicy, now: datetime) -> int:
    """Tell of secrets that are due within 7 days, 1 day."""
    rows = _in_use(now).filter(
        key__application__plan=plan,
        due_told_at__isnull=True,
        created_at__gt=now - policy.every,
        created_at__lte=now + max(DUE_NOTICES) - policy.every,
    )
    count = 0
    for secrets in _in_batches(rows):
        due: dict[str, tuple[Key, KeyData]] = {}
        for secret in secrets:
            due_at = secret.created_at + policy.every
            notice = notice_due(due_at - now, DUE_NOTICES, known_for=now - secret.created_at)
            if notice is not None:
                ends_at = None if policy.end_after is None else due_at + policy.end_after
                data = KeyRotationDue(
                    **about(secret.key),
                    rotation_due_at=due_at,
                    notice=format_duration(notice),
                    secret_ends_at=secret.ends_at or ends_at,
                )
                due[_once(data, secret, due_at, notice)] = secret.key, data
        count += _publish(due, now)
    return count


def _tell_before_end(now: datetime) -> int:
    """Tell of secrets that a plan ends within 7 days, 1 day, 1 hour."""
    last = now + max(RETIRING_NOTICES)
    rows = _in_use(now).filter(due_told_at__isnull=False, ends_at__lte=last, leaked_at=None)
    count = 0
    for secrets in _in_batches(rows):
        due: dict[str, tuple[Key, KeyData]] = {}
        for secret in secrets:
            if secret.ends_at is None or secret.due_told_at is None:
                continue
            notice = notice_due(secret.ends_at - now, RETIRING_NOTICES, known_for=now - secret.due_told_at)
            if notice is not None:
                data = KeySecretEnding(
                    **about(secret.key), secret_ends_at=secret.ends_at, notice=format_duration(notice)
                )
                due[_once(data, secret, secret.ends_at, notice)] = secret.key, data
        count += _publish(due, now)
    return count


def _publish(due: dict[str, tuple[Key, KeyData]], now: datetime) -> int:
    count = 0
    for once in sorted(due.keys() - told(list(due))):
        key, data = due[once]
        with transaction.atomic():
            count += tell(key, data, at=now, once=once)
    return count


def _once(data: KeyData, secret: KeySecret, moment: datetime, notice: timedelta) -> str:
    # With the time in it: a plan that moves it is told of again.
    return f"{data.event}/{secret.key_id}/{secret.number}/{rfc3339(moment)}/{format_duration(notice)}"


def _in_use(now: datetime) -> QuerySet[KeySecret]:
    """Give the current secrets of keys that work. Whose owner can't use it now is told when he can again."""
    standing = {"key__application__status": Standing.ACTIVE, "key__application__partner__status": Standing.ACTIVE}
    rows = KeySecret.objects.filter(
        slot=SecretSlot.CURRENT, key__status=KeyStatus.ACTIVE, key__canary=False, **standing
    )
    alive = Q(key__expires_at=None) | Q(key__expires_at__gt=now)
    works = Q(ends_at=None) | Q(ends_at__gt=now)
    return rows.filter(alive, works).select_related("key__application__partner")


def _first_kids(rows: QuerySet[KeySecret]) -> list[str]:
    return list(rows.order_by("created_at", "key_id").values_list("key_id", flat=True)[:KEYS_AT_ONCE])


def _in_batches(rows: QuerySet[KeySecret]) -> Iterator[list[KeySecret]]:
    after = ""
    while batch := list(rows.filter(key__gt=after).order_by("key_id")[:READ_AT_ONCE]):
        yield batch
        after = batch[-1].key_id
