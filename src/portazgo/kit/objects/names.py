"""What an object may be called: the same rules for folders and buckets, so that one can be copied to the other."""

from __future__ import annotations

import re

LONGEST_NAME = 512
# Nothing begins with a dot (what is half written does), and nothing leads out of a folder.
_PART = r"[A-Za-z0-9_][A-Za-z0-9._=+-]{0,199}"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*")
_PREFIX = re.compile(rf"(?:{_PART}/)*(?:{_PART})?")


def checked(name: str) -> str:
    """Give the name back. Raises ValueError when it is none."""
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} can't name an object")
    return name


def checked_prefix(prefix: str) -> str:
    """Give the beginning of names back. Raises ValueError when none can begin so."""
    if len(prefix) > LONGEST_NAME or not _PREFIX.fullmatch(prefix):
        raise ValueError(f"{prefix!r} begins no object's name")
    return prefix
