"""From what a person wrote, a name or an id, to the thing; a misspelt name is answered with the nearest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from portazgo.cli.exits import Exit
from portazgo.cli.noun import LARGEST_PAGE, did_you_mean
from portazgo.cli.session import Failed
from portazgo.cli.words import label, say

if TYPE_CHECKING:
    from portazgo.client.admin import AdminClient, Document

# So many names are read to find the nearest one.
_NAMES_AT_MOST = 2_000
_KID = re.compile(r"(?:[^_]+_(?:live|test)_)?([0-9A-Za-z]{10})(?:_[0-9A-Za-z]+)?")


@dataclass(frozen=True, slots=True)
class Kind:
    """What is looked for: its word, where it is listed, within what its name is unique, and what it is called by."""

    word: str
    path: str
    parent: Kind | None = None
    called: str = "name"
    filtered: bool = True
    """Whether the list takes `name=`; otherwise it is read whole."""


PARTNER = Kind("partner", "/partners")
APPLICATION = Kind("application", "/applications", parent=PARTNER)
BACKEND = Kind("backend", "/backends")
API = Kind("api", "/apis")
ROUTE = Kind("route", "/routes", parent=API)
PLAN = Kind("plan", "/plans")
SCHEMA = Kind("schema", "/schemas")
CONTRACT = Kind("contract", "/contracts")
ISSUER = Kind("issuer", "/issuers", filtered=False)
NODE = Kind("node", "/nodes", called="label", filtered=False)
TOKEN = Kind("token", "/tokens", filtered=False)
ENDPOINT = Kind("webhook endpoint", "/webhooks/endpoints")
NODE_TOKEN = Kind("node token", "/node-tokens", filtered=False)


def find(client: AdminClient, kind: Kind, text: str, parent: str | None = None) -> Document:
    """Find one thing by its id, its name, or `parent/name`.

    Raises Failed: nothing is called so (the nearest name is the remedy), or several are (usage: say of which parent).
    """
    if is_id(text):
        return _by_id(client, kind, text)
    if kind.parent is not None and parent is None and "/" in text:
        parent, _, text = text.partition("/")
    within = {kind.parent.word: find(client, kind.parent, parent)["id"]} if kind.parent and parent else {}
    if kind is CONTRACT and "@" in text:
        raise Failed(
            say("{text} is a version, and this is about the contract", text=text),
            remedy=say("Write {name}.", name=text.partition("@")[0]),
            exit_code=Exit.USAGE,
        )
    query = {**within, "limit": LARGEST_PAGE}
    asked = {**query, "name": text} if kind.filtered else query
    found = [item for item in client.pages(kind.path, asked) if item[kind.called] == text]
    if not found:
        known = [item[kind.called] for item in client.pages(kind.path, query, most=_NAMES_AT_MOST)]
        raise unknown(kind, text, known)
    if len(found) > 1:
        raise _several(kind, text, found)
    return found[0]


def find_id(client: AdminClient, kind: Kind, text: str | None, parent: str | None = None) -> str | None:
    """Give the id of what is called so; None of None."""
    if text is None:
        return None
    if is_id(text) and parent is None:
        return text
    identifier: str = find(client, kind, text, parent)["id"]
    return identifier


def is_id(text: str) -> bool:
    """Tell whether the text is an id rather than a name."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def kid_of(text: str) -> str:
    """Give the kid of what was written: the kid, or a whole API key, as one has it at hand when it leaked.

    Raises Failed (usage).
    """
    found = _KID.fullmatch(text)
    if found is None:
        raise Failed(say("this is no kid: 10 letters and digits, such as 7hK2mQ9xTb"), exit_code=Exit.USAGE)
    return found[1]


def unknown(kind: Kind, text: str, known: list[str]) -> Failed:
    """Make the error: there is nothing of that name."""
    sentence = say("there is no {thing} {text!r}", thing=label(kind.word), text=text)
    near = did_you_mean(text, known).strip()
    if near:
        return Failed(sentence, remedy=near)
    if not known and kind is not NODE:
        command = f"portazgo {kind.word} {'import' if kind is SCHEMA else 'create'}"
        return Failed(sentence, remedy=say("There is none at all yet: `{command}` makes one.", command=command))
    return Failed(sentence, remedy=say("`{command}` lists them.", command=f"portazgo {kind.word} list"))


def _by_id(client: AdminClient, kind: Kind, identifier: str) -> Document:
    if kind.filtered or kind is NODE:
        return client.get(f"{kind.path}/{identifier}")
    # Issuers and tokens have no page of their own: they are few.
    for item in client.pages(kind.path, {"limit": LARGEST_PAGE}):
        if item["id"] == identifier:
            return item
    raise unknown(kind, identifier, [])


def _several(kind: Kind, text: str, found: list[dict[str, Any]]) -> Failed:
    sentence = say("{count} are called {text!r}: {ids}", count=len(found), text=text, ids=_identities(found))
    if kind.parent is not None:
        remedy = say("Write `{parent}/{text}`, or the id.", parent=kind.parent.word.upper(), text=text)
    else:
        remedy = say("Write the id.")
    return Failed(sentence, remedy=remedy, exit_code=Exit.USAGE)


def _identities(found: list[dict[str, Any]]) -> str:
    return ", ".join(item["id"] for item in found)
