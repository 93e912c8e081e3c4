"""`/api/v1/apis`. Its routes, and their import, are the routes' own (`/api/v1/apis/{id}/import`)."""

from __future__ import annotations

from uuid import UUID

from ninja import Query, Router, Status

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.apis import service
from portazgo.apis.models import Api
from portazgo.apis.schemas import ApisQuery, ApiView, CreateApi
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.rows import the_one
from portazgo.kit.web.schemas import PageOf

router = Router(tags=["apis"])


@router.get("/apis", response=PageOf[ApiView])
def list_apis(request: AdminRequest, query: Query[ApisQuery]) -> Page[Api]:
    """List the APIs."""
    can(request.actor, Verb.READ, Api.noun)
    rows = Api.objects.all()
    return page_of(rows.filter(name=query.name) if query.name is not None else rows, query, lambda row: row)


@router.post("/apis", response={201: ApiView})
def create_api(request: AdminRequest, body: CreateApi) -> Status[Api]:
    """Make an API without routes."""
    return Status(201, service.create(request.actor, body.name, clock=request.clock))


@router.get("/apis/{uuid:api_id}", response=ApiView)
def show_api(request: AdminRequest, api_id: UUID) -> Api:
    """Show an API."""
    can(request.actor, Verb.READ, Api.noun)
    return the_one(Api.objects.all(), "api", id=api_id)


@router.delete("/apis/{uuid:api_id}", response={204: None})
def delete_api(request: AdminRequest, api_id: UUID) -> Status[None]:
    """Remove an API that has no route and no contract, and that no plan opens."""
    service.delete(request.actor, api_id, clock=request.clock)
    return Status(204, None)
