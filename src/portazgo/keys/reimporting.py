"""What a file to import has that was imported before: it is there already, or it is dead and must stay so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portazgo.keys.domain import KeyStatus
from portazgo.keys.foreign import AtLine, ForeignKey
from portazgo.keys.grace import is_over
from portazgo.keys.models import ImportedSecret, Key, KeySecret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

_AT_ONCE = 500


@dataclass(slots=True)
class Before:
    """The keys that are there already, by look-up, and the lines that are refused."""

    there: dict[str, Key]
    refused: list[AtLine]


def imported_before(
    application: UUID, keys: Mapping[str, ForeignKey], others: Mapping[str, str], now: datetime
) -> Before:
    """Tell what became of the keys of a file, by their look-ups, since they were imported; of most: nothing is known.

    `others`: look-ups under which other systems' exports may have brought the same keys, and those that they have here.
    """
    there: dict[str, Key] = {}
    refused: dict[str, AtLine] = {}
    lookups = [*keys, *others]
    for start in range(0, len(lookups), _AT_ONCE):
        rows = list(ImportedSecret.objects.select_related("key").filter(lookup__in=lookups[start : start + _AT_ONCE]))
        living = _with_living_secret([row.key.kid for row in rows], now)
        for row in rows:
            here = others.get(row.lookup, row.lookup)
            why = _why_not(row.key, application, lives=row.key.kid in living)
            if why is None:
                there[here] = row.key
            else:
                refused.setdefault(here, AtLine(keys[here].line, why))
    return Before(there, list(refused.values()))


def _with_living_secret(kids: Sequence[str], now: datetime) -> set[str]:
    """Name the keys whose imported secret lives: each key has one at most, and those of ours have no look-up."""
    rows = KeySecret.objects.filter(key__in=kids, lookup__isnull=False)
    return {row.key_id for row in rows if not is_over(row.ends_at, now)}


def _why_not(key: Key, application: UUID, *, lives: bool) -> str | None:
    """Say why a line can't stand; None: its key is there and works, or will when it is enabled."""
    if key.status == KeyStatus.REVOKED and key.revoked_at is not None:
        when = f"{key.revoked_at:%Y-%m-%d}"
        return f"it was revoked on {when} under kid {key.kid}, which is final: give its holder a new key"
    if not lives:
        return f"it was imported as {key.kid}, and its secret has ended since: its holder has a newer one"
    if key.application_id != application:
        return f"it was imported already, as {key.kid}, a key of another application"
    return None
