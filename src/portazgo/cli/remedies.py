"""What to do about a refusal of the admin API, in the words of the command line: its own remedies speak of members."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from portazgo.cli.words import say

_REMEDIES: dict[str, Callable[[], str]] = {
    "rotation_pending": lambda: say(
        "Extend or end its grace (`portazgo key rotation extend`, `end`), or take the rotation back with `cancel`, also "
        "when the new key is lost. `portazgo key rotate --end-retiring` ends the old secret and rotates in one step."
    ),
    "secret_moved": lambda: say("Somebody was faster: look at `portazgo key show`, and decide anew."),
    "secret_in_use": lambda: say(
        "Let that caller take the new key first, or end the old secret all the same, without --unless-used-within."
    ),
    "no_rotation": lambda: say("`portazgo key show` shows the key's secrets; what has ended stays dead."),
    "key_revoked": lambda: say("Make a new key: `portazgo key create`."),
    "key_expired": lambda: say(
        "Make a new key (`portazgo key create`), or move its end: `portazgo key change --expires`."
    ),
    "key_alive": lambda: say("Revoke it first: `portazgo key revoke`."),
    "pepper_rotation_under_way": lambda: say("Wait for its end: `portazgo pepper list` shows how far it is."),
}


def remedy_of(problem: Mapping[str, object]) -> str | None:
    """Say what to do at the command line; else what the admin API says."""
    ours = _REMEDIES.get(str(problem.get("code")))
    remedy = problem.get("remedy")
    return ours() if ours else str(remedy) if remedy else None
