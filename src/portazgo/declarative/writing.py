"""Carries steps out through the nouns' own use cases, so that their rules, permissions and audit rows hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portazgo.apis import service as apis
from portazgo.apis.models import Api
from portazgo.applications import service as applications
from portazgo.applications.models import Application
from portazgo.backends import service as backends
from portazgo.backends.domain import Environment
from portazgo.backends.models import Backend
from portazgo.declarative.domain import Kind, Ref, Terms
from portazgo.declarative.models import Ownership
from portazgo.declarative.ordering import in_order
from portazgo.partners import service as partners
from portazgo.partners.models import Partner
from portazgo.plans import service as plans
from portazgo.plans.domain import Terms as PlanTerms
from portazgo.plans.domain import Throttle
from portazgo.plans.models import Plan
from portazgo.routes import service as routes
from portazgo.routes.models import Route
from portazgo.signing import service as signing
from portazgo.signing.models import Issuer

if TYPE_CHECKING:
    from uuid import UUID

    from portazgo.accounts.domain import Actor
    from portazgo.declarative.rules.lines import Step
    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper


@dataclass(frozen=True, slots=True)
class Hand:
    """Who writes, and with what."""

    actor: Actor
    clock: Clock
    wrapper: KeyWrapper


def carry_out(hand: Hand, steps: Sequence[Step]) -> None:
    """Take the steps, each through its noun's use case. Raises what those raise; all or nothing is the caller's change."""
    for step in in_order(steps):
        if step.after is None:
            _DELETE[step.ref.kind](hand, step.ref)
        elif step.before is None:
            _CREATE[step.ref.kind](hand, step.ref, step.after)
        else:
            _ALTER[step.ref.kind](hand, step)


def mark(owner: str, refs: Sequence[Ref]) -> None:
    """Make these the owner's."""
    for ref in refs:
        Ownership.objects.update_or_create(kind=ref.kind, identifier=identify(ref), defaults={"owner": owner})


def release(refs: Sequence[Ref]) -> None:
    """Make these nobody's."""
    for ref in refs:
        Ownership.objects.filter(kind=ref.kind, identifier=identify(ref)).delete()


def identify(ref: Ref) -> UUID:
    """Find the id behind a name."""
    inner = ref.name.partition("/")[2]
    if ref.kind == "route":
        return Route.objects.get(api__name=ref.parent, name=inner).id
    if ref.kind == "application":
        return Application.objects.get(partner__name=ref.parent, name=inner).id
    return _BY_NAME[ref.kind]._default_manager.get(name=ref.name).pk  # type: ignore[no-any-return]  # noqa: SLF001 - Django's own name for it


_BY_NAME: dict[Kind, Any] = {"issuer": Issuer, "backend": Backend, "api": Api, "plan": Plan, "partner": Partner}


# ------------------------------------------------------------------------------------------------------------- create


def _create_issuer(hand: Hand, ref: Ref, terms: Terms) -> None:
    signing.create_issuer(hand.actor, ref.name, terms["url"], wrapper=hand.wrapper, clock=hand.clock)


def _create_backend(hand: Hand, ref: Ref, terms: Terms) -> None:
    backends.create(hand.actor, ref.name, _environments(terms), clock=hand.clock)


def _create_api(hand: Hand, ref: Ref, _terms: Terms) -> None:
    apis.create(hand.actor, ref.name, clock=hand.clock)


def _create_route(hand: Hand, ref: Ref, terms: Terms) -> None:
    routes.create(hand.actor, identify(Ref("api", ref.parent)), _route_terms(ref, terms), clock=hand.clock)


def _create_plan(hand: Hand, ref: Ref, terms: Terms) -> None:
    plans.create(hand.actor, ref.name, _plan_terms(terms), clock=hand.clock)


def _create_partner(hand: Hand, ref: Ref, terms: Terms) -> None:
    made = partners.create(hand.actor, ref.name, terms["metadata"], clock=hand.clock)
    if terms["status"] == "suspended":
        partners.suspend(hand.actor, made.id, clock=hand.clock)


def _create_application(hand: Hand, ref: Ref, terms: Terms) -> None:
    new = applications.NewApplication(
        partner=identify(Ref("partner", ref.parent)),
        name=ref.name.partition("/")[2],
        environment=Environment(terms["environment"]),
        plan=_plan_id(terms),
        metadata=terms["metadata"],
    )
    made = applications.create(hand.actor, new, clock=hand.clock)
    if terms["status"] == "suspended":
        applications.suspend(hand.actor, made.id, clock=hand.clock)


# -------------------------------------------------------------------------------------------------------------- alter


def _alter_backend(hand: Hand, step: Step) -> None:
    environments = _environments(_after(step))
    backends.alter(hand.actor, identify(step.ref), name=None, environments=environments, clock=hand.clock)


def _alter_route(hand: Hand, step: Step) -> None:
    terms = _route_terms(step.ref, _after(step))
    members = {name: getattr(terms, name) for name in routes.RouteTerms.__dataclass_fields__}
    routes.alter(hand.actor, identify(step.ref), members, clock=hand.clock)


def _alter_plan(hand: Hand, step: Step) -> None:
    plans.replace(hand.actor, identify(step.ref), step.ref.name, _plan_terms(_after(step)), clock=hand.clock)


def _alter_partner(hand: Hand, step: Step) -> None:
    identifier, terms = identify(step.ref), _after(step)
    if step.changed("metadata"):
        partners.alter(hand.actor, identifier, name=None, metadata=terms["metadata"], clock=hand.clock)
    if step.changed("status"):
        stand = partners.suspend if terms["status"] == "suspended" else partners.resume
        stand(hand.actor, identifier, clock=hand.clock)


def _alter_application(hand: Hand, step: Step) -> None:
    identifier, terms = identify(step.ref), _after(step)
    if step.changed("metadata") or step.changed("plan"):
        changes = applications.Changes(
            name=None,
            plan=_plan_id(terms),
            metadata=terms["metadata"],
            without_plan=terms["plan"] is None or None,
        )
        applications.alter(hand.actor, identifier, changes, clock=hand.clock)
    if step.changed("status"):
        stand = applications.suspend if terms["status"] == "suspended" else applications.resume
        stand(hand.actor, identifier, clock=hand.clock)


def _cannot_alter(_hand: Hand, step: Step) -> None:
    raise AssertionError(f"nothing of the {step.ref} can change: planning.py lets no such step through")


# ------------------------------------------------------------------------------------------------------------- delete


def _delete_with(use_case: Callable[..., None]) -> Callable[[Hand, Ref], None]:
    return lambda hand, ref: use_case(hand.actor, identify(ref), clock=hand.clock)


def _cannot_delete(_hand: Hand, ref: Ref) -> None:
    raise AssertionError(f"the {ref} is never deleted: planning.py lets no such step through")


_CREATE: dict[Kind, Callable[[Hand, Ref, Terms], None]] = {
    "issuer": _create_issuer,
    "backend": _create_backend,
    "api": _create_api,
    "route": _create_route,
    "plan": _create_plan,
    "partner": _create_partner,
    "application": _create_application,
}
_ALTER: dict[Kind, Callable[[Hand, Step], None]] = {
    "issuer": _cannot_alter,
    "backend": _alter_backend,
    "api": _cannot_alter,
    "route": _alter_route,
    "plan": _alter_plan,
    "partner": _alter_partner,
    "application": _alter_application,
}
_DELETE: dict[Kind, Callable[[Hand, Ref], None]] = {
    "issuer": _cannot_delete,
    "backend": _delete_with(backends.delete),
    "api": _delete_with(apis.delete),
    "route": _delete_with(routes.delete),
    "plan": _delete_with(plans.delete),
    "partner": _delete_with(partners.delete),
    "application": _delete_with(applications.delete),
}


# -------------------------------------------------------------------------------------------------------------- terms


def _after(step: Step) -> Terms:
    assert step.after is not None  # noqa: S101 - of what is made or changed
    return step.after


def _environments(terms: Terms) -> dict[str, Any]:
    return {name: {**one, "credential": _credential(one["credential"])} for name, one in terms["environments"].items()}


def _credential(credential: dict[str, Any]) -> dict[str, Any]:
    if "issuer" not in credential:
        return credential
    return {**credential, "issuer": str(identify(Ref("issuer", credential["issuer"])))}


def _route_terms(ref: Ref, terms: Terms) -> routes.RouteTerms:
    backend = identify(Ref("backend", terms["backend"]))
    return routes.RouteTerms(**{**terms, "backend": backend}, name=ref.name.partition("/")[2])


def _plan_terms(terms: Terms) -> PlanTerms:
    opened = [identify(Ref("api", name)) for name in terms["apis"]]
    return PlanTerms(opened, terms["scopes"], [Throttle(**one) for one in terms["throttles"]])


def _plan_id(terms: Terms) -> UUID | None:
    return None if terms["plan"] is None else identify(Ref("plan", terms["plan"]))
