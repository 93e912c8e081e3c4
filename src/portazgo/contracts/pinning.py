"""Use cases of pins: which version an application, a partner or a plan is served by, and who uses what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.applications.models import Application
from portazgo.contracts.models import Contract, ContractPin
from portazgo.contracts.publishing import refuse_retired, version_named
from portazgo.contracts.service import HolderKind, locked
from portazgo.kit.errors import Invalid, NotFound
from portazgo.partners.models import Partner
from portazgo.plans.models import Plan
from portazgo.routes.models import Route
from portazgo.snapshot.log import change
from portazgo.snapshot.wire import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from portazgo.apis.models import Api
    from portazgo.kit.clock import Clock

_MODELS: dict[HolderKind, type[Application | Partner | Plan]] = {
    "application": Application,
    "partner": Partner,
    "plan": Plan,
}


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose pin it is."""

    kind: HolderKind
    id: UUID


def pin(actor: Actor, identifier: UUID, name: str, holder: Holder, *, clock: Clock) -> ContractPin:
    """Serve the holder's calls of the contract's API by this version, whatever becomes the default.

    Raises NotFound, Invalid for a holder that there isn't, Conflict (`retired`).
    """
    can(actor, Verb.CHANGE, Contract.noun)
    can(actor, Verb.CHANGE, _MODELS[holder.kind].noun)
    details: dict[str, str] = {"version": name, holder.kind: str(holder.id)}
    with change(actor, "contract.pinned", str(identifier), details=details, clock=clock) as recorded:
        contract = locked(identifier)
        version = version_named(contract, name)
        refuse_retired(version)
        _check(holder)
        row, _ = ContractPin.objects.update_or_create(
            defaults={"version": version}, **_of(holder), api_id=contract.api_id
        )
        recorded.touches(reference(holder))
    return row


def unpin(actor: Actor, identifier: UUID, holder: Holder, *, clock: Clock) -> None:
    """Take the holder's pin to a version of this contract away. Raises NotFound (`pin_unknown`), Invalid."""
    can(actor, Verb.CHANGE, Contract.noun)
    can(actor, Verb.CHANGE, _MODELS[holder.kind].noun)
    details: dict[str, str] = {holder.kind: str(holder.id)}
    with change(actor, "contract.unpinned", str(identifier), details=details, clock=clock) as recorded:
        contract = locked(identifier)
        _check(holder)
        gone, _ = ContractPin.objects.filter(**_of(holder), version__contract=contract).delete()
        if not gone:
            raise NotFound(f"the {holder.kind} has no pin to {contract.name!r}", code="pin_unknown")
        recorded.touches(reference(holder))


def release(actor: Actor, identifier: UUID, *, clock: Clock) -> None:
    """Take away every pin to a contract, and have no route serve it by default. Raises NotFound."""
    can(actor, Verb.CHANGE, Contract.noun)
    can(actor, Verb.CHANGE, Route.noun)
    with change(actor, "contract.released", str(identifier), clock=clock) as recorded:
        contract = locked(identifier)
        pins = ContractPin.objects.filter(version__contract=contract)
        for row in pins:
            recorded.touches(reference(holder_of(row)))
        pins.delete()
        for route in contract.api.routes.select_for_update().filter(contract__contract=contract):
            route.contract = None
            route.save(update_fields=["contract"])
            recorded.touches(ResourceRef("route", str(route.id)))


def reference(holder: Holder) -> ResourceRef:
    """Name what nodes have of the holder."""
    return ResourceRef(holder.kind, str(holder.id))


def effective(application: Application, api: Api, pins: Iterable[ContractPin]) -> ContractPin | None:
    """Find the pin that counts for an application: its own, its partner's, its plan's; None: the route's default does."""
    ranked = [pin for pin in pins if pin.api_id == api.id and _rank(pin, application) is not None]
    return min(ranked, key=lambda pin: _rank(pin, application) or 0, default=None)


def _rank(pin: ContractPin, application: Application) -> int | None:
    holders = (
        (pin.application_id, application.id),
        (pin.partner_id, application.partner_id),
        (pin.plan_id, application.plan_id),
    )
    return next((rank for rank, (held, own) in enumerate(holders) if held is not None and held == own), None)


def holder_of(row: ContractPin) -> Holder:
    """Say whose a pin is."""
    kind = next(kind for kind in _MODELS if getattr(row, f"{kind}_id") is not None)
    return Holder(kind, getattr(row, f"{kind}_id"))


def _of(holder: Holder) -> dict[str, Any]:
    return {f"{holder.kind}_id": holder.id}


def _check(holder: Holder) -> None:
    if not _MODELS[holder.kind]._default_manager.filter(id=holder.id).exists():  # noqa: SLF001 - Django's own name for it
        raise Invalid.at(f"/{holder.kind}", f"there is no {holder.kind} {holder.id}", code=f"{holder.kind}_unknown")
