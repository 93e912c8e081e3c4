"""Use cases of partners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.kit.web.rows import given, refuse_in_use, refuse_taken, the_one
from portazgo.partners import data_keys
from portazgo.partners.domain import Metadata, Standing
from portazgo.partners.models import Partner
from portazgo.snapshot.log import change
from portazgo.snapshot.pins import pins_of, required
from portazgo.snapshot.wire import PartnerBody, Resource, ResourceRef, SecurityOperation

if TYPE_CHECKING:
    from uuid import UUID

    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper


def create(actor: Actor, name: str, metadata: Metadata, *, wrapper: KeyWrapper, clock: Clock) -> Partner:
    """Make a partner, and what seals the personal members of its records. Raises Conflict (`name_taken`)."""
    can(actor, Verb.CREATE, Partner.noun)
    partner = Partner(name=name, metadata=dict(metadata), created_at=clock.now())
    key = data_keys.new_key(wrapper, clock, partner=partner.id)
    with change(actor, "partner.created", str(partner.id), details={"name": name}, clock=clock) as recorded:
        refuse_taken(Partner.objects.all(), "partner", name)
        partner.save(force_insert=True)
        recorded.touches(_ref(partner))
        if key is not None:
            key.save(force_insert=True)
            recorded.touches(data_keys.reference(key.id))
    return partner


def alter(actor: Actor, identifier: UUID, *, name: str | None, metadata: Metadata | None, clock: Clock) -> Partner:
    """Rename a partner or replace its metadata; None leaves as it is. Raises NotFound, Conflict (`name_taken`)."""
    can(actor, Verb.CHANGE, Partner.noun)
    details = {"members": given(name=name, metadata=metadata)}
    with change(actor, "partner.changed", str(identifier), details=details, clock=clock) as recorded:
        partner = _locked(identifier)
        if name is not None and name != partner.name:
            refuse_taken(Partner.objects.all(), "partner", name)
            partner.name = name
        if metadata is not None:
            partner.metadata = dict(metadata)
        partner.save()
        recorded.touches(_ref(partner))
    return partner


def suspend(actor: Actor, identifier: UUID, *, clock: Clock) -> Partner:
    """Let no call of the partner through, on every node, until it is resumed. Raises NotFound."""
    return _stand(actor, identifier, "suspend_partner", clock)


def resume(actor: Actor, identifier: UUID, *, clock: Clock) -> Partner:
    """Let the partner's calls through again. Raises NotFound."""
    return _stand(actor, identifier, "resume_partner", clock)


def delete(actor: Actor, identifier: UUID, *, clock: Clock) -> None:
    """Remove a partner that has no application. Raises NotFound, Conflict (`in_use`)."""
    can(actor, Verb.DELETE, Partner.noun)
    with change(actor, "partner.deleted", str(identifier), clock=clock) as recorded:
        partner = _locked(identifier)
        refuse_in_use(partner.applications.all(), "partner", "applications")
        refuse_in_use(partner.service_credentials.all(), "partner", "service credentials")
        recorded.deletes(_ref(partner))
        partner.delete()


def compiled(identifier: str) -> Resource | None:
    """Compile a partner for nodes, as the database has it now."""
    partner = Partner.objects.filter(id=identifier).first()
    if partner is None:
        return None
    body = PartnerBody(name=partner.name, status=Standing(partner.status).value, metadata=partner.metadata)
    pins = pins_of(partner)
    if pins:
        body["contracts"] = pins
    return Resource("partner", str(partner.id), required(pins), body)


def _stand(actor: Actor, identifier: UUID, operation: SecurityOperation, clock: Clock) -> Partner:
    can(actor, Verb.SUSPEND, Partner.noun)
    suspends = operation == "suspend_partner"
    standing = Standing.SUSPENDED if suspends else Standing.ACTIVE
    action = "partner.suspended" if suspends else "partner.resumed"
    with change(actor, action, str(identifier), clock=clock) as recorded:
        partner = _locked(identifier)
        if partner.status != standing:
            partner.status = standing
            partner.save(update_fields=["status"])
            recorded.touches(_ref(partner))
            recorded.security(operation, str(partner.id))
    return partner


def _locked(identifier: UUID) -> Partner:
    return the_one(Partner.objects.select_for_update(), "partner", id=identifier)


def _ref(partner: Partner) -> ResourceRef:
    return ResourceRef("partner", str(partner.id))
