"""What to do about a refusal of the admin API, in the words of the command line: its own remedies speak of members."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from portazgo.cli.words import say, told

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
    "token_invalid": lambda: say(
        "It is the one in {file}: wrong, revoked or at its end. PORTAZGO_ADMIN_TOKEN_FILE names another file; "
        "`portazgo token create` makes a token, for whoever has one that may.",
        file=_token_file(),
    ),
    "document_unreachable": lambda: say(
        "Is this the document's address? The control plane fetches it without a login: else hand it in by --file."
    ),
    "key_unknown": lambda: say("`{command}` lists them.", command="portazgo key list"),
    "key_alive": lambda: say("Revoke it first: `portazgo key revoke`."),
    "pepper_rotation_under_way": lambda: say("Wait for its end: `portazgo pepper list` shows how far it is."),
}


def _token_file() -> str:
    from portazgo import settings  # noqa: PLC0415 - read when the control plane has answered

    return str(settings.current().admin_token_file)


def remedy_of(problem: Mapping[str, object]) -> str | None:
    """Say what to do at the command line; else what the admin API says."""
    ours = _REMEDIES.get(str(problem.get("code")))
    remedy = problem.get("remedy")
    return ours() if ours else told(str(remedy)) if remedy else None
