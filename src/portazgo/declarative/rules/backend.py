"""Backends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from portazgo.backends.logins import is_login, whose
from portazgo.declarative.domain import canonical
from portazgo.declarative.rules.forwarding import forwarding, said_of_new
from portazgo.declarative.rules.lines import (
    Effect,
    Line,
    Step,
    Worlds,
    differing,
    enumerated,
    gained,
    line,
    lost,
    shown,
)
from portazgo.declarative.words import format_milliseconds, format_seconds

_WAITS = {"connect_ms": "connect", "first_byte_ms": "first_byte", "idle_ms": "idle", "total_ms": "total"}


def lines(step: Step, worlds: Worlds) -> Iterator[Line]:
    """Where calls and tokens go, what the tokens say, how long the gateway waits."""
    if step.after is None:
        yield line(step, "rest", "deleted")
    elif step.before is None:
        places = [f"{name}: {', '.join(one['targets'])}" for name, one in step.after["environments"].items()]
        yield line(step, "rest", "; ".join(places))
        for name, one in step.after["environments"].items():
            yield from _new(step, name, one)
    else:
        name = step.ref.name
        old, new = step.before["environments"], step.after["environments"]
        for environment in sorted({*old, *new}):
            before, after = old.get(environment), new.get(environment)
            had, has = worlds.before.users(name, environment), worlds.after.users(name, environment)
            if before is None:
                yield line(step, "exposes", f"{environment}: calls reach {', '.join(after['targets'])}", has)
                yield from _new(step, environment, after)
            elif after is None:
                yield line(step, "breaks", f"{environment}: calls are answered environment_unavailable", had)
            elif canonical(before) != canonical(after):
                yield from _environment(step, environment, before, after, has)


def _new(step: Step, environment: str, settings: Mapping[str, Any]) -> Iterator[Line]:
    for sentence in said_of_new(settings):
        yield line(step, "rest", f"{environment}: {sentence}")


def _environment(
    step: Step, environment: str, before: Mapping[str, Any], after: Mapping[str, Any], who: list[str]
) -> Iterator[Line]:
    if more := gained(before["targets"], after["targets"]):
        yield line(step, "exposes", f"{environment}: calls and their tokens go to {enumerated(more)}", who)
    if less := lost(before["targets"], after["targets"]):
        yield line(step, "rest", f"{environment}: no calls go to {enumerated(less)}")
    if not gained(before["targets"], after["targets"]) and not less and before["targets"] != after["targets"]:
        yield line(step, "rest", f"{environment}: targets in the order {enumerated(after['targets'])}")
    for member, old, new in differing(before["timeouts"], after["timeouts"]):
        sentence = f"{environment}: {_WAITS[member]} {format_milliseconds(new)}, was {format_milliseconds(old)}"
        yield line(step, "breaks" if new < old else "rest", sentence, who if new < old else ())
    for effect, sentence in _credential(before["credential"], after["credential"]):
        yield line(step, effect, f"{environment}: {sentence}", who)
    for effect, sentence in _tls(before["tls"] or _BY_NAME, after["tls"] or _BY_NAME):
        yield line(step, effect, f"{environment}: {sentence}", who)
    for effect, sentence in forwarding(before, after):
        yield line(step, effect, f"{environment}: {sentence}", who if effect == "breaks" else ())


def _credential(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[Effect, str]]:
    if before["kind"] != after["kind"]:
        without = after["kind"] == "none"
        yield (("breaks", "calls carry no token") if without else ("exposes", "calls carry " + _token(after)))
        return
    if is_login(after):
        yield from _login(before, after)
        return
    for member, old, new in differing(before, after):
        if member == "life_seconds":
            longer = new > old
            sentence = f"tokens live {format_seconds(new)}, was {format_seconds(old)}"
            yield ("exposes" if longer else "rest"), sentence
        elif member == "algorithm":
            of_issuer = "the issuer's own algorithm"
            yield "exposes", f"tokens are signed with {new or of_issuer}, was {old or of_issuer}"
        elif member == "claims":
            for name, was, becomes in differing(old, new):
                yield "exposes", f"tokens say {name}: {shown(becomes)}, was {shown(was)}"
        else:
            yield "exposes", f"tokens have the {member} {shown(new)}, was {shown(old)}"


def _token(credential: Mapping[str, Any]) -> str:
    if not is_login(credential):
        return f"a token for {credential['audience']}"
    return f"a token that a login at {_place(credential['login'])} brings"


def _place(login: Mapping[str, Any]) -> str:
    return str(login["url"] or login["path"])


def _login(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[Effect, str]]:
    """Where the service credential goes, what is asked for with it, whose the token is."""
    old, new = _place(before["login"]), _place(after["login"])
    if old != new:
        yield "exposes", f"the service credential goes to {new}, was {old}"
    if whose(before) != whose(after):
        yield "exposes", f"each {whose(after)} has a token of its own, was each {whose(before)}"
    for member, was, becomes in differing(before, after):
        if member == "login":
            changed = sorted({one for one, _, _ in differing(was, becomes)} - {"path", "url"})
            if changed:
                yield "exposes", f"the login has another {', '.join(changed)}"
        elif member == "subject":
            yield "exposes", "the token that is exchanged says something else"
        else:
            yield "exposes", f"the login has the {member} {shown(becomes)}, was {shown(was)}"


# Without rules: the public authorities, and the target's name.
_BY_NAME: Mapping[str, Any] = {"ca": None, "server_name": None, "pins_sha256": [], "crl": None}


def _tls(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[Effect, str]]:
    """Believing somebody else exposes; believing fewer is the rest, as far as anybody can know."""
    if before["ca"] != after["ca"]:
        yield "exposes", f"TLS believes {'other' if after['ca'] else 'the public'} authorities"
    if before["server_name"] != after["server_name"]:
        yield "exposes", f"TLS asks for the name {after['server_name'] or 'of the target'}"
    old, new = before["pins_sha256"], after["pins_sha256"]
    if old != new:
        looser = not new or (bool(old) and bool(gained(old, new)))
        yield ("exposes" if looser else "rest"), f"TLS takes {enumerated(new) if new else 'any key, was pinned'}"
    if before["crl"] != after["crl"]:
        yield (
            ("rest" if after["crl"] else "exposes"),
            f"TLS looks at {'other' if after['crl'] else 'no'} revocation lists",
        )
