"""What arguments may look like: durations, moments, pairs. A wrong one is a usage error that shows a right one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from portazgo.kit.names import is_fingerprint

ANY = "any"
NO_END = "none"
# How help names a `name=value`.
PAIR = "NAME=VALUE"

_DURATION = re.compile(r"(0|[1-9][0-9]{0,8})(ms|s|m|h|d)")
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def duration(text: str) -> timedelta:
    """Read `500ms`, `30s`, `10m`, `1h`, `7d`. Raises BadParameter."""
    length = _read_duration(text)
    if length is None:
        raise click.BadParameter(f"{text!r} is no duration such as 30s, 10m, 1h or 7d")
    return length


def duration_or_none(text: str) -> timedelta | str:
    """Read a duration, or `none`: without an end. Raises BadParameter."""
    return text if text == NO_END else duration(text)


def count_or_any(text: str) -> int | str:
    """Read a number, or `any`: without a bound. Raises BadParameter."""
    if text == ANY:
        return text
    try:
        return int(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a number nor {ANY}") from None


def short_duration(length_ms: int) -> str:
    """Write milliseconds with the largest unit that divides them."""
    unit, size = (
        next(
            (unit, size)
            for unit, size in reversed(_MILLISECONDS.items())
            if length_ms % size == 0 and length_ms >= size
        )
        if length_ms
        else ("s", 1_000)
    )
    return f"{length_ms // size}{unit}"


def fingerprint(text: str) -> str:
    """Give the SHA-256 of a client certificate: of a PEM file's first one, or as it was written. Raises BadParameter."""
    if is_fingerprint(text):
        return text
    try:
        block = _CERTIFICATE.search(Path(text).read_bytes())
        if block is not None:
            return hashlib.sha256(base64.b64decode(b"".join(block[1].split()), validate=True)).hexdigest()
    except FileNotFoundError:
        raise click.BadParameter(f"{text!r} does not exist, and is no SHA-256 of a certificate either") from None
    except OSError as problem:
        raise click.BadParameter(f"{text!r} can't be read ({problem.strerror})") from None
    except binascii.Error:
        pass
    raise click.BadParameter(f"{text!r} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")


def since(text: str) -> datetime:
    """Read a time, or a duration that counts back from now. Raises BadParameter."""
    return _moment(text, -1)


def until(text: str) -> datetime:
    """Read a time, or a duration that counts from now on. Raises BadParameter."""
    return _moment(text, 1)


def pair(text: str) -> tuple[str, Any]:
    """Read `name=value`. A value that reads as JSON is that (`3`, `true`, `"3"`), any other is text. Raises BadParameter."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} is no name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def prefixes(text: str) -> tuple[str, str]:
    """Read `/api=/v1`: what paths begin with at the backend, and for partners. Raises BadParameter."""
    backend, equals, partner = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is no pair of prefixes such as /api=/v1")
    return backend, partner


def milliseconds(length: timedelta) -> int:
    """Give a duration in whole milliseconds."""
    return length // timedelta(milliseconds=1)


def rfc3339(moment: datetime | None) -> str | None:
    """Write a moment as the API takes it; None of None."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def given(**members: object) -> dict[str, Any]:
    """Keep the members that were given: neither None nor an empty list."""
    kept = {name: list(value) if isinstance(value, tuple) else value for name, value in members.items()}
    return {name: value for name, value in kept.items() if value is not None and value != []}


def _read_duration(text: str) -> timedelta | None:
    found = _DURATION.fullmatch(text)
    return timedelta(milliseconds=int(found[1]) * _MILLISECONDS[found[2]]) if found else None


def _moment(text: str, direction: int) -> datetime:
    length = _read_duration(text)
    if length is not None:
        return datetime.now(UTC) + direction * length
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is neither a duration such as 90d nor a time such as 2026-12-31T00:00:00Z"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
