"""Whether a text is a key of ours: form, check sum and secret. The control plane's own look, for reports of leaks."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portazgo.keys.domain import Kid, digest, inner, parse_key
from portazgo.keys.models import KeySecret
from portazgo.keys.peppers import unwrapped

if TYPE_CHECKING:
    from portazgo.kit.secret import Secret
    from portazgo.kit.wrapping import KeyWrapper


@dataclass(frozen=True, slots=True)
class Proof:
    """What a presented text proved: `claimed` is the kid that it names, `secret_id` the secret's row where it is right."""

    claimed: Kid | None
    secret_id: int | None = None


def prove(presented: Secret, *, wrapper: KeyWrapper) -> Proof:
    """Compare a text with the secrets of the key that it names. Calls the provider: no transaction."""
    parsed = parse_key(presented.reveal())
    if parsed is None:
        return Proof(None)
    shown = inner(parsed.secret)
    rows = KeySecret.objects.select_related("pepper").filter(
        key=parsed.kid, key__application__environment=parsed.environment
    )
    for row in rows:
        if hmac.compare_digest(digest(unwrapped(row.pepper, wrapper), shown), row.digest):
            return Proof(parsed.kid, row.id)
    return Proof(parsed.kid)
