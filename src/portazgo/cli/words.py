"""What the command line says, in the language of PORTAZGO_LANG. Help stays English.

Of what the control plane says in English, contracts and what all nouns share is given on in Spanish (`told`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portazgo.faults.catalogue import Sentences

LANGUAGES = ("en", "es")
# What a column is called where its path doesn't say it well.
_LABELS = {
    "actor.name": "who",
    "actor_name": "who",
    "application_name": "application",
    "at": "time",
    "changed_at": "last change",
    "contact_at": "last contact",
    "duration_ms": "ms",
    "kid": "kid",
    "name": "name",
    "partner_name": "partner",
    "receipt.refused": "refused",
    "receipt.revision": "revision",
    "route_name": "route",
    "rolled_up": "summed up",
    "started_at": "started",
}

_chosen: str | None = None


def speak(language: str) -> None:
    """Use this language from now on: the one that the settings name."""
    global _chosen  # noqa: PLW0603 - one process speaks one language
    _chosen = language


def language() -> str:
    """Name the language: that of the settings once they are read, until then of the environment."""
    named = _chosen or os.environ.get("PORTAZGO_LANG", "")
    return named if named in LANGUAGES else LANGUAGES[0]


def say(sentence: str, **members: object) -> str:
    """Give a sentence in the reader's language, with its `{members}` filled in."""
    if language() == "es":
        from portazgo.cli.spanish import SENTENCES  # noqa: PLC0415 - read by those who speak it

        sentence = SENTENCES.get(sentence, sentence)
    return sentence.format(**members) if members else sentence


def told(sentence: str) -> str:
    """Give what the control plane, or click, says in English in the reader's language; as it is where nobody translated it."""
    if language() == "es":
        from portazgo.cli.spanish_told import translated  # noqa: PLC0415 - read by those who speak it

        return translated(sentence)
    return sentence


def fault_sentences(code: str) -> Sentences | None:
    """Give what the catalogue says of a fault in the reader's language; None: in English, as the control plane said it."""
    if language() != "es":
        return None
    from portazgo.faults.catalogue import by_code  # noqa: PLC0415 - reads the catalogue

    known = by_code().get(code)
    return None if known is None else known.sentences("es")


def outcome_word(outcome: str) -> str:
    """Say what became of something that was imported."""
    match outcome:
        case "created":
            return say("created")
        case "changed":
            return say("changed")
        case "unchanged":
            return say("unchanged")
        case "skipped":
            return say("skipped")
        case _:
            return outcome


def label(path: str) -> str:
    """Give the heading of a column, or the name of a member, by its dotted path."""
    english = _LABELS.get(path) or _words_of(path)
    if language() == "es":
        from portazgo.cli.spanish_labels import LABELS  # noqa: PLC0415 - read by those who speak it

        environment, _, rest = english.partition(" ")
        if english not in LABELS and environment in {"live", "test"} and rest in LABELS:
            return f"{LABELS[rest]} {environment}"
        return LABELS.get(english) or " ".join(LABELS.get(word, word) for word in english.split(" "))
    return english


def _words_of(path: str) -> str:
    # environments.live.credential.audience is "live audience", and its kind is what the credential is.
    short = path.removeprefix("environments.").replace(".credential.kind", ".credential").replace(".credential.", ".")
    short = short.replace(".forwarding.", ".")
    return short.removesuffix("_at").replace("_", " ").replace(".", " ")
