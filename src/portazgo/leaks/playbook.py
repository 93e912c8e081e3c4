"""What the operator set to be done with leaked keys, by environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.leaks.domain import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portazgo.settings import Settings


def playbook(settings: Settings, always: Response | None = None) -> Mapping[str, Response]:
    """Give what is done by environment; `always` wins over the settings."""
    return {
        "live": always or Response(settings.leak_response_live),
        "test": always or Response(settings.leak_response_test),
    }
