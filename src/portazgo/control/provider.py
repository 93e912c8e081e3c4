"""The key-wrapping provider of this process, and whether it is the one that this database was sealed with."""

from __future__ import annotations

import logging
from functools import cache

from django.conf import settings

from portazgo.keys.models import Pepper
from portazgo.kit.errors import StartRefused
from portazgo.kit.web.wrapped import wrapped_fields
from portazgo.kit.wrapping import KeyWrapper, WrappingFailed, WrappingUnavailable, open_wrapper
from portazgo.signing.models import SigningKey

logger = logging.getLogger(__name__)


@cache
def wrapper() -> KeyWrapper:
    """Open the providers that the settings name, once. Raises WrappingFailed.

    A master key is made for a database that holds nothing sealed. To make one beside sealed secrets would hide that
    the old one is lost: everything would seem to work until the first secret is needed.
    """
    ours = settings.PORTAZGO
    return open_wrapper(ours.wrapping, ours.data_dir, also=ours.wrapping_also, create=not _holds_sealed())


def require_wrapper() -> None:
    """Raise StartRefused unless the provider opens what this database holds; one that is away is only told of."""
    try:
        ours = wrapper()
        for context, wrapped in _one_of_each():
            ours.unwrap(context, wrapped)
    except WrappingUnavailable as problem:
        # What needs no secret can be served, and what does says so itself until the provider answers.
        logger.warning("key wrapping does not work now: %s", problem, extra={"remedy": problem.remedy})
    except WrappingFailed as problem:
        raise StartRefused(
            str(problem), "bring back the key file that belongs to this database, or name it with PORTAZGO_WRAPPING"
        ) from None


def _holds_sealed() -> bool:
    return any(
        field.model._default_manager.exclude(**{f"{field.name}__isnull": True}).exists()  # noqa: SLF001 - Django's own name for it
        for field in wrapped_fields()
    )


def _one_of_each() -> list[tuple[str, str]]:
    pepper = Pepper.objects.order_by("-version").first()
    key = SigningKey.objects.exclude(wrapped=None).order_by("-published_at").first()
    found = [(f"pepper/{pepper.version}", pepper.wrapped)] if pepper else []
    return found + ([(f"signing_key/{key.kid}", key.wrapped)] if key else [])
