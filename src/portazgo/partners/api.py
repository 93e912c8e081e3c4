"""`/api/v1/partners`."""

from __future__ import annotations

from uuid import UUID

from ninja import Query, Router, Status

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.rows import the_one
from portazgo.kit.web.schemas import PageOf
from portazgo.partners import service
from portazgo.partners.erasing import Erasure, erase
from portazgo.partners.models import Partner
from portazgo.partners.schemas import ChangePartner, CreatePartner, ErasureView, PartnersQuery, PartnerView

router = Router(tags=["partners"])


@router.get("/partners", response=PageOf[PartnerView])
def list_partners(request: AdminRequest, query: Query[PartnersQuery]) -> Page[Partner]:
    """List the partners."""
    can(request.actor, Verb.READ, Partner.noun)
    rows = Partner.objects.all()
    return page_of(rows.filter(name=query.name) if query.name is not None else rows, query, lambda row: row)


@router.post("/partners", response={201: PartnerView})
def create_partner(request: AdminRequest, body: CreatePartner) -> Status[Partner]:
    """Make a partner."""
    made = service.create(request.actor, body.name, body.metadata, wrapper=request.wrapper, clock=request.clock)
    return Status(201, made)


@router.get("/partners/{uuid:partner_id}", response=PartnerView)
def show_partner(request: AdminRequest, partner_id: UUID) -> Partner:
    """Show a partner."""
    can(request.actor, Verb.READ, Partner.noun)
    return the_one(Partner.objects.all(), "partner", id=partner_id)


@router.patch("/partners/{uuid:partner_id}", response=PartnerView)
def change_partner(request: AdminRequest, partner_id: UUID, body: ChangePartner) -> Partner:
    """Rename a partner or replace its metadata."""
    return service.alter(request.actor, partner_id, name=body.name, metadata=body.metadata, clock=request.clock)


@router.post("/partners/{uuid:partner_id}/suspend", response=PartnerView)
def suspend_partner(request: AdminRequest, partner_id: UUID) -> Partner:
    """Let no call of the partner through until it is resumed."""
    return service.suspend(request.actor, partner_id, clock=request.clock)


@router.post("/partners/{uuid:partner_id}/resume", response=PartnerView)
def resume_partner(request: AdminRequest, partner_id: UUID) -> Partner:
    """Let the partner's calls through again."""
    return service.resume(request.actor, partner_id, clock=request.clock)


@router.post("/partners/{uuid:partner_id}/erase", response=ErasureView)
def erase_partner(request: AdminRequest, partner_id: UUID) -> Erasure:
    """Destroy the data key of a suspended or removed partner: what its records say of a person is gone for ever."""
    return erase(request.actor, partner_id, clock=request.clock)


@router.delete("/partners/{uuid:partner_id}", response={204: None})
def delete_partner(request: AdminRequest, partner_id: UUID) -> Status[None]:
    """Remove a partner that has no application."""
    service.delete(request.actor, partner_id, clock=request.clock)
    return Status(204, None)
