"""Time zones by their names in the IANA database, such as America/Bogota."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

# A name is looked up as a file: nothing that could lead out of the database's folder is.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,31}){0,2}")


def time_zone(name: str) -> ZoneInfo | None:
    """Find a time zone; None when there is none of this name."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - few commands ask for one

    if not _NAME.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):  # a folder's name, a file that is none of a zone
        return None


def is_time_zone(name: str) -> bool:
    """Tell whether there is a time zone of this name."""
    return name == "UTC" or time_zone(name) is not None
