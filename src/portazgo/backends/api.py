"""`/api/v1/backends`."""

from __future__ import annotations

from uuid import UUID

from ninja import Query, Router, Status

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.backends import credentials, service, testing
from portazgo.backends.domain import Environment
from portazgo.backends.login_schemas import ServiceCredentialsQuery, ServiceCredentialView, SetServiceCredential
from portazgo.backends.models import Backend, ServiceCredential
from portazgo.backends.schemas import (
    BackendsQuery,
    BackendView,
    ChangeBackend,
    CreateBackend,
    TestBackend,
    TestOutcome,
)
from portazgo.kit.paging import Page
from portazgo.kit.secret import Secret
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.rows import the_one
from portazgo.kit.web.schemas import PageOf

router = Router(tags=["backends"])


@router.get("/backends", response=PageOf[BackendView])
def list_backends(request: AdminRequest, query: Query[BackendsQuery]) -> Page[Backend]:
    """List the backends."""
    can(request.actor, Verb.READ, Backend.noun)
    rows = Backend.objects.all()
    return page_of(rows.filter(name=query.name) if query.name is not None else rows, query, lambda row: row)


@router.post("/backends", response={201: BackendView})
def create_backend(request: AdminRequest, body: CreateBackend) -> Status[Backend]:
    """Make a backend."""
    environments = body.environments.model_dump(mode="json")
    return Status(201, service.create(request.actor, body.name, environments, clock=request.clock))


@router.get("/backends/{uuid:backend_id}", response=BackendView)
def show_backend(request: AdminRequest, backend_id: UUID) -> Backend:
    """Show a backend."""
    can(request.actor, Verb.READ, Backend.noun)
    return the_one(Backend.objects.all(), "backend", id=backend_id)


@router.patch("/backends/{uuid:backend_id}", response=BackendView)
def change_backend(request: AdminRequest, backend_id: UUID, body: ChangeBackend) -> Backend:
    """Rename a backend or replace its environments."""
    environments = body.environments.model_dump(mode="json") if body.environments is not None else None
    return service.alter(request.actor, backend_id, name=body.name, environments=environments, clock=request.clock)


@router.post("/backends/{uuid:backend_id}/test", response=TestOutcome)
def test_backend(request: AdminRequest, backend_id: UUID, body: TestBackend) -> testing.Outcome:
    """Call a backend with a token as the gateway makes it, and explain what it answers."""
    attempt = testing.Attempt(backend_id, body.path, body.environment, body.application)
    return testing.try_out(request.actor, attempt, wrapper=request.wrapper, clock=request.clock)


@router.delete("/backends/{uuid:backend_id}", response={204: None})
def delete_backend(request: AdminRequest, backend_id: UUID) -> Status[None]:
    """Remove a backend that no route leads to and that has no schema."""
    service.delete(request.actor, backend_id, clock=request.clock)
    return Status(204, None)


@router.get("/backends/{uuid:backend_id}/credentials", response=PageOf[ServiceCredentialView])
def list_service_credentials(
    request: AdminRequest, backend_id: UUID, query: Query[ServiceCredentialsQuery]
) -> Page[ServiceCredential]:
    """List what logins at a backend are made with: names, never values."""
    can(request.actor, Verb.READ, ServiceCredential.noun)
    backend = the_one(Backend.objects.all(), "backend", id=backend_id)
    return page_of(backend.service_credentials.all(), query, lambda row: row)


@router.put("/backends/{uuid:backend_id}/credentials/{environment}", response=ServiceCredentialView)
def set_service_credential(
    request: AdminRequest, backend_id: UUID, environment: Environment, body: SetServiceCredential
) -> ServiceCredential:
    """Set what logins at a backend are made with, for all partners or for one. It is never shown again."""
    place = credentials.Place(backend_id, environment.value, body.partner)
    values = {name: Secret(value) for name, value in body.values.items()}
    return credentials.put(request.actor, place, values, wrapper=request.wrapper, clock=request.clock)


@router.delete("/service-credentials/{uuid:credential_id}", response={204: None})
def remove_service_credential(request: AdminRequest, credential_id: UUID) -> Status[None]:
    """Take a service credential away: calls that need its token are refused from then on."""
    credentials.remove(request.actor, credential_id, clock=request.clock)
    return Status(204, None)
