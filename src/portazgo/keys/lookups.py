"""The look-up key, under which secrets that other systems made are found: made with the first import, wrapped."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from portazgo.keys.foreign import LOOKUP_KEY_BYTES
from portazgo.keys.models import LookupKey
from portazgo.snapshot.log import change
from portazgo.snapshot.wire import PepperBody, Resource, ResourceRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portazgo.accounts.domain import Actor
    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper

THE_LOOKUP_KEY = 1
FEATURE = "key.imported.1"
CONTEXT = f"lookup_key/{THE_LOOKUP_KEY}"
"""What the wrapped look-up key is sealed for."""


def lookup_key(actor: Actor, *, wrapper: KeyWrapper, clock: Clock) -> bytes:
    """Give the look-up key; the first import makes it here. Calls the provider: no transaction."""
    return wrapper.unwrap(CONTEXT, (LookupKey.objects.first() or _first(actor, wrapper, clock)).wrapped)


def known_lookup_key(wrapper: KeyWrapper) -> bytes | None:
    """Give the look-up key; None: nothing was ever imported. Calls the provider: no transaction."""
    found = LookupKey.objects.first()
    return None if found is None else wrapper.unwrap(CONTEXT, found.wrapped)


def compiled_lookup_key(version: str) -> Resource | None:
    """Compile the look-up key for nodes, wrapped as it is."""
    found = LookupKey.objects.filter(version=int(version)).first()
    return Resource("lookup_key", version, (FEATURE,), PepperBody(wrapped=found.wrapped)) if found else None


def every_lookup_key() -> Iterable[str]:
    """Name the one there is, or none."""
    return (str(version) for version in LookupKey.objects.values_list("version", flat=True))


def _first(actor: Actor, wrapper: KeyWrapper, clock: Clock) -> LookupKey:
    wrapped = wrapper.wrap(CONTEXT, secrets.token_bytes(LOOKUP_KEY_BYTES))
    with change(actor, "lookup_key.created", str(THE_LOOKUP_KEY), clock=clock) as recorded:
        # Two first imports at once: the one that comes second uses the key of the first.
        found, made = LookupKey.objects.get_or_create(
            version=THE_LOOKUP_KEY, defaults={"wrapped": wrapped, "created_at": clock.now()}
        )
        if made:
            recorded.touches(ResourceRef("lookup_key", str(THE_LOOKUP_KEY)))
    return found
