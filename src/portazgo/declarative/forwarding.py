"""How a file says how a backend's targets are called: its parts, their terms, and the way back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag

from portazgo.backends.domain import TARGETS_AT_MOST
from portazgo.backends.forwarding import (
    BOUNDS,
    BREAKER,
    CHECK,
    CHECK_PATH_LENGTH,
    CHECK_PATH_PATTERN,
    DNS,
    EJECTION,
    POOL,
    RETRY,
    WEIGHTS,
    Balance,
    Http2,
    settled,
)
from portazgo.declarative.parts import NOTHING_IS_EMPTY, Duration, Part, is_mapping, read_by
from portazgo.declarative.words import format_milliseconds, format_seconds, parse_milliseconds, parse_seconds

USUAL = "usual"
OFF = "off"
_MILLISECONDS, _SECONDS = "_ms", "_seconds"
_DEFAULTS: Mapping[str, object] = {
    "pool": POOL,
    "ejection": EJECTION,
    "check": CHECK,
    "breaker": BREAKER,
    "retry": RETRY,
    "dns": DNS,
}


def _number(policy: str, member: str) -> Any:
    bounds = BOUNDS[policy][member]
    return Field(ge=bounds.start, lt=bounds.stop)


def _time(policy: str, member: str) -> Any:
    return read_by(lambda text: parse_milliseconds(text, BOUNDS[policy][member]))


class PoolPart(Part):
    """Connections to each target, over all threads of a node."""

    connections: Annotated[int, _number("pool", "connections")] | None = Field(
        default=None, description="Left out: as many as there are calls."
    )
    waiting: Annotated[int, _number("pool", "waiting")] = Field(
        default=POOL.waiting, description="Most calls that may wait for one."
    )
    wait: Annotated[Duration, _time("pool", "wait_ms")] = format_milliseconds(POOL.wait_ms)
    idle: Annotated[Duration, _time("pool", "idle_ms")] = format_milliseconds(POOL.idle_ms)


class EjectionPart(Part):
    """When a target that fails is left out for a while."""

    failures: Annotated[int, _number("ejection", "failures")] = Field(
        default=EJECTION.failures, description="In a row."
    )
    first: Annotated[Duration, _time("ejection", "first_ms")] = Field(
        format_milliseconds(EJECTION.first_ms), description="How long at first; each time after that twice as long."
    )
    most: Annotated[Duration, _time("ejection", "most_ms")] = format_milliseconds(EJECTION.most_ms)
    most_percent: Annotated[int, _number("ejection", "most_percent")] = Field(
        default=EJECTION.most_percent, description="Share of the targets that may be left out at once."
    )


class CheckPart(Part):
    """How targets are asked for their health."""

    path: Annotated[str, StringConstraints(pattern=CHECK_PATH_PATTERN, max_length=CHECK_PATH_LENGTH)]
    interval: Annotated[Duration, _time("check", "interval_ms")] = format_milliseconds(CHECK.interval_ms)
    timeout: Annotated[Duration, _time("check", "timeout_ms")] = format_milliseconds(CHECK.timeout_ms)
    healthy: Annotated[int, _number("check", "healthy")] = Field(
        default=CHECK.healthy, description="Checks in a row that bring a target back."
    )
    unhealthy: Annotated[int, _number("check", "unhealthy")] = Field(
        default=CHECK.unhealthy, description="Failed checks in a row that take it out."
    )


class BreakerPart(Part):
    """When a backend is not called at all for a while."""

    failure_percent: Annotated[int, _number("breaker", "failure_percent")] = BREAKER.failure_percent
    least_calls: Annotated[int, _number("breaker", "least_calls")] = Field(
        default=BREAKER.least_calls, description="Calls in the window before the share means anything."
    )
    window: Annotated[Duration, _time("breaker", "window_ms")] = format_milliseconds(BREAKER.window_ms)
    open: Annotated[Duration, _time("breaker", "open_ms")] = format_milliseconds(BREAKER.open_ms)


class RetryPart(Part):
    """How often a call may be repeated where that is safe."""

    attempts: Annotated[int, _number("retry", "attempts")] = Field(
        default=RETRY.attempts, description="The first included: 1 repeats nothing."
    )
    budget_percent: Annotated[int, _number("retry", "budget_percent")] = Field(
        default=RETRY.budget_percent, description="Repeats as a share of all calls."
    )
    least_per_second: Annotated[int, _number("retry", "least_per_second")] = Field(
        default=RETRY.least_per_second, description="Repeats that are free beside that share."
    )


def _check_ttl(text: str) -> str:
    if parse_seconds(text) not in BOUNDS["dns"]["most_ttl_seconds"]:
        raise ValueError(f"{text!r} is out of bounds: 1s to 1d")
    return text


class DnsPart(Part):
    """How long names of targets are believed."""

    most_ttl: Annotated[Duration, read_by(_check_ttl)] = format_seconds(DNS.most_ttl_seconds)


class ForwardingPart(Part):
    """How targets are called. What is left out is as usual."""

    weights: (
        Annotated[
            list[Annotated[int, Field(ge=WEIGHTS.start, lt=WEIGHTS.stop)]],
            Field(min_length=1, max_length=TARGETS_AT_MOST),
        ]
        | None
    ) = Field(None, description="One for each target. Left out: all the same.")
    balance: Balance = "round_robin"
    http2: Http2 = Field(
        "off",
        description="`alpn`: where the TLS handshake agrees on it; `prior_knowledge`: at once, with or without TLS.",
    )
    pool: Annotated[PoolPart, NOTHING_IS_EMPTY] = PoolPart()
    ejection: Annotated[
        Annotated[Literal["usual", "off"], Tag("text")] | Annotated[EjectionPart, Tag("mapping")],
        Discriminator(is_mapping),
    ] = Field("usual", description="`usual` is on where there are several targets; `off`, or a mapping.")
    check: CheckPart | None = Field(None, description="Left out: targets are not asked for their health.")
    breaker: BreakerPart | None = Field(None, description="Left out: a backend is called whatever happens.")
    retry: Annotated[RetryPart, NOTHING_IS_EMPTY] = RetryPart()
    dns: Annotated[DnsPart, NOTHING_IS_EMPTY] = DnsPart()


def terms_of(part: ForwardingPart | None) -> dict[str, Any] | None:
    """Read what a file says as nodes get it; None: all is as usual."""
    if part is None:
        return None
    ejection = (
        {} if part.ejection == USUAL else {"ejection": None if part.ejection == OFF else _read(part.ejection, EJECTION)}
    )
    return settled(
        {
            "weights": part.weights,
            "balance": part.balance,
            "http2": part.http2,
            "pool": _read(part.pool, POOL),
            **ejection,
            "check": part.check and _read(part.check, CHECK),
            "breaker": part.breaker and _read(part.breaker, BREAKER),
            "retry": _read(part.retry, RETRY),
            "dns": _read(part.dns, DNS),
        }
    )


def written(terms: Mapping[str, Any] | None) -> dict[str, Any]:
    """Write what nodes get as a file says it, what is as usual left out."""
    return {name: _written(name, value) for name, value in (terms or {}).items()}


def _read(part: object, usual: object) -> dict[str, Any]:
    """Give the members of a policy by the names that nodes have for them."""
    return {name: _value(name, getattr(part, _word(name))) for name in _members(usual)}


def _value(name: str, said: Any) -> Any:
    if name.endswith(_MILLISECONDS):
        return parse_milliseconds(said, _ANY_TIME)
    return parse_seconds(said) if name.endswith(_SECONDS) else said


def _written(name: str, value: Any) -> Any:
    usual = _DEFAULTS.get(name)
    if usual is None:
        return value
    if value is None:
        return OFF
    # A check without its path would be none.
    return {
        _word(member): _said(member, one)
        for member, one in value.items()
        if member == "path" or one != getattr(usual, member)
    }


def _said(name: str, value: Any) -> Any:
    if name.endswith(_MILLISECONDS):
        return format_milliseconds(value)
    return format_seconds(value) if name.endswith(_SECONDS) else value


def _word(name: str) -> str:
    """Give the name of a member in a file, where a time has its unit beside it."""
    return name.removesuffix(_MILLISECONDS).removesuffix(_SECONDS)


def _members(usual: object) -> list[str]:
    return list(type(usual).__dataclass_fields__)  # type: ignore[attr-defined]  # one of the policies


_ANY_TIME = range(3_600_001)
