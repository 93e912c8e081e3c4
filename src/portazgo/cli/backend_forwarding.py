"""The options that say how a backend's targets are called, what they come to, and how they are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar

import click

from portazgo.cli.contradictions import excludes
from portazgo.cli.options import options
from portazgo.cli.parameters import count_or_any, duration, milliseconds, short_duration

P = ParamSpec("P")
R = TypeVar("R")

OFF = "off"
# By the name of the argument: which member of which policy it is, how it is read, what it means.
_MEMBERS: Mapping[str, tuple[str, str, Any, str]] = {
    "max_connections": (
        "pool",
        "connections",
        count_or_any,
        "Most connections to each target, over a node's threads; or any.",
    ),
    "max_waiting": ("pool", "waiting", int, "Most calls that wait for one.  [default: 100]"),
    "max_wait": ("pool", "wait_ms", duration, "How long each waits.  [default: 1s]"),
    "keep_idle": ("pool", "idle_ms", duration, "How long a connection is kept idle.  [default: 1500ms]"),
    "eject_after": ("ejection", "failures", int, "Leave a target out after so many failures in a row.  [default: 5]"),
    "eject_for": ("ejection", "first_ms", duration, "How long at first, then twice as long.  [default: 10s]"),
    "eject_most": ("ejection", "most_ms", duration, "The longest.  [default: 5m]"),
    "eject_percent": ("ejection", "most_percent", int, "Most targets left out at once, in percent.  [default: 50]"),
    "check_path": ("check", "path", str, "Ask targets for their health at this path."),
    "check_interval": ("check", "interval_ms", duration, "How often.  [default: 5s]"),
    "check_timeout": ("check", "timeout_ms", duration, "How long an answer may take.  [default: 1s]"),
    "check_healthy": ("check", "healthy", int, "Good answers in a row that bring a target back.  [default: 2]"),
    "check_unhealthy": ("check", "unhealthy", int, "Bad ones that take it out.  [default: 3]"),
    "breaker_percent": ("breaker", "failure_percent", int, "Stop calling when so many calls fail.  [default: 50]"),
    "breaker_calls": ("breaker", "least_calls", int, "Of at least so many calls.  [default: 20]"),
    "breaker_window": ("breaker", "window_ms", duration, "Within this time.  [default: 10s]"),
    "breaker_open": ("breaker", "open_ms", duration, "For how long, before three calls try.  [default: 5s]"),
    "retry_attempts": ("retry", "attempts", int, "Tries of a call, the first included; 1 repeats none.  [default: 3]"),
    "retry_percent": ("retry", "budget_percent", int, "Repeats as a share of all calls.  [default: 20]"),
    "retry_free": ("retry", "least_per_second", int, "Repeats a second beside that share.  [default: 3]"),
    "dns_ttl": ("dns", "most_ttl_seconds", duration, "The longest that an address is believed.  [default: 30s]"),
}
_WORDS = (
    click.option("--weight", "weights", type=int, multiple=True, help="One for each --target, in their order."),
    click.option(
        "--balance", type=click.Choice(["round_robin", "least_in_flight"]), help="Which target is next, of several."
    ),
    click.option(
        "--http2",
        type=click.Choice(["off", "alpn", "prior_knowledge"]),
        help="Speak HTTP/2 to targets: where TLS agrees on it, or at once.",
    ),
)
_SWITCHES = (
    click.option("--no-weights", is_flag=True, help="Spread calls evenly again."),
    click.option("--no-ejection", is_flag=True, help="Leave no target out for its failures."),
    click.option("--no-check", is_flag=True, help="Don't ask targets for their health."),
    click.option("--breaker", is_flag=True, help="Stop calling a backend that fails, by the defaults above."),
    click.option("--no-breaker", is_flag=True, help="Call a backend whatever happens."),
    click.option("--usual-forwarding", is_flag=True, help="All of it as usual again, before what else is said here."),
)


def forwarding_options(command: Callable[P, R]) -> Callable[P, R]:
    """Add the options of balance, HTTP/2, pool, ejection, check, breaker, retry and DNS."""
    command = excludes("no_weights", "weights")(command)
    command = excludes("no_breaker", "breaker", *_members_of("breaker"))(command)
    for policy in ("ejection", "check"):
        command = excludes(f"no_{policy}", *_members_of(policy))(command)
    members = [
        click.option(f"--{name.replace('_', '-')}", name, type=read, help=meaning)
        for name, (_, _, read, meaning) in _MEMBERS.items()
    ]
    return options(*_WORDS, *members, *_SWITCHES)(command)


def forwarding_with(before: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give what the API takes: as before, but for what is wanted. None: all is as usual."""
    after = {} if wanted["usual_forwarding"] or before is None else dict(before)
    after |= {} if wanted["balance"] is None else {"balance": wanted["balance"]}
    after |= {} if wanted["http2"] is None else {"http2": wanted["http2"]}
    after |= {"weights": list(wanted["weights"])} if wanted["weights"] else {}
    after |= {"weights": None} if wanted["no_weights"] else {}
    after |= {"ejection": None} if wanted["no_ejection"] else {}
    after |= {policy: None for policy in ("check", "breaker") if wanted[f"no_{policy}"]}
    after |= {"breaker": after.get("breaker") or {}} if wanted["breaker"] else {}
    for name, (policy, member, _, _) in _MEMBERS.items():
        if wanted[name] is not None:
            after[policy] = {**(after.get(policy) or {}), member: _value(member, wanted[name])}
    if after.get("check") is not None and "path" not in after["check"]:
        raise click.UsageError("give --check-path too: where are targets asked for their health?")
    return after or None


def _members_of(policy: str) -> list[str]:
    return [name for name, (of, *_) in _MEMBERS.items() if of == policy]


def for_people(backend: Mapping[str, Any]) -> dict[str, Any]:
    """Give a backend with the times of its forwarding as people write them, and with a word for what is off."""
    environments = {
        name: one if one.get("forwarding") is None else {**one, "forwarding": _words(one["forwarding"])}
        for name, one in backend["environments"].items()
    }
    return {**backend, "environments": environments}


def _words(forwarding: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: OFF
        if value is None
        else {_word(member): _shown(member, one) for member, one in value.items()}
        if isinstance(value, Mapping)
        else value
        for name, value in forwarding.items()
    }


def _word(member: str) -> str:
    return member.removesuffix("_ms").removesuffix("_seconds")


def _shown(member: str, value: Any) -> Any:
    if member.endswith("_ms"):
        return short_duration(value)
    if member.endswith("_seconds"):
        return short_duration(value * 1_000)
    return "any" if value is None else value


def _value(member: str, given: Any) -> Any:
    if isinstance(given, timedelta):
        return int(given.total_seconds()) if member.endswith("_seconds") else milliseconds(given)
    return None if given == "any" else given
