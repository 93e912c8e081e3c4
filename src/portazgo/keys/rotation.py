"""Use cases of rotation: a second secret under the same kid, and what becomes of the old one (ADR 30).

A key has one secret in the slot `current`, and at most one in `retiring`, which works until its `ends_at`. Secrets are
numbered within their key, and a number is never used again: a rotation names the secret that it replaces, so that of two
at once, or of one sent twice, exactly one is carried out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.keys.domain import KeyStatus, Kid, SecretSlot, digest, format_key, inner, new_secret
from portazgo.keys.grace import ENDED_KEPT, end_of_grace, is_over
from portazgo.keys.models import Key, KeySecret, Pepper
from portazgo.keys.peppers import current_pepper
from portazgo.keys.schedule import policy_of
from portazgo.keys.uses import uses_since
from portazgo.kit.clock import rfc3339
from portazgo.kit.errors import Conflict, Invalid, Refused
from portazgo.kit.secret import Secret
from portazgo.kit.web.rows import the_one
from portazgo.snapshot.log import change
from portazgo.snapshot.wire import ResourceRef

if TYPE_CHECKING:
    from datetime import datetime

    from portazgo.keys.grace import GraceBounds
    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper

NO_GRACE = timedelta(0)
CLEANED_AT_ONCE = 200
_NEEDS_NUMBER = (
    "name the number of the secret to be replaced: with {why} a secret dies at once, and a request that is sent twice "
    "would kill the one that was just handed out"
)


@dataclass(frozen=True, slots=True)
class Rotation:
    """What is asked for. `grace` None: the usual one."""

    grace: timedelta | None = None
    expected_secret: int | None = None
    """The number of the current secret that is to be replaced; None: whichever it is now, where nothing can die of it."""
    end_retiring: bool = False
    """Whether a secret that is still retiring may be ended by this."""


@dataclass(frozen=True, slots=True)
class _Material:
    """A new secret, made before the transaction: to seal it may ask the key provider."""

    secret: Secret
    digest: str
    pepper: Pepper
    sealed: str


def rotate(
    actor: Actor, kid: str, wanted: Rotation, bounds: GraceBounds, prefix: str, *, wrapper: KeyWrapper, clock: Clock
) -> tuple[Key, Secret]:
    """Give the key a new current secret; the old one retires. The Secret is the whole key, to be shown this once.

    Raises NotFound, Invalid (`expected_secret_needed`), and Conflict: `key_revoked`, `key_expired`, `grace_out_of_bounds`,
    `secret_moved` when the current secret is not the one that was to be replaced, `rotation_pending` while another is
    retiring.
    """
    can(actor, Verb.ROTATE, Key.noun)
    grace = bounds.check(_usual(kid, bounds) if wanted.grace is None else wanted.grace)
    expected = wanted.expected_secret
    if expected is None:
        _refuse_unnamed(wanted, grace)
        # What is current before the new secret is made: who is overtaken while it is must not rotate once more.
        expected = _current(the_one(Key.objects.all(), "key", kid=kid)).number
    made = _new_material(actor, kid, wrapper, clock)
    details = {"replaces": expected, "grace_seconds": int(grace.total_seconds())}
    with change(actor, "key.rotated", kid, details=details, clock=clock) as recorded:
        key, now = _alive(kid, clock)
        current = _current(key)
        _refuse_moved(key, current, expected)
        _drop_retiring(key, now, meant=wanted.end_retiring)
        latest = bounds.latest_end(current.schedule_ends_at)
        ends_at = end_of_grace(now, grace, key.expires_at, latest, _end_that_stays(current, now))
        current.slot, current.ends_at = SecretSlot.RETIRING, ends_at
        current.save(update_fields=["slot", "ends_at"])
        key.last_secret += 1
        key.save(update_fields=["last_secret"])
        KeySecret.objects.create(
            key=key,
            slot=SecretSlot.CURRENT,
            number=key.last_secret,
            digest=made.digest,
            pepper=made.pepper,
            sealed=made.sealed,
            created_at=now,
        )
        recorded.touches(_ref(kid))
        recorded.note(secret=key.last_secret, ends_at=rfc3339(ends_at))
    return key, Secret(format_key(prefix, key.application.environment, Kid(kid), made.secret))


def extend(
    actor: Actor, kid: str, grace: timedelta, bounds: GraceBounds, *, expected: int | None = None, clock: Clock
) -> Key:
    """Let the old secret live until `grace` from now. Raises NotFound, Conflict.

    `no_rotation`; `grace_not_longer`; `secret_leaked`: the end of a secret that leaked is not put off.
    """
    can(actor, Verb.ROTATE, Key.noun)
    with change(actor, "key.grace_extended", kid, clock=clock) as recorded:
        key, now = _alive(kid, clock)
        retiring = _retiring(key, now, expected)
        if retiring.leaked_at is not None:
            raise Conflict(
                f"the old secret of the key {kid} leaked: its end is not put off",
                code="secret_leaked",
                remedy="have whoever still uses it take the new key",
            )
        before = _end_of(retiring)
        wished = bounds.check_end(now + grace, _current(key).created_at)
        ends_at = end_of_grace(now, wished - now, key.expires_at, bounds.latest_end(retiring.schedule_ends_at))
        if ends_at <= before:
            raise Conflict(
                f"the old secret lives until {rfc3339(before)} already, and this would end it by {rfc3339(ends_at)}",
                code="grace_not_longer",
                remedy="give a longer grace (it counts from now; the key's own end bounds it), or end it early",
            )
        retiring.ends_at = ends_at
        retiring.save(update_fields=["ends_at"])
        recorded.touches(_ref(kid))
        recorded.note(secret=retiring.number, before=rfc3339(before), ends_at=rfc3339(ends_at))
    return key


def end(
    actor: Actor,
    kid: str,
    grace: timedelta,
    *,
    unless_used_within: timedelta | None = None,
    expected: int | None = None,
    clock: Clock,
) -> Key:
    """End the old secret early: now, or `grace` from now.

    The operator's least grace does not hold here: who sees that nobody needs the old secret, or that it leaked, ends it.
    Raises NotFound, Conflict (`no_rotation`, `grace_not_shorter`), Refused (`secret_in_use`) on evidence in the ledger.
    """
    can(actor, Verb.ROTATE, Key.noun)
    if unless_used_within is not None:
        _refuse_used(kid, clock.now() - unless_used_within)
    with change(actor, "key.grace_ended", kid, clock=clock) as recorded:
        key, now = _alive(kid, clock)
        retiring = _retiring(key, now, expected)
        before = _end_of(retiring)
        if now + grace >= before:
            raise Conflict(
                f"the old secret ends at {rfc3339(before)} anyway, which is sooner",
                code="grace_not_shorter",
                remedy="give a shorter time, or none: then it ends now",
            )
        retiring.ends_at = now + grace
        retiring.save(update_fields=["ends_at"])
        recorded.touches(_ref(kid))
        recorded.note(secret=retiring.number, before=rfc3339(before), ends_at=rfc3339(retiring.ends_at))
    return key


def cancel(actor: Actor, kid: str, *, expected: int | None = None, clock: Clock) -> Key:
    """Undo a rotation: the new secret dies, the retiring one is current again, and has no end but the one of the schedule.

    Raises NotFound, and Conflict: `no_rotation` (an old secret that has ended stays dead), `secret_leaked`, `secret_moved`.
    """
    can(actor, Verb.ROTATE, Key.noun)
    with change(actor, "key.rotation_cancelled", kid, clock=clock) as recorded:
        key, now = _alive(kid, clock)
        retiring = _retiring(key, now, expected)
        if retiring.leaked_at is not None:
            raise Conflict(
                f"the old secret of the key {kid} leaked: it must not be current again",
                code="secret_leaked",
                remedy="end it; if the new key is lost, rotate with end_retiring and expected_secret",
            )
        current = _current(key)
        number = current.number
        current.delete()
        retiring.schedule_ends_at = _schedule_end(key, retiring, now)
        retiring.slot, retiring.ends_at = SecretSlot.CURRENT, _end_once_cancelled(retiring)
        retiring.save(update_fields=["slot", "ends_at", "schedule_ends_at"])
        recorded.touches(_ref(kid))
        recorded.note(secret=retiring.number, dead=number, ends_at=_written(retiring.ends_at))
    return key


def let_lapse(actor: Actor, kid: str, number: int, ends_at: datetime, *, clock: Clock) -> Key:
    """End a secret, current or retiring, that was rotated away in a past which the database has lost.

    It never gets a later end than it has. Where it is the current one, the key has no secret that works once it has ended,
    and gets one by a rotation. Raises NotFound, Conflict.
    """
    can(actor, Verb.ROTATE, Key.noun)
    with change(actor, "key.secret_lapsed", kid, clock=clock) as recorded:
        key, _ = _alive(kid, clock)
        secret = key.secrets.filter(number=number).first()
        if secret is not None and (secret.ends_at is None or ends_at < secret.ends_at):
            secret.ends_at = ends_at
            secret.save(update_fields=["ends_at"])
            recorded.touches(_ref(kid))
            recorded.note(secret=number, ends_at=rfc3339(ends_at))
    return key


def forget_ended(actor: Actor, *, clock: Clock) -> int:
    """Delete retiring secrets that ended a day ago or more. Returns how many. For the worker.

    Nodes refuse them since the moment at which they ended; this only tidies up.
    """
    now = clock.now()
    ended = KeySecret.objects.filter(slot=SecretSlot.RETIRING, ends_at__lte=now - ENDED_KEPT)
    kids = list(ended.order_by("ends_at").values_list("key_id", flat=True)[:CLEANED_AT_ONCE])
    for kid in kids:
        with change(actor, "key.secret_forgotten", kid, clock=clock) as recorded:
            key = the_one(Key.objects.select_for_update(), "key", kid=kid)
            # Looked at again: it may have been rotated meanwhile.
            for secret in key.secrets.filter(slot=SecretSlot.RETIRING, ends_at__lte=now - ENDED_KEPT):
                recorded.note(secret=secret.number)
                secret.delete()
            recorded.touches(_ref(kid))
    return len(kids)


def _usual(kid: str, bounds: GraceBounds) -> timedelta:
    key = the_one(Key.objects.select_related("application__plan"), "key", kid=kid)
    policy = policy_of(key)
    return bounds.usual_for(None if policy is None else policy.grace)


def _end_that_stays(current: KeySecret, now: datetime) -> datetime | None:
    """Give the end of a current secret that a rotation must not put off: it leaked, has ended, or is not the schedule's.

    The end that a plan gave it is met by the rotation: from then on the grace holds, as after any other.
    """
    stays = current.leaked_at is not None or current.schedule_ends_at is None or is_over(current.ends_at, now)
    return current.ends_at if stays else None


def _schedule_end(key: Key, secret: KeySecret, now: datetime) -> datetime | None:
    """Give the end that the plan gives a secret which is to be current again: what it gave before, or, overdue, gives now.

    Without it, whoever cancels and rotates in one breath would keep an old secret for ever: the worker never finds it current.
    """
    policy = policy_of(key)
    if policy is None or policy.end_after is None:
        return None
    overdue = now >= secret.created_at + policy.every
    return secret.schedule_ends_at or (now + policy.end_after if overdue else None)


def _end_once_cancelled(retiring: KeySecret) -> datetime | None:
    """Give its schedule's end, or that of the grace under way where it is later: nobody is cut off by cancelling."""
    return None if retiring.schedule_ends_at is None else max(retiring.schedule_ends_at, _end_of(retiring))


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def _refuse_used(kid: str, since: datetime) -> None:
    """Raise Refused when the old secret was used since then. Before the transaction: the ledger is another database."""
    key = the_one(Key.objects.all(), "key", kid=kid)
    uses = uses_since(kid, _current(key).created_at)
    if uses.last_used_at is not None and uses.last_used_at >= since:
        last = next(caller for caller in uses.callers if caller.requests)
        raise Refused(
            f"the old secret of the key {kid} was used at {rfc3339(uses.last_used_at)} from {last.address or 'somewhere'} "
            f"({last.user_agent or 'no user agent'})",
            code="secret_in_use",
            remedy="let that caller take the new key first, or end the old secret without unless_used_within",
            last_used_at=rfc3339(uses.last_used_at),
        )


def _refuse_unnamed(wanted: Rotation, grace: timedelta) -> None:
    why = "no grace" if grace == NO_GRACE else "`end_retiring`" if wanted.end_retiring else None
    if why is not None:
        raise Invalid.at("/expected_secret", _NEEDS_NUMBER.format(why=why), code="expected_secret_needed")


def _new_material(actor: Actor, kid: str, wrapper: KeyWrapper, clock: Clock) -> _Material:
    secret = new_secret()
    pepper, pepper_bytes = current_pepper(actor, wrapper=wrapper, clock=clock)
    inner_digest = inner(secret)
    return _Material(secret, digest(pepper_bytes, inner_digest), pepper, wrapper.wrap(f"inner/{kid}", inner_digest))


def _refuse_moved(key: Key, current: KeySecret, expected: int) -> None:
    if current.number != expected:
        raise Conflict(
            f"the secret {expected} of the key {key.kid} is not the current one any more: {current.number} is, since "
            f"{rfc3339(current.created_at)}",
            code="secret_moved",
            remedy=f"somebody else has rotated or cancelled: look at the key (`portazgo key show {key.kid}`) and ask whoever "
            "did for the new key; if it is lost, cancel that rotation and rotate again",
            current_secret=current.number,
        )


def _drop_retiring(key: Key, now: datetime, *, meant: bool) -> None:
    """Make room in the slot. Raises Conflict when a secret would die that somebody may still use."""
    retiring = key.secrets.filter(slot=SecretSlot.RETIRING).first()
    if retiring is None:
        return
    if not is_over(retiring.ends_at, now) and not meant:
        raise Conflict(
            f"the secret {retiring.number} of the key {key.kid} retires until {rfc3339(_end_of(retiring))}: another "
            "rotation would end it now, and strand whoever still uses it",
            code="rotation_pending",
            remedy="extend or end its grace, or cancel that rotation (also when the new key is lost); to end the old "
            "secret and rotate in one step, say end_retiring and name expected_secret",
            retiring_secret=retiring.number,
            retiring_ends_at=rfc3339(_end_of(retiring)),
        )
    retiring.delete()


def _current(key: Key) -> KeySecret:
    return key.secrets.get(slot=SecretSlot.CURRENT)


def _retiring(key: Key, now: datetime, expected: int | None) -> KeySecret:
    found = key.secrets.filter(slot=SecretSlot.RETIRING).first()
    if found is None or is_over(found.ends_at, now):
        raise Conflict(
            f"no secret of the key {key.kid} is retiring",
            code="no_rotation",
            remedy=f"`portazgo key show {key.kid}` shows its secrets; what has ended stays dead",
        )
    if expected is not None and found.number != expected:
        raise Conflict(
            f"the secret {expected} of the key {key.kid} is not the retiring one: {found.number} is",
            code="secret_moved",
            remedy=f"look at the key (`portazgo key show {key.kid}`)",
            retiring_secret=found.number,
        )
    return found


def _end_of(retiring: KeySecret) -> datetime:
    assert retiring.ends_at is not None  # noqa: S101 - of every secret that retires
    return retiring.ends_at


def _alive(kid: str, clock: Clock) -> tuple[Key, datetime]:
    """Lock a key that can be used. The time is taken behind the lock: whoever waited must not end a secret in the past."""
    key = the_one(Key.objects.select_related("application").select_for_update(of=("self",)), "key", kid=kid)
    now = clock.now()
    if key.status == KeyStatus.REVOKED:
        raise Conflict(f"the key {kid} was revoked, which is final", code="key_revoked", remedy="create a new key")
    if key.expires_at is not None and is_over(key.expires_at, now):
        expired = f"the key {kid} expired at {rfc3339(key.expires_at)}"
        raise Conflict(expired, code="key_expired", remedy="create a new key")
    return key, now


def _ref(kid: str) -> ResourceRef:
    return ResourceRef("key", kid)
