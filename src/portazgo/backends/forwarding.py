"""How a backend's targets are called: who is next, how many at once, what happens when one fails. Pure.

The bounds are the data plane's (native/crates/core/src/snapshot/compile/forwarding.rs); what can't work with the targets
is refused here already. What is not said has the defaults below, and is not written to nodes either: a backend that says
nothing stays one that nodes before the feature can call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Balance = Literal["round_robin", "least_in_flight"]
Http2 = Literal["off", "alpn", "prior_knowledge"]

WEIGHTS = range(1, 101)
CHECK_PATH_PATTERN = r'^/[!"$-~]*$'
CHECK_PATH_LENGTH = 500
_TEN_MINUTES = 600_000
_AN_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Pool:
    """Connections to each target; `connections` None: as many as there are calls."""

    connections: int | None = None
    waiting: int = 100
    wait_ms: int = 1_000
    idle_ms: int = 1_500


@dataclass(frozen=True, slots=True)
class Ejection:
    """When a target that fails is left out for a while; on where there are several targets, unless it is said otherwise."""

    failures: int = 5
    first_ms: int = 10_000
    most_ms: int = 300_000
    most_percent: int = 50


@dataclass(frozen=True, slots=True)
class Check:
    """How targets are asked for their health."""

    path: str
    interval_ms: int = 5_000
    timeout_ms: int = 1_000
    healthy: int = 2
    unhealthy: int = 3


@dataclass(frozen=True, slots=True)
class Breaker:
    """When a backend is not called at all for a while."""

    failure_percent: int = 50
    least_calls: int = 20
    window_ms: int = 10_000
    open_ms: int = 5_000


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a call may be repeated; `attempts` counts the first."""

    attempts: int = 3
    budget_percent: int = 20
    least_per_second: int = 3


@dataclass(frozen=True, slots=True)
class Dns:
    """How long names of targets are believed."""

    most_ttl_seconds: int = 30


BOUNDS: Mapping[str, Mapping[str, range]] = {
    "pool": {
        "connections": range(1, 100_001),
        "waiting": range(100_001),
        "wait_ms": range(_TEN_MINUTES + 1),
        "idle_ms": range(_TEN_MINUTES + 1),
    },
    "ejection": {
        "failures": range(1, 1_001),
        "first_ms": range(1, _AN_HOUR + 1),
        "most_ms": range(1, _AN_HOUR + 1),
        "most_percent": range(1, 101),
    },
    "check": {
        "interval_ms": range(100, _TEN_MINUTES + 1),
        "timeout_ms": range(1, 60_001),
        "healthy": range(1, 101),
        "unhealthy": range(1, 101),
    },
    "breaker": {
        "failure_percent": range(1, 101),
        "least_calls": range(1, 1_000_001),
        "window_ms": range(100, _TEN_MINUTES + 1),
        "open_ms": range(1, _TEN_MINUTES + 1),
    },
    "retry": {
        "attempts": range(1, 11),
        "budget_percent": range(101),
        "least_per_second": range(10_001),
    },
    "dns": {"most_ttl_seconds": range(1, 86_401)},
}
"""What each number may be. Times end in `_ms` or `_seconds`."""

POOL = Pool()
EJECTION = Ejection()
CHECK = Check("/")
BREAKER = Breaker()
RETRY = Retry()
DNS = Dns()
USUAL: Mapping[str, Any] = {
    "weights": None,
    "balance": "round_robin",
    "http2": "off",
    "pool": asdict(POOL),
    "check": None,
    "breaker": None,
    "retry": asdict(RETRY),
    "dns": asdict(DNS),
}
"""What holds where nothing is said, but for `ejection`, which depends on the targets."""


def settled(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Leave out what is as usual; None: all of it is. `ejection` stays as it was said, null included: null is off."""
    said = {name: value for name, value in (given or {}).items() if name not in USUAL or value != USUAL[name]}
    return said or None


def complete(said: Mapping[str, Any] | None, targets: int) -> dict[str, Any]:
    """Give all that holds for so many targets, the usual filled in."""
    ejection = asdict(EJECTION) if targets > 1 else None
    return {**USUAL, "ejection": ejection, **(said or {})}


def contradictions(targets: Sequence[str], said: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Say what can't work with these targets: the member's pointer below `forwarding`, and a sentence."""
    said = said or {}
    weights = said.get("weights")
    if weights is not None and len(weights) != len(targets):
        yield "/weights", f"it is one weight for each target: there are {len(weights)} for {len(targets)}"
    if said.get("http2") == "alpn" and not any(target.startswith("https://") for target in targets):
        yield "/http2", "alpn is agreed on in the TLS handshake, and no target begins with https://"
    ejection = said.get("ejection")
    if ejection is not None and ejection["most_ms"] < ejection["first_ms"]:
        yield "/ejection/most_ms", "the longest ejection is shorter than the first"
