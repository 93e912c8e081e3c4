"""How a backend's targets are called. Fewer calls let through, or fewer repeated, breaks; all else is the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from portazgo.backends.forwarding import complete
from portazgo.declarative.rules.lines import Effect, differing
from portazgo.declarative.words import format_milliseconds, format_seconds

Told = Iterator[tuple[Effect, str]]


def forwarding(before: Mapping[str, Any], after: Mapping[str, Any]) -> Told:
    """Compare two environments; what the number of targets changes by itself is told too."""
    old, new = (complete(one["forwarding"], len(one["targets"])) for one in (before, after))
    for member, was, becomes in differing(old, new):
        yield from _TOLD[member](was, becomes)


def said_of_new(environment: Mapping[str, Any]) -> Iterator[str]:
    """Say what is not as usual where nothing was before."""
    targets = len(environment["targets"])
    for member, usual, said in differing(complete(None, targets), complete(environment["forwarding"], targets)):
        if member == "weights":
            yield f"calls are spread {_spread(said)}"
        elif isinstance(usual, Mapping) and said is not None:
            yield f"{member} {', '.join(_said(name, value) for name, _, value in differing(usual, said))}"
        elif said is None or isinstance(said, Mapping):
            yield _switched(member, usual, said)
        else:
            yield f"{member} {said}"


def _weights(was: list[int] | None, becomes: list[int] | None) -> Told:
    yield "rest", f"calls are spread {_spread(becomes)}, was {_spread(was)}"


def _spread(weights: list[int] | None) -> str:
    return "evenly" if weights is None else ":".join(map(str, weights))


def _balance(was: str, becomes: str) -> Told:
    yield "rest", f"balance {becomes}, was {was}"


def _http2(was: str, becomes: str) -> Told:
    yield "rest", f"http2 {becomes}, was {was}"


def _pool(was: Mapping[str, Any], becomes: Mapping[str, Any]) -> Told:
    for member, old, new in differing(was, becomes):
        fewer = member != "idle_ms" and _bound(new) < _bound(old)
        yield ("breaks" if fewer else "rest"), f"pool {_said(member, new)}, was {_value(member, old)}"


def _bound(value: int | None) -> float:
    return float("inf") if value is None else value


def _ejection(was: Mapping[str, Any] | None, becomes: Mapping[str, Any] | None) -> Told:
    yield "rest", _switched("ejection", was, becomes) or "ejection " + _differences(was, becomes)


def _check(was: Mapping[str, Any] | None, becomes: Mapping[str, Any] | None) -> Told:
    yield "rest", _switched("check", was, becomes) or "check " + _differences(was, becomes)


def _breaker(was: Mapping[str, Any] | None, becomes: Mapping[str, Any] | None) -> Told:
    switched = _switched("breaker", was, becomes)
    if switched:
        yield ("breaks" if was is None else "rest"), switched
        return
    old, new = was or {}, becomes or {}
    sooner = any(new[name] < old[name] for name in ("failure_percent", "least_calls"))
    longer = any(new[name] > old[name] for name in ("window_ms", "open_ms"))
    yield ("breaks" if sooner or longer else "rest"), "breaker " + _differences(was, becomes)


def _retry(was: Mapping[str, Any], becomes: Mapping[str, Any]) -> Told:
    for member, old, new in differing(was, becomes):
        yield ("breaks" if new < old else "rest"), f"retry {_said(member, new)}, was {_value(member, old)}"


def _dns(was: Mapping[str, Any], becomes: Mapping[str, Any]) -> Told:
    yield "rest", "dns " + _differences(was, becomes)


def _switched(name: str, was: Mapping[str, Any] | None, becomes: Mapping[str, Any] | None) -> str:
    """Say that something is switched on or off; nothing when it was on and stays on."""
    if becomes is None:
        return f"no {name}"
    return f"{name}: {', '.join(_said(member, value) for member, value in becomes.items())}" if was is None else ""


def _differences(was: Mapping[str, Any] | None, becomes: Mapping[str, Any] | None) -> str:
    found = differing(was or {}, becomes or {})
    return ", ".join(f"{_said(member, new)} (was {_value(member, old)})" for member, old, new in found)


def _said(member: str, value: Any) -> str:
    return f"{member.removesuffix('_ms').removesuffix('_seconds')} {_value(member, value)}"


def _value(member: str, value: Any) -> str:
    if value is None:
        return "any"
    if member.endswith("_ms"):
        return format_milliseconds(value)
    return format_seconds(value) if member.endswith("_seconds") else str(value)


_TOLD: Mapping[str, Callable[[Any, Any], Told]] = {
    "weights": _weights,
    "balance": _balance,
    "http2": _http2,
    "pool": _pool,
    "ejection": _ejection,
    "check": _check,
    "breaker": _breaker,
    "retry": _retry,
    "dns": _dns,
}
