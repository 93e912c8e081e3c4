"""The key-wrapping provider of this process, and whether it is the one that this database was sealed with."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from portazgo.keys.models import Pepper
from portazgo.kit.errors import StartRefused
from portazgo.kit.wrapping import KeyWrapper, WrappingFailed, open_wrapper
from portazgo.notifications.models import WebhookSecret
from portazgo.signing.models import SigningKey


@cache
def wrapper() -> KeyWrapper:
    """Open the provider that the settings name, once. Raises WrappingFailed.

    A master key is made for a database that holds nothing sealed. To make one beside sealed secrets would hide that
    the old one is lost: everything would seem to work until the first secret is needed.
    """
    return open_wrapper(settings.PORTAZGO.wrapping, settings.PORTAZGO.data_dir, create=not _holds_sealed())


def require_wrapper() -> None:
    """Raise StartRefused unless the provider opens what this database holds."""
    try:
        ours = wrapper()
        for context, wrapped in _one_of_each():
            ours.unwrap(context, wrapped)
    except WrappingFailed as problem:
        raise StartRefused(
            str(problem), "bring back the key file that belongs to this database, or name it with PORTAZGO_WRAPPING"
        ) from None


def _holds_sealed() -> bool:
    return Pepper.objects.exists() or SigningKey.objects.exists() or WebhookSecret.objects.exists()


def _one_of_each() -> list[tuple[str, str]]:
    pepper = Pepper.objects.order_by("-version").first()
    key = SigningKey.objects.exclude(wrapped="").order_by("-published_at").first()
    found = [(f"pepper/{pepper.version}", pepper.wrapped)] if pepper else []
    return found + ([(f"signing_key/{key.kid}", key.wrapped)] if key else [])
