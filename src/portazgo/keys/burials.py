"""Imported secrets that died in a past which the database has lost: a file of back then must not revive them.

Nodes know the look-ups of such keys (`portazgo recover`), made with the look-up key of then: where the backup is older than
the first import, that is another one than the database has, or makes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.keys.foreign import AtLine, lookup
from portazgo.keys.lookups import CONTEXT
from portazgo.keys.models import BuriedSecret, FormerLookupKey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from portazgo.keys.foreign import ForeignKey
    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper

_AT_ONCE = 500


def bury(dead: Mapping[str, str], lookup_keys: Collection[str], *, clock: Clock) -> None:
    """Keep these look-ups, with their kids, and the wrapped keys that they were made with. In the caller's transaction."""
    now = clock.now()
    for wrapped in lookup_keys:
        FormerLookupKey.objects.create(wrapped=wrapped, created_at=now)
    rows = [BuriedSecret(lookup=found, kid=kid, buried_at=now) for found, kid in dead.items()]
    BuriedSecret.objects.bulk_create(rows, _AT_ONCE, ignore_conflicts=True)


def buried_before(keys: Sequence[ForeignKey], own: bytes | None, *, wrapper: KeyWrapper) -> list[AtLine]:
    """Tell which keys of a file are dead; of most databases: none. Calls the provider: no transaction."""
    if not BuriedSecret.objects.exists():
        return []
    formers = [wrapper.unwrap(CONTEXT, former.wrapped) for former in FormerLookupKey.objects.order_by("id")]
    by_lookup = {
        lookup(lookup_key, inner): key
        for lookup_key in [*formers, *([] if own is None else [own])]
        for key in keys
        for inner in (key.inner, *key.others)
    }
    return [
        AtLine(
            by_lookup[row.lookup].line,
            f"it was revoked under kid {row.kid} before the database was restored, which is final: give its holder a new key",
        )
        for row in _rows(list(by_lookup))
    ]


def _rows(lookups: Sequence[str]) -> Iterator[BuriedSecret]:
    for start in range(0, len(lookups), _AT_ONCE):
        yield from BuriedSecret.objects.filter(lookup__in=lookups[start : start + _AT_ONCE])
