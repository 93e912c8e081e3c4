"""Whether a text is a key of this deployment. The control plane's own look, for reports of leaks.

A key of our form is judged by form, check sum and secret; any other text by whether it was imported.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portazgo.keys.domain import Kid, digest, inner, parse_key
from portazgo.keys.foreign import lookup, possible_inners
from portazgo.keys.lookups import known_lookup_key
from portazgo.keys.models import KeySecret
from portazgo.keys.peppers import unwrapped

if TYPE_CHECKING:
    from portazgo.kit.secret import Secret
    from portazgo.kit.wrapping import KeyWrapper


@dataclass(frozen=True, slots=True)
class Proof:
    """What a presented text proved: `claimed` is the kid that it names, `secret_id` the secret's row where it is right.

    A key that was imported names no kid: it has one where it is right.
    """

    claimed: Kid | None
    secret_id: int | None = None


def prove(presented: Secret, *, wrapper: KeyWrapper) -> Proof:
    """Compare a text with the secrets of the key that it names, or was. Calls the provider: no transaction."""
    parsed = parse_key(presented.reveal())
    if parsed is None:
        return _prove_imported(presented, wrapper)
    shown = inner(parsed.secret)
    rows = KeySecret.objects.select_related("pepper").filter(
        key=parsed.kid, key__application__environment=parsed.environment
    )
    for row in rows:
        if hmac.compare_digest(digest(unwrapped(row.pepper, wrapper), shown), row.digest):
            return Proof(parsed.kid, row.id)
    return Proof(parsed.kid)


def _prove_imported(presented: Secret, wrapper: KeyWrapper) -> Proof:
    lookup_key = known_lookup_key(wrapper)
    if lookup_key is None:
        return Proof(None)
    inner_of = {lookup(lookup_key, possible): possible for possible in possible_inners(presented)}
    for row in KeySecret.objects.select_related("pepper").filter(lookup__in=inner_of):
        shown = inner_of[row.lookup or ""]
        if hmac.compare_digest(digest(unwrapped(row.pepper, wrapper), shown), row.digest):
            return Proof(Kid(row.key_id), row.id)
    return Proof(None)
