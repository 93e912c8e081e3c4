"""`/api/v1/issuers`, `/api/v1/signing-keys`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from ninja import Path, Query, Router, Status

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.kit.paging import Page
from portazgo.kit.secret import Secret
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.rows import the_one
from portazgo.kit.web.schemas import PageOf, PageQuery
from portazgo.signing import service
from portazgo.signing.models import Issuer, SigningKey
from portazgo.signing.schemas import (
    ChangeIssuer,
    CreateIssuer,
    IssuerMade,
    IssuerView,
    JwkKidText,
    NewKeyBody,
    SigningKeyMade,
    SigningKeyView,
)

if TYPE_CHECKING:
    from pydantic import SecretStr

    from portazgo.signing.algorithms import Algorithm

router = Router(tags=["issuers"])


@router.get("/issuers", response=PageOf[IssuerView])
def list_issuers(request: AdminRequest, page: Query[PageQuery]) -> Page[Issuer]:
    """List the issuers."""
    can(request.actor, Verb.READ, Issuer.noun)
    return page_of(Issuer.objects.all(), page, lambda row: row)


@router.post("/issuers", response={201: IssuerMade})
def create_issuer(request: AdminRequest, body: CreateIssuer) -> Status[IssuerMade]:
    """Make an issuer with a key that signs at once. A shared secret that is made with it is shown this once."""
    new = service.NewIssuer(
        body.name, body.url, body.algorithm, _length(body.rotate_every_seconds), _secret(body.secret)
    )
    made = service.create_issuer(request.actor, new, wrapper=request.wrapper, clock=request.clock)
    shown = IssuerView.from_orm(made.issuer)
    members = {name: getattr(shown, name) for name in IssuerView.model_fields}
    return Status(201, IssuerMade.model_construct(**members, secret=made.secret and made.secret.reveal()))


@router.get("/issuers/{uuid:issuer_id}", response=IssuerView)
def show_issuer(request: AdminRequest, issuer_id: UUID) -> Issuer:
    """Show an issuer."""
    can(request.actor, Verb.READ, Issuer.noun)
    return the_one(Issuer.objects.all(), "issuer", id=issuer_id)


@router.patch("/issuers/{uuid:issuer_id}", response=IssuerView)
def change_issuer(request: AdminRequest, issuer_id: UUID, body: ChangeIssuer) -> Issuer:
    """Say how often the keys of an issuer are rotated."""
    if body.rotate_every_seconds is None and not body.without_rotation:
        can(request.actor, Verb.CHANGE, Issuer.noun)
        return the_one(Issuer.objects.all(), "issuer", id=issuer_id)
    every = _length(body.rotate_every_seconds)
    return service.alter_issuer(request.actor, issuer_id, rotate_every=every, clock=request.clock)


@router.post("/issuers/{uuid:issuer_id}/rotate", response={201: SigningKeyMade})
def rotate_issuer(request: AdminRequest, issuer_id: UUID, body: NewKeyBody | None = None) -> Status[SigningKeyMade]:
    """Publish the key that takes the place of the one that signs, as soon as every node publishes it and caches have ended."""
    algorithm, secret = _wanted(body)
    return _made(
        service.rotate(request.actor, issuer_id, algorithm, secret, wrapper=request.wrapper, clock=request.clock)
    )


@router.get("/signing-keys", response=PageOf[SigningKeyView])
def list_signing_keys(request: AdminRequest, page: Query[PageQuery]) -> Page[SigningKey]:
    """List the signing keys of all issuers."""
    can(request.actor, Verb.READ, Issuer.noun)
    return page_of(SigningKey.objects.all(), page, lambda row: row, order=("kid",))


@router.post("/issuers/{uuid:issuer_id}/signing-keys", response={201: SigningKeyMade})
def add_signing_key(request: AdminRequest, issuer_id: UUID, body: NewKeyBody | None = None) -> Status[SigningKeyMade]:
    """Publish a further key, of this or of another algorithm. It signs as soon as it may; a shared secret when told to."""
    algorithm, secret = _wanted(body)
    return _made(
        service.add_key(request.actor, issuer_id, algorithm, secret, wrapper=request.wrapper, clock=request.clock)
    )


@router.post("/signing-keys/{kid}/sign", response=SigningKeyView)
def begin_signing(request: AdminRequest, kid: Path[JwkKidText]) -> SigningKey:
    """Have a shared secret sign, now that the backend holds it."""
    return service.begin_signing(request.actor, kid, clock=request.clock)


@router.post("/signing-keys/{kid}/withdraw", response=SigningKeyView)
def withdraw_signing_key(request: AdminRequest, kid: Path[JwkKidText]) -> SigningKey:
    """Take a key out of use at once; its tokens end now."""
    return service.withdraw_key(request.actor, kid, clock=request.clock)


def _made(made: service.MadeKey) -> Status[SigningKeyMade]:
    shown = SigningKeyView.from_orm(made.key)
    members = {name: getattr(shown, name) for name in SigningKeyView.model_fields}
    return Status(201, SigningKeyMade.model_construct(**members, secret=made.secret and made.secret.reveal()))


def _wanted(body: NewKeyBody | None) -> tuple[Algorithm | None, Secret | None]:
    return (None, None) if body is None else (body.algorithm, _secret(body.secret))


def _secret(given: SecretStr | None) -> Secret | None:
    return None if given is None else Secret(given.get_secret_value())


def _length(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
