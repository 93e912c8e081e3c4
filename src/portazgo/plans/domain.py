"""What a throttle may be, and the words in which one may be given. Pure rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from portazgo.kit.repetition import first_repeated
from portazgo.plans.rotation import RotationPolicy

QUOTA_AT_MOST = 1_000_000_000
WINDOW_SECONDS_AT_MOST = 31 * 86_400
THROTTLE_NAME_PATTERN = r"^[A-Za-z0-9._-]{1,63}$"

_UNIT_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
# What people write for a unit. Django REST Framework reads the first letter only, so that its "60/month" is a minute's:
# here such a word is refused instead.
_UNIT_WORDS = {
    "s": "second",
    "sec": "second",
    "second": "second",
    "m": "minute",
    "min": "minute",
    "minute": "minute",
    "h": "hour",
    "hour": "hour",
    "d": "day",
    "day": "day",
}
# ASCII digits: \d would take digits of other scripts too.
_RATE = re.compile(r"([0-9]{1,10})\s*/\s*([0-9]{0,6})\s*([A-Za-z]+)")


@dataclass(frozen=True, slots=True)
class Throttle:
    """So many calls in a window, per key. `burst`: how many of them at once; None means all."""

    name: str
    quota: int
    window_seconds: int
    burst: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a plan grants, and how often its keys are to be rotated; null scopes: all; null rotation: never by a schedule."""

    apis: Sequence[UUID]
    scopes: Sequence[str] | None
    throttles: Sequence[Throttle]
    rotation: RotationPolicy | None = None


def parse_rate(text: str) -> Throttle:
    """Read `60/min`, `1000/day`, `5/second` (the words of Django REST Framework), or a longer window: `100/10m`.

    The throttle's name is that of its window, such as `per-minute`. Raises ValueError with a sentence.
    """
    found = _RATE.fullmatch(text.strip())
    unit = _unit(found[3]) if found else None
    if found is None or unit is None:
        raise ValueError(f"{text!r} is no rate such as 60/min, 1000/day or 100/10m (units: second, minute, hour, day)")
    count = int(found[2] or 1)
    name = f"per-{unit}" if count == 1 else f"per-{count}-{unit}s"
    return check_throttle(Throttle(name, int(found[1]), count * _UNIT_SECONDS[unit]))


def _unit(word: str) -> str | None:
    lower = word.lower()
    # "ms" is no plural of "m".
    singular = lower.removesuffix("s") if len(lower) > len("ms") else lower
    return _UNIT_WORDS.get(lower) or _UNIT_WORDS.get(singular)


def check_throttle(throttle: Throttle) -> Throttle:
    """Return the throttle when the gateway can keep it. Raises ValueError with a sentence."""
    if not re.fullmatch(THROTTLE_NAME_PATTERN, throttle.name):
        raise ValueError(f"{throttle.name!r} is no name: 1 to 63 letters, digits, '-', '_' and '.'")
    if not 1 <= throttle.quota <= QUOTA_AT_MOST:
        raise ValueError(f"{throttle.name}: quota is a number from 1 to {QUOTA_AT_MOST}")
    if not 1 <= throttle.window_seconds <= WINDOW_SECONDS_AT_MOST:
        raise ValueError(f"{throttle.name}: the window is 1 second to 31 days")
    if throttle.burst is not None and not 1 <= throttle.burst <= throttle.quota:
        raise ValueError(f"{throttle.name}: burst is a number from 1 to the quota, {throttle.quota}")
    return throttle


def check_throttles(throttles: Iterable[Throttle]) -> list[Throttle]:
    """Return the throttles when each can be kept and no two share a name: a denial names the one that denied."""
    checked = [check_throttle(throttle) for throttle in throttles]
    twice = first_repeated(throttle.name for throttle in checked)
    if twice is not None:
        raise ValueError(f"two throttles are called {twice!r}")
    return checked
