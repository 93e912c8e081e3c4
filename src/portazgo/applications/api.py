"""`/api/v1/applications`."""

from __future__ import annotations

from uuid import UUID

from ninja import Query, Router, Status

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.applications import service
from portazgo.applications.models import Application
from portazgo.applications.schemas import ApplicationsQuery, ApplicationView, ChangeApplication, CreateApplication
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.rows import the_one
from portazgo.kit.web.schemas import PageOf

router = Router(tags=["applications"])


@router.get("/applications", response=PageOf[ApplicationView])
def list_applications(request: AdminRequest, query: Query[ApplicationsQuery]) -> Page[Application]:
    """List the applications."""
    can(request.actor, Verb.READ, Application.noun)
    rows = Application.objects.all()
    if query.partner is not None:
        rows = rows.filter(partner=query.partner)
    if query.name is not None:
        rows = rows.filter(name=query.name)
    return page_of(rows, query, lambda row: row)


@router.post("/applications", response={201: ApplicationView})
def create_application(request: AdminRequest, body: CreateApplication) -> Status[Application]:
    """Make an application of a partner."""
    new = service.NewApplication(**{name: getattr(body, name) for name in CreateApplication.model_fields})
    return Status(201, service.create(request.actor, new, clock=request.clock))


@router.get("/applications/{uuid:application_id}", response=ApplicationView)
def show_application(request: AdminRequest, application_id: UUID) -> Application:
    """Show an application."""
    can(request.actor, Verb.READ, Application.noun)
    return the_one(Application.objects.all(), "application", id=application_id)


@router.patch("/applications/{uuid:application_id}", response=ApplicationView)
def change_application(request: AdminRequest, application_id: UUID, body: ChangeApplication) -> Application:
    """Rename an application, give it a plan, replace its metadata."""
    changes = service.Changes(name=body.name, plan=body.plan, metadata=body.metadata)
    return service.alter(request.actor, application_id, changes, clock=request.clock)


@router.post("/applications/{uuid:application_id}/suspend", response=ApplicationView)
def suspend_application(request: AdminRequest, application_id: UUID) -> Application:
    """Let no call of the application through until it is resumed."""
    return service.suspend(request.actor, application_id, clock=request.clock)


@router.post("/applications/{uuid:application_id}/resume", response=ApplicationView)
def resume_application(request: AdminRequest, application_id: UUID) -> Application:
    """Let the application's calls through again."""
    return service.resume(request.actor, application_id, clock=request.clock)


@router.delete("/applications/{uuid:application_id}", response={204: None})
def delete_application(request: AdminRequest, application_id: UUID) -> Status[None]:
    """Remove an application that has no key."""
    service.delete(request.actor, application_id, clock=request.clock)
    return Status(204, None)
