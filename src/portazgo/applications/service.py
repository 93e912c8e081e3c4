"""Use cases of applications."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.applications.models import Application
from portazgo.kit.errors import Invalid
from portazgo.kit.web.rows import given, refuse_in_use, refuse_taken, the_one
from portazgo.partners.domain import Metadata, Standing
from portazgo.partners.models import Partner
from portazgo.plans.models import Plan
from portazgo.snapshot.log import change
from portazgo.snapshot.pins import pins_of, required
from portazgo.snapshot.wire import ApplicationBody, Resource, ResourceRef, SecurityOperation

if TYPE_CHECKING:
    from uuid import UUID

    from portazgo.backends.domain import Environment
    from portazgo.kit.clock import Clock


@dataclass(frozen=True, slots=True)
class NewApplication:
    """An application to be made."""

    partner: UUID
    name: str
    environment: Environment
    plan: UUID | None
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to change; None leaves as it is."""

    name: str | None
    plan: UUID | None
    metadata: Metadata | None
    without_plan: bool | None = None
    """Take its plan away; `plan` is None then."""


def create(actor: Actor, new: NewApplication, *, clock: Clock) -> Application:
    """Make an application. Raises Invalid for a partner or plan that there isn't, Conflict (`name_taken`)."""
    can(actor, Verb.CREATE, Application.noun)
    application = Application(
        partner_id=new.partner,
        plan_id=new.plan,
        name=new.name,
        environment=new.environment,
        metadata=dict(new.metadata),
        created_at=clock.now(),
    )
    details = {"name": new.name, "partner": str(new.partner)}
    with change(actor, "application.created", str(application.id), details=details, clock=clock) as recorded:
        if not Partner.objects.filter(id=new.partner).exists():
            raise Invalid.at("/partner", f"there is no partner {new.partner}", code="partner_unknown")
        _check_plan(new.plan)
        refuse_taken(Application.objects.filter(partner_id=new.partner), "application", new.name)
        application.save(force_insert=True)
        recorded.touches(_ref(application))
    return application


def alter(actor: Actor, identifier: UUID, changes: Changes, *, clock: Clock) -> Application:
    """Rename an application, give it a plan or take it away, replace its metadata. Raises NotFound, Invalid, Conflict."""
    can(actor, Verb.CHANGE, Application.noun)
    details = {"members": given(**asdict(changes))}
    with change(actor, "application.changed", str(identifier), details=details, clock=clock) as recorded:
        application = _locked(identifier)
        if changes.name is not None and changes.name != application.name:
            refuse_taken(Application.objects.filter(partner=application.partner_id), "application", changes.name)
            application.name = changes.name
        if changes.plan is not None:
            _check_plan(changes.plan)
            application.plan_id = changes.plan
        elif changes.without_plan:
            application.plan_id = None
        if changes.metadata is not None:
            application.metadata = dict(changes.metadata)
        application.save()
        recorded.touches(_ref(application))
    return application


def suspend(actor: Actor, identifier: UUID, *, clock: Clock) -> Application:
    """Let no call of the application through, on every node, until it is resumed. Raises NotFound."""
    return _stand(actor, identifier, "suspend_application", clock)


def resume(actor: Actor, identifier: UUID, *, clock: Clock) -> Application:
    """Let the application's calls through again. Raises NotFound."""
    return _stand(actor, identifier, "resume_application", clock)


def delete(actor: Actor, identifier: UUID, *, clock: Clock) -> None:
    """Remove an application that has no key. Raises NotFound, Conflict (`in_use`)."""
    can(actor, Verb.DELETE, Application.noun)
    with change(actor, "application.deleted", str(identifier), clock=clock) as recorded:
        application = _locked(identifier)
        # Keys are never deleted, revoked ones neither: their kids stand in records.
        refuse_in_use(application.keys.all(), "application", "keys", remedy="suspend it: what had keys stays on record")
        recorded.deletes(_ref(application))
        application.delete()


def compiled(identifier: str) -> Resource | None:
    """Compile an application for nodes."""
    application = Application.objects.filter(id=identifier).first()
    if application is None:
        return None
    body = ApplicationBody(
        name=application.name,
        partner=str(application.partner_id),
        environment=application.environment,  # type: ignore[typeddict-item]  # a column of text
        status=Standing(application.status).value,
        plan=str(application.plan_id) if application.plan_id else None,
        metadata=application.metadata,
    )
    pins = pins_of(application)
    if pins:
        body["contracts"] = pins
    return Resource("application", str(application.id), required(pins), body)


def _stand(actor: Actor, identifier: UUID, operation: SecurityOperation, clock: Clock) -> Application:
    can(actor, Verb.SUSPEND, Application.noun)
    suspends = operation == "suspend_application"
    standing = Standing.SUSPENDED if suspends else Standing.ACTIVE
    action = "application.suspended" if suspends else "application.resumed"
    with change(actor, action, str(identifier), clock=clock) as recorded:
        application = _locked(identifier)
        if application.status != standing:
            application.status = standing
            application.save(update_fields=["status"])
            recorded.touches(_ref(application))
            recorded.security(operation, str(application.id))
    return application


def _check_plan(plan: UUID | None) -> None:
    if plan is not None and not Plan.objects.filter(id=plan).exists():
        raise Invalid.at("/plan", f"there is no plan {plan}", code="plan_unknown")


def _locked(identifier: UUID) -> Application:
    return the_one(Application.objects.select_for_update(), "application", id=identifier)


def _ref(application: Application) -> ResourceRef:
    return ResourceRef("application", str(application.id))
