"""`/api/v1/routes`, and routes of an API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from ninja import Query, Router, Status

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.rows import the_one
from portazgo.kit.web.schemas import PageOf
from portazgo.routes import importing, service
from portazgo.routes.models import Route
from portazgo.routes.openapi.drafts import Pick
from portazgo.routes.schemas import ChangeRoute, CreateRoute, ImportReport, ImportRoutes, RoutesQuery, RouteView

router = Router(tags=["routes"])


@router.get("/routes", response=PageOf[RouteView])
def list_routes(request: AdminRequest, query: Query[RoutesQuery]) -> Page[Route]:
    """List the routes."""
    can(request.actor, Verb.READ, Route.noun)
    rows = Route.objects.all()
    if query.api is not None:
        rows = rows.filter(api=query.api)
    if query.name is not None:
        rows = rows.filter(name=query.name)
    if query.tag is not None:
        rows = rows.filter(labels__tag=query.tag)
    return page_of(rows, query, lambda row: row)


@router.post("/apis/{uuid:api_id}/routes", response={201: RouteView})
def create_route(request: AdminRequest, api_id: UUID, body: CreateRoute) -> Status[Route]:
    """Make a route."""
    members: dict[str, Any] = body.model_dump()
    members["backend_method"] = members["backend_method"] or members["method"]
    terms = service.RouteTerms(**members)
    return Status(201, service.create(request.actor, api_id, terms, clock=request.clock))


@router.post("/apis/{uuid:api_id}/import", response=ImportReport)
def import_routes(request: AdminRequest, api_id: UUID, body: ImportRoutes) -> importing.Report:
    """Make or update routes of an OpenAPI document's operations; with `dry_run` only say what would be."""
    can(request.actor, Verb.CREATE, Route.noun)
    document = body.document
    if document is None:
        document = importing.fetch_document(body.url or "", allow_private=settings.PORTAZGO.import_allow_private)
    pick = Pick(frozenset(body.pick.tags), tuple(body.pick.paths), frozenset(body.pick.operations))
    source = "/document" if body.url is None else "/url"
    order = importing.Order(api_id, body.backend, pick, body.prefix_map, body.dry_run, source)
    return importing.import_routes(request.actor, order, document, clock=request.clock)


@router.get("/routes/{uuid:route_id}", response=RouteView)
def show_route(request: AdminRequest, route_id: UUID) -> Route:
    """Show a route."""
    can(request.actor, Verb.READ, Route.noun)
    return the_one(Route.objects.all(), "route", id=route_id)


@router.patch("/routes/{uuid:route_id}", response=RouteView)
def change_route(request: AdminRequest, route_id: UUID, body: ChangeRoute) -> Route:
    """Change members of a route; those that are absent stay."""
    return service.alter(request.actor, route_id, body.model_dump(exclude_unset=True), clock=request.clock)


@router.delete("/routes/{uuid:route_id}", response={204: None})
def delete_route(request: AdminRequest, route_id: UUID) -> Status[None]:
    """Remove a route."""
    service.delete(request.actor, route_id, clock=request.clock)
    return Status(204, None)
