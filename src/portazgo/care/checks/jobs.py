"""What the worker, or a person, should have done by now: rotations, moves of secrets, logins, the outbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from portazgo.care.checks.plane import NOT_ASKED
from portazgo.care.finding import Finding, count, skipped, warning, well, wrong
from portazgo.care.surroundings import Surroundings
from portazgo.kit.clock import parse_rfc3339, rfc3339

if TYPE_CHECKING:
    from portazgo.client.admin import AdminClient

LOOKED_AT = 100
"""Of many keys so many are looked at: one is enough to make a person look."""
ENDS_SOON = timedelta(days=1)
"""Later is what a grace is for."""
STILL_USED = timedelta(days=7)
"""As the notices have it (docs/events.md, `key.secret_retiring`)."""
MOVING_TOO_LONG = timedelta(hours=1)
WAITS_TOO_LONG = timedelta(minutes=5)
"""The worker looks every few seconds."""
NO_WORKER = "see that a worker runs (`portazgo up` has one, `portazgo worker` is one alone), and what its log says"


def rotations(around: Surroundings) -> Iterator[Finding]:
    """Is any key due for rotation by its plan, or an old secret about to end while it is used?"""
    if around.admin is None:
        yield skipped(NOT_ASKED)
        return
    now = datetime.now(UTC)
    found = [*_overdue(around.admin, now), *_used_and_ending(around.admin, now)]
    yield from found
    if not found:
        yield well("no key is overdue for rotation, and nobody uses an old secret that ends soon")


def _overdue(admin: AdminClient, now: datetime) -> Iterator[Finding]:
    keys = list(islice(admin.pages("/keys", {"rotation_due_before": rfc3339(now), "status": "active"}), LOOKED_AT))
    due = [key for key in keys if key["rotation_due_at"] and key["rotation_state"] != "ended"]
    if due:
        first = min(due, key=lambda key: str(key["rotation_due_at"]))
        yield warning(
            f"{_at_least(len(due), 'key')} should have been rotated, {first['kid']} by {first['rotation_due_at']}",
            "`portazgo key list --rotation-due-before 0s` lists them; docs/rotate-without-downtime.md, By a schedule",
        )


def _used_and_ending(admin: AdminClient, now: datetime) -> Iterator[Finding]:
    wanted = {"retiring_ends_before": rfc3339(now + ENDS_SOON)}
    for row in islice(admin.pages("/keys", wanted), LOOKED_AT):
        key = admin.get(f"/keys/{row['kid']}")
        last = (key["retiring_use"] or {}).get("last_used_at")
        if key["status"] == "revoked" or last is None or parse_rfc3339(last) < now - STILL_USED:
            continue
        ends = next(secret["ends_at"] for secret in key["secrets"] if secret["slot"] == "retiring")
        yield warning(
            f"the old secret of the key {key['kid']} ends at {ends}, and was used at {last}",
            f"`portazgo key show {key['kid']}` says by whom; `portazgo key rotation extend` gives them time",
        )


def pepper(around: Surroundings) -> Iterator[Finding]:
    """Has every secret moved to the newest pepper?"""
    if around.admin is None:
        yield skipped(NOT_ASKED)
        return
    versions = list(around.admin.pages("/peppers"))
    current = next((one for one in versions if one["state"] == "current"), None)
    found = [trouble for one in versions if (trouble := _version(one, current)) is not None]
    yield from found
    if not found:
        yield well(f"every secret is under version {current['version']}" if current else "there is none yet")


def _version(its: dict[str, Any], current: dict[str, Any] | None) -> Finding | None:
    if its["state"] == "stuck":
        return warning(
            f"{count(its['stuck'], 'secret')} can't be moved from version {its['version']} of the pepper",
            f"`portazgo pepper show {its['version']}` names them: rotate their keys",
        )
    if its["state"] == "leaving" and current is not None and _is_old(current["created_at"], MOVING_TOO_LONG):
        left = count(its["secrets"], "secret")
        return warning(
            f"the rotation of the pepper began at {current['created_at']}, and version {its['version']} still has {left}",
            NO_WORKER,
        )
    return None


def sealing(around: Surroundings) -> Iterator[Finding]:
    """Is everything sealed by the provider that seals now?"""
    if around.admin is None:
        yield skipped(NOT_ASKED)
        return
    standing = around.admin.get("/wrapping")
    rotation = standing["rotation"]
    runs = rotation is not None and rotation["finished_at"] is None
    if standing["sealing"] is None:
        yield wrong(f"what seals now is not known: {standing['trouble']}", "docs/key-wrapping.md, When KMS is away")
    elif runs and rotation["trouble"]:
        yield warning(
            f"sealing everything anew does not get on: {rotation['trouble']}",
            "`portazgo wrapping status` says how far it is",
        )
    elif runs and _is_old(rotation["started_at"], MOVING_TOO_LONG):
        left = count(rotation["total"] - rotation["done"], "secret")
        yield warning(f"sealing everything anew began at {rotation['started_at']}, and {left} are left", NO_WORKER)
    elif standing["behind"] and not runs:
        were = "was" if standing["behind"] == 1 else "were"
        yield warning(
            f"{count(standing['behind'], 'secret')} {were} sealed by another provider or key than {standing['sealing']}",
            "`portazgo wrapping rotate` seals them anew; keep the other one until then",
        )
    else:
        yield well(f"{standing['sealing']} seals" + (", and a rotation is under way" if runs else " everything"))


def logins(around: Surroundings) -> Iterator[Finding]:
    """Do the logins at backends succeed that fetch their tokens?"""
    if around.admin is None:
        yield skipped(NOT_ASKED)
        return
    failing = [one for node in around.admin.pages("/nodes") for one in node["failing_logins"]]
    for one in failing:
        place = f"{one['backend']} ({one['environment']}) for {one['whose']} on the node {one['node']}"
        yield warning(
            f"no login at {place} since {one['since']}: {one['why']}",
            f"`portazgo backend test {one['backend']}` logs in once more and explains what comes",
        )
    if not failing:
        yield well("no node tells of one that fails")


def outbox(around: Surroundings) -> Iterator[Finding]:
    """Is what happened told within minutes?"""
    if around.admin is None:
        yield skipped(NOT_ASKED)
        return
    waits = around.admin.get("/webhooks/outbox")
    found = False
    for many, since, what in (
        (waits["unspread"], waits["unspread_since"], "event"),
        (waits["overdue"], waits["overdue_since"], "delivery"),
    ):
        if since is not None and _is_old(since, WAITS_TOO_LONG):
            found = True
            said = "deliveries" if what == "delivery" and many != 1 else f"{what}{'s' if many != 1 else ''}"
            yield wrong(f"{many} {said} wait to be sent, since {since}", NO_WORKER)
    if not found:
        yield well("nothing waits to be sent for longer than it may")


def _is_old(moment: str, bound: timedelta) -> bool:
    return datetime.now(UTC) - parse_rfc3339(moment) > bound


def _at_least(number: int, word: str) -> str:
    return f"{number} or more {word}s" if number == LOOKED_AT else count(number, word)
