"""Who still uses the old secrets of rotated keys, by what the collector has added up."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from portazgo.keys.domain import KeyStatus, SecretSlot
from portazgo.keys.models import Key, KeySecret
from portazgo.keys.uses import Caller, Uses
from portazgo.kit.clock import microseconds, nearest_time
from portazgo.partners.personal import Personal, Sealed, Standing, opened
from portazgo.routes.models import Route
from portazgo.usage.collector import LEDGER
from portazgo.usage.models import RetiringUse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from portazgo.kit.clock import Clock

STILL_USED = timedelta(days=7)
"""A secret that was used within so long counts as still in use: a job that runs once a week is a caller too."""
NOTICE_BEFORE = timedelta(days=7)
"""Of the first notice that an old secret ends."""
KEPT = timedelta(days=60)
"""Uses are kept for so long: longer than any grace, and than an ended secret is known."""
KEYS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class EndingSecret:
    """A retiring secret that ends soon, and who used it since the rotation."""

    kid: str
    name: str
    """The key's."""
    application: UUID
    partner: UUID
    number: int
    """The secret's, within its key. (kid, number, ends_at) names this end once and for all: an extension is another end."""
    rotated_at: datetime
    ends_at: datetime
    uses: Uses

    def is_used(self, now: datetime) -> bool:
        """Tell whether it is still in use: accepted since the rotation, and within the last 7 days."""
        return self.uses.last_used_at is not None and self.uses.last_used_at > now - STILL_USED


def retiring_secrets_ending(within: timedelta, *, clock: Clock) -> list[EndingSecret]:
    """List the retiring secrets that end between now and `within` from now, soonest first, with their last use.

    For notices before the end: ask with `timedelta(days=7)`, and tell the owner only where `is_used(now)` holds. Secrets of
    keys that are revoked or have expired are left out; those of disabled keys are not. What is told of uses comes from the
    ledger, about a second behind the calls; two queries for every 500 keys. Raises nothing.
    """
    now = clock.now()
    secrets = list(
        KeySecret.objects.filter(slot=SecretSlot.RETIRING, ends_at__gt=now, ends_at__lte=now + within)
        .exclude(key__status=KeyStatus.REVOKED)
        .exclude(key__expires_at__lte=now)
        .select_related("key__application")
        .order_by("ends_at", "key_id")
    )
    rotated = _rotated_at([secret.key_id for secret in secrets])
    uses = _uses({kid: rotated[kid] for kid in rotated})
    return [
        EndingSecret(
            kid=secret.key_id,
            name=secret.key.name,
            application=secret.key.application_id,
            partner=secret.key.application.partner_id,
            number=secret.number,
            rotated_at=rotated[secret.key_id],
            ends_at=secret.ends_at,
            uses=uses[secret.key_id],
        )
        for secret in secrets
        if secret.ends_at is not None and secret.key_id in rotated
    ]


def uses_since(kid: str, rotated_at: datetime) -> Uses:
    """Read the uses of one kid's retiring secret since it began to retire."""
    return _uses({kid: rotated_at})[kid]


def forget_old_uses(now: datetime) -> int:
    """Drop what is older than 60 days. Returns how many rows. For the worker."""
    return RetiringUse.objects.using(LEDGER).filter(day_us__lt=microseconds(now - KEPT)).delete()[0]


def forget_callers(partner: UUID) -> None:
    """Take out from where, and by what, a partner's retiring secrets were used, where a node of an older version said so."""
    kids = list(Key.objects.filter(application__partner=partner).values_list("kid", flat=True))
    for start in range(0, len(kids), KEYS_AT_ONCE):
        rows = RetiringUse.objects.using(LEDGER).filter(kid__in=kids[start : start + KEYS_AT_ONCE])
        rows.exclude(address="", user_agent="").update(address="", user_agent="")


def _rotated_at(kids: list[str]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for start in range(0, len(kids), KEYS_AT_ONCE):
        current = KeySecret.objects.filter(slot=SecretSlot.CURRENT, key__in=kids[start : start + KEYS_AT_ONCE])
        found |= dict(current.values_list("key_id", "created_at"))
    return found


def _uses(since: Mapping[str, datetime]) -> dict[str, Uses]:
    kids = list(since)
    rows: dict[str, list[RetiringUse]] = defaultdict(list)
    for start in range(0, len(kids), KEYS_AT_ONCE):
        for row in RetiringUse.objects.using(LEDGER).filter(kid__in=kids[start : start + KEYS_AT_ONCE]):
            # What was last used before this rotation was the secret before. (On the day of two rotations a row may count
            # uses of both; the time of the last use is always this one's.)
            if row.last_at_us >= microseconds(since[row.kid]):
                rows[row.kid].append(row)
    routes = _route_names({row.route for some in rows.values() for row in some})
    return {kid: _added_up(rows[kid], routes) for kid in kids}


def _added_up(rows: Iterable[RetiringUse], routes: Mapping[str, str]) -> Uses:
    places: dict[int, list[RetiringUse]] = defaultdict(list)
    for row in rows:
        places[row.caller].append(row)
    accepted = [row for some in places.values() for row in some if not row.refused]
    grouped = list(places.values())
    callers = sorted(
        (_caller(some, who, routes) for some, who in zip(grouped, _who(grouped), strict=True)),
        key=lambda caller: caller.last_at,
        reverse=True,
    )
    return Uses(
        requests=sum(row.requests for row in accepted),
        refused=sum(caller.refused for caller in callers),
        last_used_at=nearest_time(max(row.last_at_us for row in accepted)) if accepted else None,
        callers=tuple(callers),
    )


def _who(places: list[list[RetiringUse]]) -> list[Personal]:
    lasts = [_last(rows) for rows in places]
    opened_ones = opened(
        Sealed(last.personal_key or None, bytes(last.personal), last.epoch, last.last_at_us) for last in lasts
    )
    return [
        Personal(Standing.SHOWN, last.address or None, last.user_agent or None)
        if last.address or last.user_agent
        else one
        for last, one in zip(lasts, opened_ones, strict=True)
    ]


def _last(rows: list[RetiringUse]) -> RetiringUse:
    return max(rows, key=lambda row: row.last_at_us)


def _caller(rows: list[RetiringUse], who: Personal, routes: Mapping[str, str]) -> Caller:
    last = _last(rows)
    return Caller(
        address=who.client_address,
        user_agent=who.user_agent,
        route=routes.get(last.route, last.route) or None,
        requests=sum(row.requests for row in rows if not row.refused),
        refused=sum(row.requests for row in rows if row.refused),
        last_at=nearest_time(last.last_at_us),
    )


def _route_names(identifiers: set[str]) -> dict[str, str]:
    rows = Route.objects.filter(id__in=identifiers - {""}).select_related("api")
    return {str(row.id): f"{row.api.name}/{row.name}" for row in rows}
