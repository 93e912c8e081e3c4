"""`/api/v1/plans`."""

from __future__ import annotations

from uuid import UUID

from ninja import Query, Router, Status

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.rows import the_one
from portazgo.kit.web.schemas import PageOf
from portazgo.plans import service
from portazgo.plans.models import Plan
from portazgo.plans.schemas import PlanBody, PlansQuery, PlanView

router = Router(tags=["plans"])


@router.get("/plans", response=PageOf[PlanView])
def list_plans(request: AdminRequest, query: Query[PlansQuery]) -> Page[Plan]:
    """List the plans."""
    can(request.actor, Verb.READ, Plan.noun)
    rows = Plan.objects.all()
    return page_of(rows.filter(name=query.name) if query.name is not None else rows, query, lambda row: row)


@router.post("/plans", response={201: PlanView})
def create_plan(request: AdminRequest, body: PlanBody) -> Status[Plan]:
    """Make a plan."""
    return Status(201, service.create(request.actor, body.name, body.terms(), clock=request.clock))


@router.get("/plans/{uuid:plan_id}", response=PlanView)
def show_plan(request: AdminRequest, plan_id: UUID) -> Plan:
    """Show a plan."""
    can(request.actor, Verb.READ, Plan.noun)
    return the_one(Plan.objects.all(), "plan", id=plan_id)


@router.put("/plans/{uuid:plan_id}", response=PlanView)
def replace_plan(request: AdminRequest, plan_id: UUID, body: PlanBody) -> Plan:
    """Give a plan new terms, which hold for all its applications at once."""
    return service.replace(request.actor, plan_id, body.name, body.terms(), clock=request.clock)


@router.delete("/plans/{uuid:plan_id}", response={204: None})
def delete_plan(request: AdminRequest, plan_id: UUID) -> Status[None]:
    """Remove a plan that no application is on."""
    service.delete(request.actor, plan_id, clock=request.clock)
    return Status(204, None)
