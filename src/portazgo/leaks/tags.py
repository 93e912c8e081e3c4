"""Tags of a secret that somebody holds: with them every refused call that presented it is found (ADR 54)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from portazgo import _native
from portazgo.accounts.domain import Actor, Verb, can
from portazgo.audit.service import record
from portazgo.keys.models import Key
from portazgo.kit.errors import Conflict
from portazgo.partners.personal import month_keys

if TYPE_CHECKING:
    from portazgo.kit.clock import Clock
    from portazgo.kit.secret import Secret


@dataclass(frozen=True, slots=True)
class Tag:
    """What nodes recorded of the secret in a month, `2026-11`."""

    month: str
    tag: str


def tags_of(actor: Actor, presented: Secret, *, clock: Clock) -> list[Tag]:
    """Make a secret's tags, the newest month first; the months are those whose data key there still is.

    Leaves an audit row: who may ask often could try guesses against the tags of records. The row holds a tag, which says
    nothing without the key. Raises Forbidden, Conflict (`data_key_missing`), Unavailable.
    """
    can(actor, Verb.REVOKE, Key.noun)
    text = presented.reveal().encode()
    made = [(month, _native.secret_tag(key, text)) for month, key in month_keys()]
    tags = [Tag(month, tag) for month, tag in made if tag is not None]
    if not tags:
        raise Conflict(
            "there is no data key to make tags with",
            code="data_key_missing",
            remedy="start the worker: it makes one each month",
        )
    with transaction.atomic():
        record(actor, "secret.tagged", tags[0].tag, details={"months": [one.month for one in tags]}, clock=clock)
    return tags
