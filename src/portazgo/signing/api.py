"""`/api/v1/issuers`, `/api/v1/signing-keys`."""

from __future__ import annotations

from uuid import UUID

from ninja import Path, Query, Router, Status

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.schemas import PageOf, PageQuery
from portazgo.signing import service
from portazgo.signing.models import Issuer, SigningKey
from portazgo.signing.schemas import CreateIssuer, IssuerView, JwkKidText, SigningKeyView

router = Router(tags=["issuers"])


@router.get("/issuers", response=PageOf[IssuerView])
def list_issuers(request: AdminRequest, page: Query[PageQuery]) -> Page[Issuer]:
    """List the issuers."""
    can(request.actor, Verb.READ, Issuer.noun)
    return page_of(Issuer.objects.all(), page, lambda row: row)


@router.post("/issuers", response={201: IssuerView})
def create_issuer(request: AdminRequest, body: CreateIssuer) -> Status[Issuer]:
    """Make an issuer with a key that signs at once."""
    issuer = service.create_issuer(request.actor, body.name, body.url, wrapper=request.wrapper, clock=request.clock)
    return Status(201, issuer)


@router.get("/signing-keys", response=PageOf[SigningKeyView])
def list_signing_keys(request: AdminRequest, page: Query[PageQuery]) -> Page[SigningKey]:
    """List the signing keys of all issuers."""
    can(request.actor, Verb.READ, Issuer.noun)
    return page_of(SigningKey.objects.all(), page, lambda row: row, order=("kid",))


@router.post("/issuers/{uuid:issuer_id}/signing-keys", response={201: SigningKeyView})
def add_signing_key(request: AdminRequest, issuer_id: UUID) -> Status[SigningKey]:
    """Publish a further key; it does not sign yet."""
    return Status(201, service.add_key(request.actor, issuer_id, wrapper=request.wrapper, clock=request.clock))


@router.post("/signing-keys/{kid}/withdraw", response=SigningKeyView)
def withdraw_signing_key(request: AdminRequest, kid: Path[JwkKidText]) -> SigningKey:
    """Take a key out of use at once; its tokens end now."""
    return service.withdraw_key(request.actor, kid, clock=request.clock)
