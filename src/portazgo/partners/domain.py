"""What a partner and its metadata may be. Pure rules."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import StrEnum

from portazgo.kit.names import is_plain_text

METADATA_MEMBERS = 50
METADATA_TEXT_LENGTH = 500
# Claims templates spell members as {partner.metadata.NAME}: a name must not contain a brace or a space.
METADATA_NAME_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$"
# Beyond 2^53 a reader that parses JSON numbers as doubles sees another number than we do.
GREATEST_EXACT_INTEGER = 2**53

Metadata = Mapping[str, str | bool | int | float]


class Standing(StrEnum):
    """Whether calls of a partner, or of an application, are let through."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


def check_metadata(metadata: Metadata) -> Metadata:
    """Return the metadata when claims templates can use it.

    Raises ValueError with a sentence that names the member.
    """
    if len(metadata) > METADATA_MEMBERS:
        raise ValueError(f"at most {METADATA_MEMBERS} members, these are {len(metadata)}")
    for name, value in metadata.items():
        _check_member(name, value)
    return metadata


def _check_member(name: str, value: str | bool | float) -> None:  # noqa: FBT001 - a metadata value may be true or false
    if not re.fullmatch(METADATA_NAME_PATTERN, name):
        raise ValueError(f"{name!r} is no name for metadata: 1 to 64 letters, digits, '_', '.' and '-'")
    if isinstance(value, str):
        if len(value) > METADATA_TEXT_LENGTH or not is_plain_text(value):
            raise ValueError(
                f"{name}: at most {METADATA_TEXT_LENGTH} characters, none of them a control character or a lone surrogate"
            )
    elif not isinstance(value, bool) and not (math.isfinite(value) and abs(value) <= GREATEST_EXACT_INTEGER):
        raise ValueError(f"{name}: a number between -2^53 and 2^53; write a longer one as text")
