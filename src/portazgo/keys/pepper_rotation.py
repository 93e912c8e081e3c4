"""Replacing the pepper: a new version for new secrets, every kept secret hashed anew under it, the old version gone.

One whose `inner` can't be opened any more keeps its version, and holds up nobody else: it is named until its key is
rotated (and the old secret over) or deleted.

The digest of a secret can be made anew without the secret, since `inner` is kept sealed beside it (design of keys at rest,
docs/wire.md, section 1). Nodes know both versions until the last secret has moved, so no call notices anything.
"""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count, ProtectedError, Q

from portazgo.accounts.domain import SYSTEM, Actor, Verb, can
from portazgo.audit.service import record
from portazgo.keys.domain import PEPPER_BYTES, digest
from portazgo.keys.models import KeySecret, Pepper
from portazgo.keys.peppers import pepper_context, unwrapped
from portazgo.kit.errors import Conflict
from portazgo.kit.wrapping import WrappingFailed, WrappingUnavailable
from portazgo.snapshot.log import change
from portazgo.snapshot.wire import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper

logger = logging.getLogger(__name__)

SECRETS_AT_ONCE = 100
"""Of one transaction: it holds the head's lock, and a revocation waits for it."""
SECONDS_AT_ONCE = 2.0
"""Of one round of the worker, whose other jobs wait meanwhile."""
STUCK_AGAIN = timedelta(hours=1)
"""When to try again what could not be opened: a provider that was left out of the settings may be there by then."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A secret's digest under the newest pepper. `sealed` tells whether the secret is still the one that was read."""

    id: int
    sealed: str
    digest: str


def rotate(actor: Actor, *, wrapper: KeyWrapper, clock: Clock) -> Pepper:
    """Make a new pepper; the worker moves every secret to it, then the old one goes.

    Calls the provider before the transaction. Raises Conflict (`no_pepper`, `pepper_rotation_under_way`).
    """
    can(actor, Verb.ROTATE, Pepper.noun)
    newest = Pepper.objects.order_by("-version").first()
    if newest is None:
        raise Conflict(
            "there is no pepper yet", code="no_pepper", remedy="create a key: its pepper is made with the first one"
        )
    version = newest.version + 1
    wrapped = wrapper.wrap(pepper_context(version), secrets.token_bytes(PEPPER_BYTES))
    with change(actor, "pepper.created", str(version), details={"instead_of": newest.version}, clock=clock) as recorded:
        # Locked, so that of two at once one is refused.
        older = Pepper.objects.select_for_update().exclude(version=newest.version)
        if any(one.version > newest.version or _is_leaving(one) for one in older):
            raise Conflict(
                "a rotation is under way already",
                code="pepper_rotation_under_way",
                remedy="wait for its end: `portazgo pepper list` shows how far it is",
            )
        pepper = Pepper.objects.create(version=version, wrapped=wrapped, created_at=clock.now())
        recorded.touches(ResourceRef("pepper", str(version)))
    return pepper


@dataclass(frozen=True, slots=True)
class Held:
    """How many secrets a version has, and how many of them can't be moved to another."""

    secrets: int = 0
    stuck: int = 0


def held_by_version() -> dict[int, Held]:
    """Count the secrets that are kept under each version; a version without any is absent."""
    rows = KeySecret.objects.values("pepper").annotate(count=Count("id"), stuck=Count("stuck_at"))
    return {row["pepper"]: Held(row["count"], row["stuck"]) for row in rows}


def stuck_secrets(version: int) -> QuerySet[KeySecret]:
    """Give the secrets of a version that can't be moved."""
    return KeySecret.objects.filter(pepper=version, stuck_at__isnull=False).order_by("key_id", "number")


def go_on(wrapper: Callable[[], KeyWrapper], *, clock: Clock, seconds: float = SECONDS_AT_ONCE) -> int:
    """Move secrets for so long, and drop versions that nothing uses. Returns how many secrets moved.

    For the worker's round: does nothing, and opens no provider, unless there is more than one version. Whoever is killed
    in between leaves whole batches behind, and the next round goes on with what is left.
    """
    versions = list(Pepper.objects.order_by("-version"))
    if len(versions) < 2:  # noqa: PLR2004 - the newest, and one to be left
        return 0
    newest, *older = versions
    until = time.monotonic() + seconds
    moved = 0
    while batch := _batch(older, clock.now()):
        moved += _move(batch, newest, wrapper(), clock)
        if time.monotonic() >= until:
            return moved
    for pepper in older:
        if not KeySecret.objects.filter(pepper=pepper).exists():
            _drop(pepper, clock)
    return moved


def _is_leaving(pepper: Pepper) -> bool:
    """Tell whether the worker still has something to do with an older version."""
    rows = KeySecret.objects.filter(pepper=pepper)
    return rows.filter(stuck_at=None).exists() or not rows.exists()


def _batch(older: Sequence[Pepper], now: datetime) -> list[KeySecret]:
    due = Q(stuck_at=None) | Q(stuck_at__lte=now - STUCK_AGAIN)
    rows = KeySecret.objects.filter(due, pepper__in=older)
    return list(rows.order_by("id")[:SECRETS_AT_ONCE])


def _move(batch: Sequence[KeySecret], newest: Pepper, wrapper: KeyWrapper, clock: Clock) -> int:
    """Hash a batch anew. What was replaced or deleted since it was read is left to the next batch."""
    pepper = unwrapped(newest, wrapper)
    ready = []
    for row in batch:
        try:
            inner_digest = wrapper.unwrap(f"inner/{row.key_id}", row.sealed)
        except WrappingUnavailable:
            raise
        except WrappingFailed as problem:
            _set_aside(row, problem, clock)
        else:
            ready.append(Moved(row.id, row.sealed, digest(pepper, inner_digest)))
    if not ready:
        return 0
    details = {"secrets": len(ready)}
    with change(SYSTEM, "pepper.secrets_moved", str(newest.version), details=details, clock=clock) as recorded:
        rows = KeySecret.objects.select_for_update().in_bulk([one.id for one in ready])
        unchanged = [(rows[one.id], one) for one in ready if one.id in rows and rows[one.id].sealed == one.sealed]
        for row, one in unchanged:
            row.digest, row.pepper, row.stuck_at = one.digest, newest, None
        KeySecret.objects.bulk_update([row for row, _ in unchanged], ["digest", "pepper", "stuck_at"])
        recorded.touches(*(ResourceRef("key", row.key_id) for row, _ in unchanged))
        recorded.note(secrets=len(unchanged))
    return len(unchanged)


def _set_aside(row: KeySecret, problem: WrappingFailed, clock: Clock) -> None:
    """Note that a secret can't be moved; told once, in the audit and the log. It goes on working under its version."""
    with transaction.atomic():
        found = KeySecret.objects.filter(id=row.id, sealed=row.sealed).update(stuck_at=clock.now())
        if not found or row.stuck_at is not None:
            return
        details = {"secret": row.number, "pepper": row.pepper_id, "why": str(problem)}
        record(SYSTEM, "pepper.secret_stuck", row.key_id, details=details, clock=clock)
    logger.error("a secret can't be moved to the newest pepper", extra={"kid": row.key_id, "why": str(problem)})


def _drop(pepper: Pepper, clock: Clock) -> None:
    """Forget a version that nothing uses any more: in the database, and by a tombstone on every node."""
    version = str(pepper.version)
    try:
        with change(SYSTEM, "pepper.retired", version, clock=clock) as recorded:
            Pepper.objects.select_for_update().get(version=pepper.version).delete()
            recorded.deletes(ResourceRef("pepper", version))
    except (Pepper.DoesNotExist, ProtectedError):
        # Another worker was faster; or a key was made with it while it was being left: the next round moves that one.
        return
    logger.info("a pepper is retired", extra={"version": pepper.version})
