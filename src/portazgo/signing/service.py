"""Use cases of issuers and their signing keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.kit.errors import Conflict
from portazgo.kit.web.rows import the_one
from portazgo.signing.domain import ALGORITHM, SigningState, public_jwk
from portazgo.signing.models import Issuer, SigningKey
from portazgo.snapshot.log import Change, change
from portazgo.snapshot.wire import IssuerBody, Resource, ResourceRef, SigningKeyBody

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper

DEFAULT_NAME = "default"
FEATURE = "credential.mint-es256.1"


def ensure_default_issuer(actor: Actor, url: str, *, wrapper: KeyWrapper, clock: Clock) -> bool:
    """See that there is an issuer; the first one gets a key that signs at once. Returns whether one was made."""
    if Issuer.objects.exists():
        return False
    create_issuer(actor, DEFAULT_NAME, url, wrapper=wrapper, clock=clock)
    return True


def create_issuer(actor: Actor, name: str, url: str, *, wrapper: KeyWrapper, clock: Clock) -> Issuer:
    """Make an issuer with its first key, which signs at once: nobody can have cached an empty key set of it."""
    can(actor, Verb.CREATE, Issuer.noun)
    now = clock.now()
    issuer = Issuer(name=name, url=url.rstrip("/"), created_at=now)
    key = _new_key(issuer, wrapper, clock)
    key.state, key.signing_since = SigningState.SIGNING, now
    with change(actor, "issuer.created", str(issuer.id), details={"name": name, "url": url}, clock=clock) as recorded:
        if Issuer.objects.filter(name=name).exists() or Issuer.objects.filter(url=issuer.url).exists():
            raise Conflict(f"there is already an issuer {name!r} or one for {url}", code="name_taken")
        issuer.save(force_insert=True)
        recorded.touches(ResourceRef("issuer", str(issuer.id)))
        _insert(key, recorded)
    return issuer


def add_key(actor: Actor, issuer_id: UUID, *, wrapper: KeyWrapper, clock: Clock) -> SigningKey:
    """Publish a further key of an issuer; it does not sign yet. Raises NotFound."""
    can(actor, Verb.CREATE, Issuer.noun)
    issuer = the_one(Issuer.objects.all(), "issuer", id=issuer_id)
    key = _new_key(issuer, wrapper, clock)
    with change(actor, "signing_key.published", key.kid, details={"issuer": issuer.name}, clock=clock) as recorded:
        _insert(key, recorded)
    return key


def withdraw_key(actor: Actor, kid: str, *, clock: Clock) -> SigningKey:
    """Take a key out of use and out of the key set at once, on every node: its tokens end now.

    Raises NotFound, and Conflict (`last_signing_key`) for the only one that signs.
    """
    can(actor, Verb.REVOKE, SigningKey.noun)
    with change(actor, "signing_key.withdrawn", kid, clock=clock) as recorded:
        key = the_one(SigningKey.objects.select_for_update(), "signing_key", kid=kid)
        others = SigningKey.objects.filter(issuer=key.issuer, state=SigningState.SIGNING).exclude(kid=kid)
        if key.state == SigningState.SIGNING and not others.exists():
            raise Conflict(
                "no other key of this issuer signs: its backends could not be called any more",
                code="last_signing_key",
                remedy="publish another key and have it sign first",
            )
        if key.state != SigningState.WITHDRAWN:
            key.state, key.retired_at = SigningState.WITHDRAWN, clock.now()
            key.save(update_fields=["state", "retired_at"])
            recorded.deletes(ResourceRef("signing_key", kid))
            recorded.security("withdraw_signing_key", kid)
    return key


def compiled_issuer(identifier: str) -> Resource | None:
    """Compile an issuer for nodes."""
    issuer = Issuer.objects.filter(id=identifier).first()
    if issuer is None:
        return None
    return Resource("issuer", str(issuer.id), (), IssuerBody(url=issuer.url, name=issuer.name))


def compiled_key(kid: str) -> Resource | None:
    """Compile a signing key for nodes; one that was withdrawn is gone."""
    key = SigningKey.objects.filter(kid=kid).exclude(state=SigningState.WITHDRAWN).first()
    if key is None:
        return None
    body = SigningKeyBody(
        issuer=str(key.issuer_id),
        algorithm=ALGORITHM,
        public_jwk=key.public_jwk,
        wrapped=key.wrapped,
        state=key.state,  # type: ignore[typeddict-item]  # a column of text
    )
    return Resource("signing_key", key.kid, (FEATURE,), body)


def every_key() -> Iterable[str]:
    """Name the keys that nodes know."""
    return SigningKey.objects.exclude(state=SigningState.WITHDRAWN).values_list("kid", flat=True)


def _new_key(issuer: Issuer, wrapper: KeyWrapper, clock: Clock) -> SigningKey:
    private = ec.generate_private_key(ec.SECP256R1())
    point = private.public_key().public_numbers()
    jwk = public_jwk(point.x, point.y)
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    wrapped = wrapper.wrap(f"signing_key/{jwk['kid']}", der)
    return SigningKey(kid=jwk["kid"], issuer=issuer, public_jwk=jwk, wrapped=wrapped, published_at=clock.now())


def _insert(key: SigningKey, recorded: Change) -> None:
    key.save(force_insert=True)
    recorded.touches(ResourceRef("signing_key", key.kid))
