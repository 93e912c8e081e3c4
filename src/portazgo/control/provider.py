"""The key-wrapping provider of this process."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from portazgo.kit.wrapping import KeyWrapper, open_wrapper


@cache
def wrapper() -> KeyWrapper:
    """Open the provider that the settings name, once; a master key that is missing is made. Raises WrappingFailed."""
    return open_wrapper(settings.PORTAZGO.wrapping, settings.PORTAZGO.data_dir, create=True)
