"""Use cases of service credentials: what logins at a backend are made with. To set one is the power to act as it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.backends.logins import is_login, needed_values, service
from portazgo.backends.models import Backend, ServiceCredential
from portazgo.kit.errors import Conflict, FieldError, Invalid
from portazgo.kit.ids import uuid7
from portazgo.kit.secret import Secret
from portazgo.kit.web.rows import the_one
from portazgo.partners.models import Partner
from portazgo.snapshot.log import change
from portazgo.snapshot.wire import Resource, ResourceRef, ServiceCredentialBody

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper

FEATURE = "credential.login.1"


@dataclass(frozen=True, slots=True)
class Place:
    """What a service credential is for; `partner` None: it is the backend's, where its partners share one."""

    backend: UUID
    environment: str
    partner: UUID | None


def context_of(identifier: object) -> str:
    """Name the context that a service credential is wrapped for."""
    return f"credential/{identifier}"


def put(
    actor: Actor, place: Place, values: Mapping[str, Secret], *, wrapper: KeyWrapper, clock: Clock
) -> ServiceCredential:
    """Set what logins are made with, in place of what was set before.

    Raises NotFound, Invalid for values or a partner that don't fit the login, Conflict when another is set at this moment.
    """
    can(actor, Verb.CHANGE, ServiceCredential.noun)
    _check(the_one(Backend.objects.all(), "backend", id=place.backend), place, values)
    before = _at(place).first()
    identifier = before.id if before is not None else uuid7()
    # Wrapping may call out: outside the transaction.
    text = json.dumps({name: value.reveal() for name, value in values.items()})
    wrapped = wrapper.wrap(context_of(identifier), text.encode())
    details = {
        "backend": str(place.backend),
        "environment": place.environment,
        "partner": _text(place.partner),
        "names": sorted(values),
    }
    with change(actor, "service_credential.set", str(identifier), details=details, clock=clock) as recorded:
        backend = the_one(Backend.objects.select_for_update(), "backend", id=place.backend)
        _check(backend, place, values)
        row = _at(place).select_for_update().first()
        if row is not None and row.id != identifier:
            raise Conflict(
                "another service credential was set at this moment", remedy="look at it, and set yours again"
            )
        row = row or ServiceCredential(
            id=identifier,
            backend=backend,
            environment=place.environment,
            partner_id=place.partner,
            created_at=clock.now(),
        )
        row.names, row.wrapped, row.changed_at = sorted(values), wrapped, clock.now()
        row.save()
        recorded.touches(ResourceRef("credential", str(row.id)))
    return row


def remove(actor: Actor, identifier: UUID, *, clock: Clock) -> None:
    """Take a service credential away: calls that need its token are refused from then on. Raises NotFound."""
    can(actor, Verb.DELETE, ServiceCredential.noun)
    with change(actor, "service_credential.removed", str(identifier), clock=clock) as recorded:
        row = the_one(ServiceCredential.objects.select_for_update(), "service_credential", id=identifier)
        recorded.note(backend=str(row.backend_id), environment=row.environment, partner=_text(row.partner_id))
        recorded.deletes(ResourceRef("credential", str(row.id)))
        row.delete()


def compiled(identifier: str) -> Resource | None:
    """Compile a service credential for nodes."""
    row = ServiceCredential.objects.filter(id=identifier).first()
    if row is None:
        return None
    body = ServiceCredentialBody(
        backend=str(row.backend_id),
        environment=row.environment,  # type: ignore[typeddict-item]  # a column of text
        partner=_text(row.partner_id),
        wrapped=row.wrapped,
    )
    return Resource("credential", str(row.id), (FEATURE,), body)


def _at(place: Place) -> QuerySet[ServiceCredential]:
    return ServiceCredential.objects.filter(backend=place.backend, environment=place.environment, partner=place.partner)


def _check(backend: Backend, place: Place, values: Mapping[str, Secret]) -> None:
    settings = backend.environments.get(place.environment)
    if settings is None:
        raise Invalid.at("/environment", f"the backend {backend.name} has no {place.environment} environment")
    if not is_login(settings["credential"]):
        raise Invalid.at("", f"calls to {backend.name} carry no token that is fetched: say first where its login is")
    _check_partner(settings["credential"], backend.name, place)
    needed = set(needed_values(settings["credential"]))
    problems = [
        FieldError(
            pointer=f"/values/{name}", message="the login reads no such value: it reads " + ", ".join(sorted(needed))
        )
        for name in sorted(values.keys() - needed)
    ]
    problems += [
        FieldError(pointer="/values", message=f"the login reads a value named {name}")
        for name in sorted(needed - values.keys())
    ]
    if problems:
        raise Invalid("the values are not those that the login reads", problems)


def _check_partner(credential: Mapping[str, object], name: str, place: Place) -> None:
    whose = service(credential)
    if whose == "none":
        raise Invalid.at("/values", f"the login at {name} needs no service credential")
    if whose == "shared" and place.partner is not None:
        raise Invalid.at("/partner", f"the partners of {name} share one service credential: name none")
    if whose == "partner" and place.partner is None:
        raise Invalid.at("/partner", f"each partner has a service credential of its own at {name}: name one")
    if place.partner is not None and not Partner.objects.filter(id=place.partner).exists():
        raise Invalid.at("/partner", f"there is no partner {place.partner}", code="partner_unknown")


def _text(identifier: UUID | None) -> str | None:
    return None if identifier is None else str(identifier)
