"""Use cases of issuers and their signing keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.kit.errors import Conflict, Invalid
from portazgo.kit.secret import Secret
from portazgo.kit.web.rows import the_one
from portazgo.signing.algorithms import Algorithm
from portazgo.signing.domain import SigningState
from portazgo.signing.models import Issuer, SigningKey
from portazgo.snapshot.log import Change, change
from portazgo.snapshot.wire import IssuerBody, Resource, ResourceRef, SigningKeyBody

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta
    from uuid import UUID

    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper

DEFAULT_NAME = "default"
_ENDED = (SigningState.GONE, SigningState.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class NewIssuer:
    """An issuer to be made. `rotate_every` None: keys are rotated by hand; `secret`: of HS256, None: one is made."""

    name: str
    url: str
    algorithm: Algorithm = Algorithm.ES256
    rotate_every: timedelta | None = None
    secret: Secret | None = None


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key that was just made. `secret`: the shared one, where it was made here; shown this once."""

    key: SigningKey
    secret: Secret | None

    @property
    def issuer(self) -> Issuer:
        """Whose key it is."""
        return self.key.issuer


def ensure_default_issuer(actor: Actor, url: str, *, wrapper: KeyWrapper, clock: Clock) -> bool:
    """See that there is an issuer; the first one gets a key that signs at once. Returns whether one was made."""
    if Issuer.objects.exists():
        return False
    create_issuer(actor, NewIssuer(DEFAULT_NAME, url), wrapper=wrapper, clock=clock)
    return True


def create_issuer(actor: Actor, new: NewIssuer, *, wrapper: KeyWrapper, clock: Clock) -> MadeKey:
    """Make an issuer with its first key, which signs at once: nobody can have cached an empty key set of it.

    Raises Conflict (`name_taken`), Invalid.
    """
    can(actor, Verb.CREATE, Issuer.noun)
    _check_rotation(new.algorithm, new.rotate_every)
    now = clock.now()
    issuer = Issuer(
        name=new.name,
        url=new.url.rstrip("/"),
        algorithm=new.algorithm,
        rotate_every_seconds=_seconds(new.rotate_every),
        created_at=now,
    )
    made = _new_key(issuer, new.algorithm, new.secret, wrapper, clock)
    made.key.state, made.key.signing_since = SigningState.SIGNING, now
    details = {
        "name": new.name,
        "url": new.url,
        "algorithm": new.algorithm,
        "rotate_every_seconds": _seconds(new.rotate_every),
    }
    with change(actor, "issuer.created", str(issuer.id), details=details, clock=clock) as recorded:
        if Issuer.objects.filter(name=new.name).exists() or Issuer.objects.filter(url=issuer.url).exists():
            raise Conflict(f"there is already an issuer {new.name!r} or one for {new.url}", code="name_taken")
        issuer.save(force_insert=True)
        recorded.touches(ResourceRef("issuer", str(issuer.id)))
        _insert(made.key, recorded)
    return made


def alter_issuer(actor: Actor, issuer_id: UUID, *, rotate_every: timedelta | None, clock: Clock) -> Issuer:
    """Say how often its keys are rotated; None: by hand. Nodes learn nothing of it. Raises NotFound, Invalid."""
    can(actor, Verb.CHANGE, Issuer.noun)
    details = {"rotate_every_seconds": _seconds(rotate_every)}
    with change(actor, "issuer.changed", str(issuer_id), details=details, clock=clock):
        issuer = the_one(Issuer.objects.select_for_update(), "issuer", id=issuer_id)
        _check_rotation(Algorithm(issuer.algorithm), rotate_every)
        issuer.rotate_every_seconds = _seconds(rotate_every)
        issuer.save(update_fields=["rotate_every_seconds"])
    return issuer


def add_key(
    actor: Actor,
    issuer_id: UUID,
    algorithm: Algorithm | None = None,
    secret: Secret | None = None,
    *,
    wrapper: KeyWrapper,
    clock: Clock,
) -> MadeKey:
    """Publish a further key of an issuer. It signs by itself as soon as it may; a shared secret signs when it is told to.

    `algorithm` None: the issuer's. Raises NotFound, Invalid.
    """
    can(actor, Verb.CREATE, Issuer.noun)
    issuer = the_one(Issuer.objects.all(), "issuer", id=issuer_id)
    return _publish(actor, issuer, algorithm, secret, wrapper, clock)


def rotate(
    actor: Actor,
    issuer_id: UUID,
    algorithm: Algorithm | None = None,
    secret: Secret | None = None,
    *,
    wrapper: KeyWrapper,
    clock: Clock,
) -> MadeKey:
    """Publish the key that is to take the place of the one that signs.

    Raises NotFound, Invalid, Conflict (`rotation_pending`) while another one waits for its turn.
    """
    can(actor, Verb.ROTATE, Issuer.noun)
    issuer = the_one(Issuer.objects.all(), "issuer", id=issuer_id)
    return _publish(actor, issuer, algorithm, secret, wrapper, clock, alone=True)


def begin_signing(actor: Actor, kid: str, *, clock: Clock) -> SigningKey:
    """Have a shared secret sign, now that the backend has it; the one before retires. Raises NotFound, Conflict."""
    can(actor, Verb.ROTATE, Issuer.noun)
    key = the_one(SigningKey.objects.all(), "signing_key", kid=kid)
    if not Algorithm(key.algorithm).is_shared:
        raise Conflict(
            "a key that is published signs by itself, once every node publishes it and no cache holds the key set from before",
            code="signs_by_itself",
            remedy="portazgo issuer key list shows what it waits for",
        )
    return promote(actor, kid, clock=clock)


def promote(actor: Actor, kid: str, *, clock: Clock) -> SigningKey:
    """Have a published key sign, and retire the one that signed with its algorithm: one revision. It was judged that it may.

    Raises NotFound, Conflict (`not_published`).
    """
    with change(actor, "signing_key.signs", kid, clock=clock) as recorded:
        key = the_one(SigningKey.objects.select_for_update(), "signing_key", kid=kid)
        if key.state != SigningState.PUBLISHED:
            raise Conflict(f"the key is {key.state}: only a published one can begin to sign", code="not_published")
        now = clock.now()
        before = SigningKey.objects.select_for_update().filter(issuer=key.issuer_id, algorithm=key.algorithm)
        for old in before.filter(state=SigningState.SIGNING):
            _move(old, SigningState.RETIRED, recorded, retired_at=now)
        _move(key, SigningState.SIGNING, recorded, signing_since=now)
    return key


def let_go(actor: Actor, kid: str, *, clock: Clock) -> SigningKey:
    """Take a retired key out of the key set, and destroy its private half. Whether it may is judged before.

    Raises NotFound, Conflict (`not_retired`).
    """
    with change(actor, "signing_key.gone", kid, clock=clock) as recorded:
        key = the_one(SigningKey.objects.select_for_update(), "signing_key", kid=kid)
        if key.state != SigningState.RETIRED:
            raise Conflict(f"the key is {key.state}: only a retired one can go", code="not_retired")
        _move(key, SigningState.GONE, recorded, gone_at=clock.now(), wrapped=None)
    return key


def withdraw_key(actor: Actor, kid: str, *, clock: Clock) -> SigningKey:
    """Take a key out of use and out of the key set at once, on every node: its tokens end now.

    Raises NotFound, and Conflict (`last_signing_key`) for the only one that signs with its algorithm.
    """
    can(actor, Verb.REVOKE, SigningKey.noun)
    with change(actor, "signing_key.withdrawn", kid, clock=clock) as recorded:
        key = the_one(SigningKey.objects.select_for_update(), "signing_key", kid=kid)
        signing = SigningKey.objects.filter(issuer=key.issuer_id, algorithm=key.algorithm, state=SigningState.SIGNING)
        if key.state == SigningState.SIGNING and not signing.exclude(kid=kid).exists():
            raise Conflict(
                "no other key of this issuer signs: its backends could not be called any more",
                code="last_signing_key",
                remedy="rotate the issuer, and withdraw this key when the new one signs",
            )
        if key.state not in _ENDED:
            now = clock.now()
            _move(key, SigningState.WITHDRAWN, recorded, retired_at=key.retired_at or now, gone_at=now, wrapped=None)
            recorded.security("withdraw_signing_key", kid)
    return key


def signs_with(issuer_id: UUID, algorithm: str) -> bool:
    """Tell whether a key of the issuer signs with this algorithm by now."""
    return SigningKey.objects.filter(issuer=issuer_id, algorithm=algorithm, state=SigningState.SIGNING).exists()


def compiled_issuer(identifier: str) -> Resource | None:
    """Compile an issuer for nodes."""
    issuer = Issuer.objects.filter(id=identifier).first()
    if issuer is None:
        return None
    return Resource("issuer", str(issuer.id), (), IssuerBody(url=issuer.url, name=issuer.name))


def compiled_key(kid: str) -> Resource | None:
    """Compile a signing key for nodes; one that has ended is gone."""
    key = SigningKey.objects.filter(kid=kid).exclude(state__in=_ENDED).first()
    if key is None:
        return None
    body = SigningKeyBody(
        issuer=str(key.issuer_id),
        algorithm=key.algorithm,  # type: ignore[typeddict-item]  # a column of text
        wrapped=key.wrapped,
        state=key.state,  # type: ignore[typeddict-item]  # likewise
    )
    if key.public_jwk is not None:
        body["public_jwk"] = key.public_jwk
    return Resource("signing_key", key.kid, (Algorithm(key.algorithm).feature,), body)


def every_key() -> Iterable[str]:
    """Name the keys that nodes know."""
    return SigningKey.objects.exclude(state__in=_ENDED).values_list("kid", flat=True)


def _publish(
    actor: Actor,
    issuer: Issuer,
    algorithm: Algorithm | None,
    secret: Secret | None,
    wrapper: KeyWrapper,
    clock: Clock,
    *,
    alone: bool = False,
) -> MadeKey:
    made = _new_key(issuer, algorithm or Algorithm(issuer.algorithm), secret, wrapper, clock)
    details = {"issuer": issuer.name, "algorithm": made.key.algorithm}
    with change(actor, "signing_key.published", made.key.kid, details=details, clock=clock) as recorded:
        if alone:
            # Its row's lock keeps two rotations at once apart.
            the_one(Issuer.objects.select_for_update(), "issuer", id=issuer.id)
            _refuse_pending(issuer, Algorithm(made.key.algorithm))
        _insert(made.key, recorded)
    return made


def _new_key(issuer: Issuer, algorithm: Algorithm, secret: Secret | None, wrapper: KeyWrapper, clock: Clock) -> MadeKey:
    """Make a key, and wrap it: outside of any transaction, since that may call out."""
    # Loaded only where a key is made: it takes a while, and memory.
    from portazgo.signing.keypairs import generate, new_shared_secret, shared  # noqa: PLC0415

    if secret is not None and not algorithm.is_shared:
        raise Invalid.at("/secret", f"{algorithm} has no shared secret: its private key never leaves the gateway")
    own = new_shared_secret() if algorithm.is_shared and secret is None else None
    given = secret or own
    pair = generate(algorithm) if given is None else shared(given)
    key = SigningKey(
        kid=pair.kid,
        issuer=issuer,
        algorithm=algorithm,
        public_jwk=pair.public_jwk,
        wrapped=wrapper.wrap(f"signing_key/{pair.kid}", pair.private),
        published_at=clock.now(),
    )
    return MadeKey(key, own)


def _insert(key: SigningKey, recorded: Change) -> None:
    key.save(force_insert=True)
    recorded.touches(ResourceRef("signing_key", key.kid))


def _move(key: SigningKey, state: SigningState, recorded: Change, **members: object) -> None:
    for name, value in {"state": state, "waits_for": "", "not_before": None, **members}.items():
        setattr(key, name, value)
    key.save(update_fields=["state", "waits_for", "not_before", *members])
    # One that has ended compiles to nothing: nodes are told that it is gone.
    recorded.touches(ResourceRef("signing_key", key.kid))


def _refuse_pending(issuer: Issuer, algorithm: Algorithm) -> None:
    pending = SigningKey.objects.filter(issuer=issuer, algorithm=algorithm, state=SigningState.PUBLISHED).first()
    if pending is not None:
        raise Conflict(
            f"the key {pending.kid} is published and waits to sign",
            code="rotation_pending",
            remedy="wait for it (portazgo issuer key list), or withdraw it",
        )


def _check_rotation(algorithm: Algorithm, rotate_every: timedelta | None) -> None:
    if algorithm.is_shared and rotate_every is not None:
        raise Invalid.at(
            "/rotate_every",
            "a shared secret can't be rotated on schedule: the backend must be given the new one by hand",
        )


def _seconds(length: timedelta | None) -> int | None:
    return None if length is None else int(length.total_seconds())
