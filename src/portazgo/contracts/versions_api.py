"""Versions of contracts, pins to them, and who uses them: below `/api/v1/contracts/{id}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from ninja import Path, Query, Router, Status
from pydantic import StringConstraints

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.applications.models import Application
from portazgo.contracts import pinning, publishing
from portazgo.contracts.comparing import differences
from portazgo.contracts.differences.contracts import is_breaking
from portazgo.contracts.models import Contract, ContractPin
from portazgo.contracts.permitted import Caller, told, told_to
from portazgo.contracts.schemas import (
    ContractDifferences,
    DeprecateVersion,
    DifferencesQuery,
    HolderBody,
    PinsQuery,
    PinView,
    PublishContract,
    ReaderQuery,
    ServedBy,
    UsersView,
    VersionDetail,
    VersionDocument,
    VersionView,
)
from portazgo.contracts.serving import PIN_ROWS, pin_view, serving, serving_view
from portazgo.contracts.using import users_of
from portazgo.contracts.views import left_out_view, version_detail, version_view
from portazgo.keys.models import Key
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.rows import the_one
from portazgo.kit.web.schemas import PageOf

if TYPE_CHECKING:
    from portazgo.contracts.models import ContractVersion

router = Router(tags=["contracts"])
VersionName = Annotated[str, StringConstraints(max_length=16), Path()]


@router.post("/contracts/{uuid:contract_id}/publish", response={201: VersionView})
def publish_contract(request: AdminRequest, contract_id: UUID, body: PublishContract) -> Status[dict[str, Any]]:
    """Make the draft a version, which never changes."""
    version = publishing.publish(request.actor, contract_id, default=body.default, clock=request.clock)
    return Status(201, version_view(version))


@router.get("/contracts/{uuid:contract_id}/differences", response=ContractDifferences)
def diff_contract(request: AdminRequest, contract_id: UUID, query: Query[DifferencesQuery]) -> dict[str, Any]:
    """Say what changes for partners from one version to another, or to the draft: breaking or not, by rule."""
    can(request.actor, Verb.READ, Contract.noun)
    contract = the_one(Contract.objects.all(), "contract", id=contract_id)
    found = differences(contract, query.before, query.after)
    return {"breaking": is_breaking(found), "changes": found}


@router.get("/contracts/{uuid:contract_id}/pins", response=PageOf[PinView])
def list_contract_pins(request: AdminRequest, contract_id: UUID, query: Query[PinsQuery]) -> Page[dict[str, Any]]:
    """List the pins to a contract's versions."""
    can(request.actor, Verb.READ, Contract.noun)
    contract = the_one(Contract.objects.all(), "contract", id=contract_id)
    rows = ContractPin.objects.filter(version__contract=contract).select_related("version", *PIN_ROWS)
    return page_of(rows, query, pin_view)


@router.get("/applications/{uuid:application_id}/contracts", response=ServedBy)
def list_application_contracts(request: AdminRequest, application_id: UUID) -> dict[str, Any]:
    """Say which version of which contract serves an application's calls, and whose pin says so."""
    can(request.actor, Verb.READ, Application.noun)
    application = the_one(Application.objects.select_related("plan"), "application", id=application_id)
    return {"items": [serving_view(one) for one in serving(application)]}


@router.post("/contracts/{uuid:contract_id}/unpin", response={204: None})
def unpin_contract(request: AdminRequest, contract_id: UUID, body: HolderBody) -> Status[None]:
    """Take a pin to a version of this contract away."""
    pinning.unpin(request.actor, contract_id, _holder(body), clock=request.clock)
    return Status(204, None)


@router.get("/contracts/{uuid:contract_id}/versions/{version}", response=VersionDetail)
def show_contract_version(request: AdminRequest, contract_id: UUID, version: VersionName) -> dict[str, Any]:
    """Show a version: as it was written, and what partners see."""
    return version_detail(_readable(request, contract_id, version))


@router.get("/contracts/{uuid:contract_id}/versions/{version}/document", response=VersionDocument)
def show_contract_document(
    request: AdminRequest, contract_id: UUID, version: VersionName, query: Query[ReaderQuery]
) -> dict[str, Any]:
    """Give the OpenAPI document that partners of a version read; or what of it an application, or a key, may call."""
    found = _readable(request, contract_id, version)
    reader = _reader(request, query)
    if reader is None:
        return {"document": told(found), "left_out": []}
    cut = told_to(found, [reader])
    return {"document": cut.document, "left_out": [left_out_view(one) for one in cut.left_out]}


@router.get("/contracts/{uuid:contract_id}/versions/{version}/users", response=UsersView)
def list_contract_users(request: AdminRequest, contract_id: UUID, version: VersionName) -> dict[str, Any]:
    """Say which routes and pins lead to a version, and whose calls it serves."""
    can(request.actor, Verb.READ, "usage")
    return users_of(_readable(request, contract_id, version), request.clock)


@router.post("/contracts/{uuid:contract_id}/versions/{version}/default", response=VersionView)
def set_default_version(request: AdminRequest, contract_id: UUID, version: VersionName) -> dict[str, Any]:
    """Have its routes serve a version to all to whom no other is pinned."""
    return version_view(publishing.set_default(request.actor, contract_id, version, clock=request.clock))


@router.post("/contracts/{uuid:contract_id}/versions/{version}/pin", response=VersionView)
def pin_contract(request: AdminRequest, contract_id: UUID, version: VersionName, body: HolderBody) -> dict[str, Any]:
    """Serve an application, a partner or a plan by this version, whatever the default is."""
    row = pinning.pin(request.actor, contract_id, version, _holder(body), clock=request.clock)
    return version_view(row.version)


@router.post("/contracts/{uuid:contract_id}/versions/{version}/deprecate", response=VersionView)
def deprecate_contract(
    request: AdminRequest, contract_id: UUID, version: VersionName, body: DeprecateVersion
) -> dict[str, Any]:
    """Tell partners that a version goes out of use, and when."""
    deprecated = publishing.deprecate(
        request.actor, contract_id, version, sunset_at=body.sunset_at, link=body.link, clock=request.clock
    )
    return version_view(deprecated)


@router.post("/contracts/{uuid:contract_id}/versions/{version}/undeprecate", response=VersionView)
def undeprecate_contract(request: AdminRequest, contract_id: UUID, version: VersionName) -> dict[str, Any]:
    """Take a deprecation back: partners are told nothing of an end any more."""
    return version_view(publishing.undeprecate(request.actor, contract_id, version, clock=request.clock))


@router.post("/contracts/{uuid:contract_id}/versions/{version}/retire", response=VersionView)
def retire_contract(request: AdminRequest, contract_id: UUID, version: VersionName) -> dict[str, Any]:
    """Take a version from the nodes, once no route and no pin leads to it."""
    return version_view(publishing.retire(request.actor, contract_id, version, clock=request.clock))


def _readable(request: AdminRequest, identifier: UUID, name: str) -> ContractVersion:
    can(request.actor, Verb.READ, Contract.noun)
    return publishing.version_named(the_one(Contract.objects.all(), "contract", id=identifier), name)


def _reader(request: AdminRequest, query: ReaderQuery) -> Caller | None:
    if query.key is not None:
        can(request.actor, Verb.READ, Key.noun)
        rows = Key.objects.filter(deleted_at=None).select_related("application__plan")
        key = the_one(rows, "key", kid=query.key)
        return Caller.of(key.application, key)
    if query.application is None:
        return None
    can(request.actor, Verb.READ, Application.noun)
    return Caller.of(the_one(Application.objects.select_related("plan"), "application", id=query.application))


def _holder(body: HolderBody) -> pinning.Holder:
    if body.application is not None:
        return pinning.Holder("application", body.application)
    if body.partner is not None:
        return pinning.Holder("partner", body.partner)
    assert body.plan is not None  # noqa: S101 - the body names one of three
    return pinning.Holder("plan", body.plan)
