"""Peppers: made at first need, wrapped; several versions can live beside each other."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from portazgo.keys.domain import PEPPER_BYTES
from portazgo.keys.models import Pepper
from portazgo.snapshot.log import change
from portazgo.snapshot.wire import PepperBody, Resource, ResourceRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portazgo.accounts.domain import Actor
    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper


def current_pepper(actor: Actor, *, wrapper: KeyWrapper, clock: Clock) -> tuple[Pepper, bytes]:
    """Give the pepper for new secrets, unwrapped; the first is made here. Calls the provider: no transaction."""
    pepper = Pepper.objects.order_by("-version").first() or _first_pepper(actor, wrapper, clock)
    return pepper, unwrapped(pepper, wrapper)


def unwrapped(pepper: Pepper, wrapper: KeyWrapper) -> bytes:
    """Give a pepper itself. Calls the provider: no transaction."""
    return wrapper.unwrap(pepper_context(pepper.version), pepper.wrapped)


def compiled_pepper(version: str) -> Resource | None:
    """Compile a pepper for nodes, wrapped as it is."""
    pepper = Pepper.objects.filter(version=int(version)).first()
    if pepper is None:
        return None
    return Resource("pepper", str(pepper.version), (), PepperBody(wrapped=pepper.wrapped))


def every_pepper() -> Iterable[str]:
    """Name the versions."""
    return (str(version) for version in Pepper.objects.values_list("version", flat=True))


def _first_pepper(actor: Actor, wrapper: KeyWrapper, clock: Clock) -> Pepper:
    version = 1
    wrapped = wrapper.wrap(pepper_context(version), secrets.token_bytes(PEPPER_BYTES))
    with change(actor, "pepper.created", str(version), clock=clock) as recorded:
        # Two first keys at once: the one that comes second uses the pepper of the first.
        pepper, made = Pepper.objects.get_or_create(
            version=version, defaults={"wrapped": wrapped, "created_at": clock.now()}
        )
        if made:
            recorded.touches(ResourceRef("pepper", str(version)))
    return pepper


def pepper_context(version: int) -> str:
    """Name what a wrapped pepper is sealed for."""
    return f"pepper/{version}"
