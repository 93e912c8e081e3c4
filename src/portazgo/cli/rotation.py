"""`portazgo key rotate` and `portazgo key rotation`: a new secret under the same kid, and what becomes of the old one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from portazgo.cli.cells import cell, members
from portazgo.cli.find import kid_of
from portazgo.cli.noun import Noun, asks, confirm, names_for, prints
from portazgo.cli.output import note, show_one, show_pairs
from portazgo.cli.parameters import duration, given, short_duration
from portazgo.cli.propagation import show_propagation
from portazgo.cli.session import connect
from portazgo.cli.shown_once import show_once
from portazgo.cli.words import label, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portazgo.client.admin import AdminClient, Document

NAMED = {"application": "/applications", "partner": "/partners"}
_APART = frozenset({"secrets", "retiring_use"})

GRACE_HELP = "counted from now, such as 12h or 7d."
WAIT = click.option("--wait", is_flag=True, help="Wait until every node knows.")
TIMEOUT = click.option("--timeout", type=duration, default="30s", help="How long --wait waits.", show_default=True)
SECRET = click.option("--secret", type=click.IntRange(min=1), help="Number of the retiring secret that is meant.")


@click.command("rotate")
@click.argument("kid")
@click.option("--grace", type=duration, help="How long the old secret goes on working.  [default: the plan's]")
@click.option("--secret", type=click.IntRange(min=1), help="Only if this is the number of the current secret.")
@click.option("--end-retiring", is_flag=True, help="End a secret that is still retiring, too.")
@asks
@prints
def rotate_key(kid: str, grace: timedelta | None, secret: int | None, end_retiring: bool, output: str) -> None:
    """Give a key a new secret under the same kid; the old one works for the grace. The new key is shown this once."""
    client = connect()
    found = client.get(f"/keys/{kid_of(kid)}")
    current = next(one for one in found["secrets"] if one["slot"] == "current")
    if grace == timedelta(0) or end_retiring:
        confirm(say("Rotate the key {kid}, and end what works now at once?{last}", kid=found["kid"], last=_last(found)))
    wanted = given(
        grace=_written(grace), expected_secret=secret or current["number"], end_retiring=end_retiring or None
    )
    rotated = client.post(f"/keys/{found['kid']}/rotate", wanted)
    warning = say("This is the only time that the key is shown: keep it now, and hand it over by a safe way.")
    show_once(client, rotated, "api_key", output, NAMED, warning, pairs=_key_lines)
    note(say("`portazgo key show {kid}` tells who still uses the old secret.", kid=found["kid"]))


@click.group("rotation", cls=Noun)
def rotation() -> None:
    """The rotation of a key that is under way: extend, end or cancel it."""


@rotation.command("extend")
@click.argument("kid")
@click.option("--grace", type=duration, required=True, help=f"How long the old secret goes on working, {GRACE_HELP}")
@SECRET
@prints
def extend_rotation(kid: str, grace: timedelta, secret: int | None, output: str) -> None:
    """Let the old secret work longer."""
    client = connect()
    wanted = given(grace=_written(grace), expected_secret=secret)
    show_key_document(client, client.post(f"/keys/{kid_of(kid)}/rotation/extend", wanted), output)


@rotation.command("end")
@click.argument("kid")
@click.option("--grace", type=duration, help=f"Not at once: {GRACE_HELP}")
@click.option(
    "--unless-used-within", "unused", type=duration, help="Refuse (exit 6) when it was used within this time."
)
@SECRET
@WAIT
@TIMEOUT
@asks
@prints
def end_rotation(
    kid: str,
    grace: timedelta | None,
    unused: timedelta | None,
    secret: int | None,
    wait: bool,
    timeout: timedelta,
    output: str,
) -> int | None:
    """End the old secret early, once nobody uses it any more. With --wait the exit code is 7 while a node is unproven."""
    client = connect()
    found = client.get(f"/keys/{kid_of(kid)}")
    confirm(say("End the old secret of the key {kid}?{last}", kid=found["kid"], last=_last(found)))
    wanted = given(grace=_written(grace), unless_used_within=_written(unused), expected_secret=secret)
    ended = client.post(f"/keys/{found['kid']}/rotation/end", wanted)
    return _done(client, ended, wait, timeout, output)


@rotation.command("cancel")
@click.argument("kid")
@SECRET
@WAIT
@TIMEOUT
@asks
@prints
def cancel_rotation(kid: str, secret: int | None, wait: bool, timeout: timedelta, output: str) -> int | None:
    """Undo it: the new secret dies, and the old one is current again. Also when the new key was lost."""
    client = connect()
    found = client.get(f"/keys/{kid_of(kid)}")
    confirm(say("Cancel the rotation of the key {kid}? Its new secret dies at once.", kid=found["kid"]))
    cancelled = client.post(f"/keys/{found['kid']}/rotation/cancel", given(expected_secret=secret))
    return _done(client, cancelled, wait, timeout, output)


def show_key_document(client: AdminClient, document: Document, output: str) -> None:
    """Print a key; for people with a line for each of its secrets, and for each caller that uses the old one."""
    if output != "table":
        show_one(document, output)
        return
    show_pairs(_key_lines(client, document))


def _key_lines(client: AdminClient, document: Document) -> Iterator[tuple[str, str]]:
    names = names_for(client, [document], NAMED)
    yield from members({name: value for name, value in document.items() if name not in _APART}, names)
    yield from _secret_lines(document)


def _done(client: AdminClient, document: Document, wait: bool, timeout: timedelta, output: str) -> int | None:
    if wait:
        return show_propagation(client, f"/keys/{document['kid']}", timeout, output)
    show_key_document(client, document, output)
    return None


def _secret_lines(document: Document) -> Iterator[tuple[str, str]]:
    for secret in document["secrets"]:
        at = {"number": secret["number"], "since": cell(secret["created_at"], {}), "end": cell(secret["ends_at"], {})}
        if secret["ended"]:
            text = say("number {number}, ended {end}", **at)
        elif secret["ends_at"] is not None:
            text = say("number {number}, works until {end}", **at)
        else:
            text = say("number {number}, since {since}", **at)
        if secret["scheme"] is not None:
            text = say("{text}; imported, {scheme}", text=text, scheme=secret["scheme"])
        yield label("current_secret" if secret["slot"] == "current" else "retiring_secret"), text
    uses = document.get("retiring_use")
    if uses is None:
        return
    for caller in uses["callers"]:
        yield label("used_by"), _caller(caller)
    if not uses["callers"]:
        yield label("used_by"), say("nobody since the rotation")


def _caller(caller: dict[str, Any]) -> str:
    return say(
        "{address} ({agent}): {calls} calls, {refused} refused; last {ago} ago, {route}",
        address=cell(caller["address"], {}),
        agent=cell(caller["user_agent"], {}),
        calls=caller["requests"],
        refused=caller["refused"],
        ago=ago(caller["last_at"]),
        route=cell(caller["route"], {}),
    )


def _last(document: Document) -> str:
    """Say who used the old secret last, behind a question; empty where none is retiring."""
    uses = document.get("retiring_use")
    if uses is None:
        return ""
    last = next((caller for caller in uses["callers"] if caller["requests"]), None)
    if last is None or uses["last_used_at"] is None:
        return " " + say("Nobody has used it since the rotation.")
    return " " + say(
        "It was used {ago} ago from {address} ({agent}).",
        ago=ago(uses["last_used_at"]),
        address=cell(last["address"], {}),
        agent=cell(last["user_agent"], {}),
    )


def ago(moment: str, now: datetime | None = None) -> str:
    """Write how long ago a time was, in its largest unit: `12 min`."""
    seconds = int(((now or datetime.now(UTC)) - datetime.fromisoformat(moment)).total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(0, seconds)} s"


def _written(length: timedelta | None) -> str | None:
    return None if length is None else short_duration(length // timedelta(milliseconds=1))
