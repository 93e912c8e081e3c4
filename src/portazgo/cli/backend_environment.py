"""The options that describe a backend in one environment, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar

import click

from portazgo.cli.backend_forwarding import forwarding_options, forwarding_with
from portazgo.cli.contradictions import excludes
from portazgo.cli.options import options
from portazgo.cli.parameters import PAIR, duration, milliseconds, pair

P = ParamSpec("P")
R = TypeVar("R")

_TIMEOUTS = {
    "connect": "until the connection stands",
    "first_byte": "until the answer begins",
    "idle": "between two parts of the answer",
    "total": "for the whole call",
}


def environment_options(command: Callable[P, R]) -> Callable[P, R]:
    """Add the options of targets, time-outs, credential and forwarding."""
    command = excludes("no_credential", "audience", "issuer", "algorithm", "life", "claims")(command)
    command = forwarding_options(command)
    for name, meaning in reversed(_TIMEOUTS.items()):
        option = f"--{name.replace('_', '-')}-timeout"
        command = click.option(option, f"{name}_ms", type=duration, help=f"How long the gateway waits {meaning}.")(
            command
        )
    own = (
        click.option(
            "--target",
            "targets",
            multiple=True,
            metavar="URL",
            help="http://host:port, https://host:port or unix:/path. Repeat it.",
        ),
        click.option("--audience", help="What the backend expects in `aud`."),
        click.option("--issuer", help="Who signs; without it the first issuer."),
        click.option(
            "--algorithm",
            type=click.Choice(["ES256", "EdDSA", "RS256", "HS256"]),
            help="How its tokens are signed; without it as the issuer's keys do.",
        ),
        click.option("--life", type=duration, help="How long a token lives, 1m to 5m.  [default: 2m]"),
        click.option(
            "--claim",
            "claims",
            type=pair,
            multiple=True,
            metavar=PAIR,
            help="A claim: a constant, or of values such as {partner.name}. Repeat it.",
        ),
        click.option("--no-credential", is_flag=True, help="Calls carry no token."),
    )
    return options(*own)(command)


def environment_with(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Give an environment as the API takes it: as before, but for what is wanted."""
    timeouts = {name: milliseconds(wanted[name]) for name in _names() if isinstance(wanted[name], timedelta)}
    after = {**before, "credential": _credential(before.get("credential", {}), wanted)}
    if wanted["targets"]:
        after["targets"] = list(wanted["targets"])
    if timeouts:
        after["timeouts"] = {**before.get("timeouts", {}), **timeouts}
    forwarding = forwarding_with(before.get("forwarding"), wanted)
    if forwarding is not None or "forwarding" in before:
        after["forwarding"] = forwarding
    if "targets" not in after:
        raise click.UsageError("give at least one --target")
    return after


def for_test(live: Mapping[str, Any], targets: list[str]) -> dict[str, Any]:
    """Give the environment for test keys: other targets, otherwise as live. Weights are those of live's targets."""
    forwarding = {name: value for name, value in (live.get("forwarding") or {}).items() if name != "weights"}
    return {**live, "targets": targets, "forwarding": forwarding or None}


def says_something(wanted: Mapping[str, Any]) -> bool:
    """Tell whether any option of an environment was given; 0 is something."""
    return any(value is not None and value is not False and value != () for value in wanted.values())


def as_given(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Give an environment as it was once given: the API shows how a subject token is signed, and doesn't take it."""
    credential = dict(environment["credential"])
    if credential.get("subject"):
        credential["subject"] = _without_algorithm(credential["subject"])
    return {**environment, "credential": credential}


def _without_algorithm(minted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in minted.items() if name != "algorithm"}


def _names() -> list[str]:
    return [f"{name}_ms" for name in _TIMEOUTS]


def _credential(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    if wanted["no_credential"]:
        return {"kind": "none"}
    told = {
        "issuer": wanted["issuer"],
        "audience": wanted["audience"],
        "algorithm": wanted["algorithm"],
        "life_seconds": wanted["life"] and int(wanted["life"].total_seconds()),
        "claims": {**before.get("claims", {}), **dict(wanted["claims"])} if wanted["claims"] else None,
    }
    changes = {name: value for name, value in told.items() if value is not None}
    # What was without a credential, or logged in for one, is minted by the first word about it.
    if changes and before.get("kind", "mint") != "mint":
        before = {}
    if told["issuer"] not in {None, before.get("issuer")}:
        # Another issuer may sign in another way.
        before = _without_algorithm(before)
    return {**before, **changes, "kind": "mint"} if changes or not before else dict(before)
