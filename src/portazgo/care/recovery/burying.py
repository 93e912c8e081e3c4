"""Which imported keys are dead on nodes and lost to the database: their look-ups are buried, so that no file revives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.care.recovery.planning import Graves
from portazgo.control.provider import wrapper
from portazgo.keys.lookups import CONTEXT
from portazgo.keys.models import BuriedSecret, FormerLookupKey, Key, LookupKey
from portazgo.kit.wrapping import WrappingFailed, WrappingUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portazgo.care.recovery.planning import Teller
    from portazgo.kit.wrapping import KeyWrapper

MOST_LOOKUP_KEYS = 20


def graves_of(tellers: Sequence[Teller]) -> Graves:
    """Give the look-ups of keys that are dead and not here, as far as they are not buried yet. Calls the key provider."""
    told = {found: kid for teller in tellers for found, kid in teller.graves.items() if kid in teller.dead}
    if not told:
        return Graves()
    here = set(Key.objects.filter(kid__in=set(told.values())).values_list("kid", flat=True))
    buried = set(BuriedSecret.objects.values_list("lookup", flat=True))
    dead = {found: kid for found, kid in told.items() if kid not in here and found not in buried}
    if not dead:
        return Graves()
    wrapped = list(dict.fromkeys(teller.lookup_key for teller in tellers if teller.graves and teller.lookup_key))
    return Graves(dead, *_lookup_keys(wrapped[:MOST_LOOKUP_KEYS], surplus=wrapped[MOST_LOOKUP_KEYS:]))


def _lookup_keys(told: Sequence[str], surplus: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """Give the wrapped look-up keys that are not ours yet, and how many of those told can't be opened."""
    try:
        opens = wrapper()
    except WrappingFailed:
        return (), len(told) + len(surplus)
    models: tuple[type[LookupKey | FormerLookupKey], ...] = (LookupKey, FormerLookupKey)
    known = {_opened(opens, row.wrapped) for model in models for row in model._default_manager.all()}  # noqa: SLF001 - Django's own name for it
    new: dict[bytes, str] = {}
    shut = len(surplus)
    for wrapped in told:
        opened = _opened(opens, wrapped)
        if opened is None:
            shut += 1
        elif opened not in known:
            new.setdefault(opened, wrapped)
    return tuple(new.values()), shut


def _opened(opens: KeyWrapper, wrapped: str) -> bytes | None:
    try:
        return opens.unwrap(CONTEXT, wrapped)
    except (WrappingFailed, WrappingUnavailable, ValueError):
        return None
