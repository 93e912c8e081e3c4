"""Use cases of plans."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.apis.models import Api
from portazgo.kit.errors import Invalid
from portazgo.kit.web.rows import refuse_in_use, refuse_taken, the_one
from portazgo.plans.models import Plan
from portazgo.snapshot.log import change
from portazgo.snapshot.pins import pins_of, required
from portazgo.snapshot.wire import PlanBody, Resource, ResourceRef, ThrottleBody

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from portazgo.kit.clock import Clock
    from portazgo.plans.domain import Terms

FEATURE = "plan.throttle.1"


def create(actor: Actor, name: str, terms: Terms, *, clock: Clock) -> Plan:
    """Make a plan. Raises Conflict (`name_taken`), Invalid for an API that there isn't."""
    can(actor, Verb.CREATE, Plan.noun)
    plan = Plan(name=name, created_at=clock.now())
    with change(actor, "plan.created", str(plan.id), details=_told(name, terms), clock=clock) as recorded:
        refuse_taken(Plan.objects.all(), "plan", name)
        _grant(plan, terms)
        recorded.touches(_ref(plan))
    return plan


def replace(actor: Actor, identifier: UUID, name: str, terms: Terms, *, clock: Clock) -> Plan:
    """Give a plan new terms, which hold for all its applications at once. Raises NotFound, Conflict, Invalid."""
    can(actor, Verb.CHANGE, Plan.noun)
    with change(actor, "plan.changed", str(identifier), details=_told(name, terms), clock=clock) as recorded:
        plan = the_one(Plan.objects.select_for_update(), "plan", id=identifier)
        if name != plan.name:
            refuse_taken(Plan.objects.all(), "plan", name)
            plan.name = name
        _grant(plan, terms)
        recorded.touches(_ref(plan))
    return plan


def delete(actor: Actor, identifier: UUID, *, clock: Clock) -> None:
    """Remove a plan that no application is on. Raises NotFound, Conflict (`in_use`)."""
    can(actor, Verb.DELETE, Plan.noun)
    with change(actor, "plan.deleted", str(identifier), clock=clock) as recorded:
        plan = the_one(Plan.objects.select_for_update(), "plan", id=identifier)
        refuse_in_use(plan.applications.all(), "plan", "applications")
        recorded.deletes(_ref(plan))
        plan.delete()


def compiled(identifier: str) -> Resource | None:
    """Compile a plan for nodes."""
    plan = Plan.objects.filter(id=identifier).first()
    if plan is None:
        return None
    body = PlanBody(
        name=plan.name,
        apis=[str(api) for api in plan.apis.order_by("id").values_list("id", flat=True)],
        scopes=plan.scopes,
        throttles=[_throttle(throttle) for throttle in plan.throttles],
    )
    pins = pins_of(plan)
    if pins:
        body["contracts"] = pins
    return Resource("plan", str(plan.id), (FEATURE, *required(pins)), body)


def _throttle(stored: Mapping[str, Any]) -> ThrottleBody:
    return ThrottleBody(
        name=stored["name"],
        per="key",
        quota=stored["quota"],
        window_seconds=stored["window_seconds"],
        burst=stored["burst"],
    )


def _grant(plan: Plan, terms: Terms) -> None:
    apis = list(Api.objects.filter(id__in=terms.apis))
    missing = set(terms.apis) - {api.id for api in apis}
    if missing:
        raise Invalid.at("/apis", f"there is no API {', '.join(map(str, missing))}", code="api_unknown")
    plan.scopes = None if terms.scopes is None else list(terms.scopes)
    plan.throttles = [asdict(throttle) for throttle in terms.throttles]
    plan.rotation = None if terms.rotation is None else terms.rotation.document()
    plan.save()
    plan.apis.set(apis)


def _told(name: str, terms: Terms) -> dict[str, Any]:
    """Say in the audit what ends secrets, too."""
    return {"name": name} | ({} if terms.rotation is None else {"rotation": terms.rotation.words()})


def _ref(plan: Plan) -> ResourceRef:
    return ResourceRef("plan", str(plan.id))
