"""`/api/v1/contracts`, and `/api/v1/schemas` beside it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Query, Router, Status

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.contracts import checking, service
from portazgo.contracts.drift_api import router as drift_router
from portazgo.contracts.models import BackendSchema, Contract
from portazgo.contracts.recordings_api import router as recordings_router
from portazgo.contracts.schemas import (
    ChangeContract,
    CheckContract,
    ContractCheck,
    ContractsQuery,
    ContractView,
    CreateContract,
    Draft,
    DraftContract,
)
from portazgo.contracts.schemas_api import router as schemas_router
from portazgo.contracts.telling_api import router as telling_router
from portazgo.contracts.trying_api import router as trying_router
from portazgo.contracts.versions_api import router as versions_router
from portazgo.contracts.views import SHOWN_VERSIONS, contract_view
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.rows import the_one
from portazgo.kit.web.schemas import PageOf

router = Router(tags=["contracts"])
router.add_router("", versions_router)
router.add_router("", schemas_router)
router.add_router("", drift_router)
router.add_router("", recordings_router)
router.add_router("", telling_router)
router.add_router("", trying_router)


@router.get("/contracts", response=PageOf[ContractView], by_alias=True)
def list_contracts(request: AdminRequest, query: Query[ContractsQuery]) -> Page[dict[str, Any]]:
    """List the contracts."""
    can(request.actor, Verb.READ, Contract.noun)
    rows = Contract.objects.all()
    if query.api is not None:
        rows = rows.filter(api=query.api)
    if query.name is not None:
        rows = rows.filter(name=query.name)
    return page_of(rows.prefetch_related(SHOWN_VERSIONS), query, contract_view)


@router.post("/contracts", response={201: ContractView}, by_alias=True)
def create_contract(request: AdminRequest, body: CreateContract) -> Status[dict[str, Any]]:
    """Make a draft of a contract; what can't be compiled is refused with every place."""
    new = service.NewContract(body.name, body.api, body.schema_, _terms(body))
    return Status(201, contract_view(service.create(request.actor, new, clock=request.clock)))


@router.post("/contracts/check", response=ContractCheck)
def check_contract(request: AdminRequest, body: CheckContract) -> checking.Check:
    """Say what is wrong with a contract, and how many fields would pass. Nothing is kept."""
    can(request.actor, Verb.READ, Contract.noun)
    return checking.check(*service.over(body.api, body.schema_), _terms(body))


@router.post("/contracts/draft", response=Draft)
def draft_contract(request: AdminRequest, body: DraftContract) -> dict[str, Any]:
    """Write a contract that lets all pass that the schema knows of these routes, for an author to take away from."""
    can(request.actor, Verb.READ, BackendSchema.noun)
    return checking.drafted(*service.over(body.api, body.schema_), body.routes)


@router.get("/contracts/{uuid:contract_id}", response=ContractView, by_alias=True)
def show_contract(request: AdminRequest, contract_id: UUID) -> dict[str, Any]:
    """Show a contract."""
    can(request.actor, Verb.READ, Contract.noun)
    return contract_view(the_one(Contract.objects.all(), "contract", id=contract_id))


@router.patch("/contracts/{uuid:contract_id}", response=ContractView, by_alias=True)
def change_contract(request: AdminRequest, contract_id: UUID, body: ChangeContract) -> dict[str, Any]:
    """Change the draft; what was published stays as it is."""
    terms = None if body.routes is None else {"mappings": body.mappings or {}, "routes": body.routes}
    changed = service.alter(
        request.actor, contract_id, name=body.name, schema=body.schema_, terms=terms, clock=request.clock
    )
    return contract_view(changed)


@router.delete("/contracts/{uuid:contract_id}", response={204: None})
def delete_contract(request: AdminRequest, contract_id: UUID) -> Status[None]:
    """Remove a contract with its versions, none of which is in use any more."""
    service.delete(request.actor, contract_id, clock=request.clock)
    return Status(204, None)


def _terms(body: Draft) -> dict[str, Any]:
    return {"mappings": body.mappings, "routes": body.routes}
