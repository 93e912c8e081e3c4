"""Actors, scopes, and the rule that joins them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol

from portazgo.kit.errors import Forbidden, Invalid

if TYPE_CHECKING:
    from datetime import datetime

EVERYTHING = "*"
PARTNER_VIEW = "partner_view"
"""The noun of what a partner sees of its own: all that a token of one partner opens."""
SCOPE_PATTERN = r"^(\*|[a-z][a-z_]*:(\*|[a-z][a-z_]*))$"

ActorKind = Literal["token", "system"]


class Verb(StrEnum):
    """What can be done to a thing. A scope `noun:write` grants all but the last, `noun:read` the first, `noun:<verb>` one."""

    READ = "read"
    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"
    SUSPEND = "suspend"
    REVOKE = "revoke"
    ROTATE = "rotate"
    ERASE = "erase"
    """Nothing brings back what it takes: granted by its own name, `noun:*` and `*`."""


class Thing(Protocol):
    """What a verb is done to: rows and nouns alike say which noun they are, in the plural (`keys`)."""

    @property
    def noun(self) -> str:
        """Name the noun."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an admin token, or Portazgo itself (`migrate`, first run, background jobs)."""

    kind: ActorKind
    id: str
    name: str
    scopes: frozenset[str]
    request_id: str | None = None
    """Of the request that it acts in; the audit row keeps it."""
    address: str | None = None
    """Where the request came from, likewise."""
    partner: str | None = None
    """Of whose things alone it may see anything; None: of all partners'."""
    expires_at: datetime | None = None
    """When its token ends by itself, and with it all that may come of it; None: never."""


SYSTEM = Actor("system", "system", "portazgo", frozenset({EVERYTHING}))


def can(actor: Actor, verb: Verb, thing: Thing | str) -> None:
    """Return when the actor may do this, else raise Forbidden (`scope_missing`). `thing`: a row, or a noun's name."""
    noun = thing if isinstance(thing, str) else thing.noun
    # Whatever scopes such a token has: it opens the view of its partner, and reads only.
    bound = actor.partner is not None and (noun, verb) != (PARTNER_VIEW, Verb.READ)
    if bound or not actor.scopes & _granting(verb, noun):
        needed = f"{noun}:{verb.value if verb in {Verb.READ, Verb.ERASE} else 'write'}"
        raise Forbidden(
            f"the token {actor.name!r} may not {verb.value} {noun}",
            code="scope_missing",
            remedy="use a token that is not of one partner only" if bound else f"use a token with the scope {needed}",
            scope=needed,
        )


def is_scope(text: str) -> bool:
    """Tell whether the text has the form of an admin scope: `*`, `keys:read`, `keys:write`, `keys:revoke`, `keys:*`."""
    return re.fullmatch(SCOPE_PATTERN, text) is not None


def narrower(scopes: frozenset[str], than: frozenset[str]) -> bool:
    """Tell whether every one of `scopes` lies within `than`, so that nobody hands out more than they have."""
    return EVERYTHING in than or all(_within(scope, than) for scope in scopes)


def check_life(expires_at: datetime | None, actor: Actor) -> None:
    """Return when a token with this end may come of the actor's. Raises Invalid (`expiry_too_late`).

    Else whoever holds a token for an hour would make one that has no end.
    """
    if actor.expires_at is None or (expires_at is not None and expires_at <= actor.expires_at):
        return
    raise Invalid.at(
        "/expires_at",
        f"a token can't outlive the one that makes it, which ends at {actor.expires_at.isoformat()}",
        code="expiry_too_late",
    )


def _granting(verb: Verb, noun: str) -> frozenset[str]:
    granting = {EVERYTHING, f"{noun}:*", f"{noun}:{verb.value}"}
    return frozenset(granting if verb is Verb.ERASE else granting | {f"{noun}:write"})


def _within(scope: str, than: frozenset[str]) -> bool:
    noun, _, action = scope.partition(":")
    wide = {f"{noun}:*"} if action in {"*", Verb.ERASE} else {f"{noun}:*", f"{noun}:write"}
    return scope in than or (bool(action) and bool(wide & than))
