"""Carries steps out through the nouns' own use cases, so that their rules, permissions and audit rows hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from portazgo.apis import service as apis
from portazgo.applications import service as applications
from portazgo.backends import service as backends
from portazgo.backends.domain import Environment
from portazgo.declarative.domain import Kind, Ref, Terms
from portazgo.declarative.models import Ownership
from portazgo.declarative.ordering import in_order
from portazgo.partners import service as partners
from portazgo.plans import service as plans
from portazgo.plans.domain import Terms as PlanTerms
from portazgo.plans.domain import Throttle
from portazgo.plans.rotation import RotationPolicy
from portazgo.routes import service as routes
from portazgo.signing import service as signing
from portazgo.signing.algorithms import Algorithm

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


@dataclass(frozen=True, slots=True)
class _Work:
    """A hand, and the ids behind the names as they are by now."""

    hand: Hand
    ids: dict[Ref, UUID]

    @property
    def actor(self) -> Actor:
        return self.hand.actor

    @property
    def clock(self) -> Clock:
        return self.hand.clock


def carry_out(hand: Hand, steps: Sequence[Step], ids: Mapping[Ref, UUID]) -> dict[Ref, UUID]:
    """Take the steps, each through its noun's use case; all or nothing is the caller's change.

    Returns the ids behind the names as they are afterwards. Raises what the use cases raise.
    """
    work = _Work(hand, dict(ids))
    for step in in_order(steps):
        if step.after is None:
            _DELETE[step.ref.kind](work, step.ref)
            del work.ids[step.ref]
        elif step.before is None:
            work.ids[step.ref] = _CREATE[step.ref.kind](work, step.ref, step.after)
        else:
            _ALTER[step.ref.kind](work, step)
    return work.ids


def mark(owner: str, refs: Sequence[Ref], ids: Mapping[Ref, UUID]) -> None:
    """Make these the owner's."""
    Ownership.objects.bulk_create(
        [Ownership(kind=ref.kind, identifier=ids[ref], owner=owner) for ref in refs],
        batch_size=500,
        update_conflicts=True,
        unique_fields=["kind", "identifier"],
        update_fields=["owner"],
    )


def release(refs: Sequence[Ref], ids: Mapping[Ref, UUID]) -> None:
    """Make these nobody's."""
    for ref in refs:
        Ownership.objects.filter(kind=ref.kind, identifier=ids[ref]).delete()


# ------------------------------------------------------------------------------------------------------------- create


def _create_issuer(work: _Work, ref: Ref, terms: Terms) -> UUID:
    new = signing.NewIssuer(ref.name, terms["url"], Algorithm(terms["algorithm"]), _rotation(terms))
    return signing.create_issuer(work.actor, new, wrapper=work.hand.wrapper, clock=work.clock).issuer.id


def _create_backend(work: _Work, ref: Ref, terms: Terms) -> UUID:
    return backends.create(work.actor, ref.name, _environments(work, terms), clock=work.clock).id


def _create_api(work: _Work, ref: Ref, _terms: Terms) -> UUID:
    return apis.create(work.actor, ref.name, clock=work.clock).id


def _create_route(work: _Work, ref: Ref, terms: Terms) -> UUID:
    api = work.ids[Ref("api", ref.parent)]
    return routes.create(work.actor, api, _route_terms(work, ref, terms), clock=work.clock).id


def _create_plan(work: _Work, ref: Ref, terms: Terms) -> UUID:
    return plans.create(work.actor, ref.name, _plan_terms(work, terms), clock=work.clock).id


def _create_partner(work: _Work, ref: Ref, terms: Terms) -> UUID:
    made = partners.create(work.actor, ref.name, terms["metadata"], wrapper=work.hand.wrapper, clock=work.clock)
    if terms["status"] == "suspended":
        partners.suspend(work.actor, made.id, clock=work.clock)
    return made.id


def _create_application(work: _Work, ref: Ref, terms: Terms) -> UUID:
    new = applications.NewApplication(
        partner=work.ids[Ref("partner", ref.parent)],
        name=ref.name.partition("/")[2],
        environment=Environment(terms["environment"]),
        plan=_plan_id(work, terms),
        metadata=terms["metadata"],
    )
    made = applications.create(work.actor, new, clock=work.clock)
    if terms["status"] == "suspended":
        applications.suspend(work.actor, made.id, clock=work.clock)
    return made.id


# -------------------------------------------------------------------------------------------------------------- alter


def _alter_issuer(work: _Work, step: Step) -> None:
    every = _rotation(_after(step))
    signing.alter_issuer(work.actor, work.ids[step.ref], rotate_every=every, clock=work.clock)


def _alter_backend(work: _Work, step: Step) -> None:
    environments = _environments(work, _after(step))
    backends.alter(work.actor, work.ids[step.ref], name=None, environments=environments, clock=work.clock)


def _alter_route(work: _Work, step: Step) -> None:
    terms = _route_terms(work, step.ref, _after(step))
    members = {name: getattr(terms, name) for name in routes.RouteTerms.__dataclass_fields__}
    routes.alter(work.actor, work.ids[step.ref], members, clock=work.clock)


def _alter_plan(work: _Work, step: Step) -> None:
    plans.replace(work.actor, work.ids[step.ref], step.ref.name, _plan_terms(work, _after(step)), clock=work.clock)


def _alter_partner(work: _Work, step: Step) -> None:
    identifier, terms = work.ids[step.ref], _after(step)
    if step.changed("metadata"):
        partners.alter(work.actor, identifier, name=None, metadata=terms["metadata"], clock=work.clock)
    if step.changed("status"):
        stand = partners.suspend if terms["status"] == "suspended" else partners.resume
        stand(work.actor, identifier, clock=work.clock)


def _alter_application(work: _Work, step: Step) -> None:
    identifier, terms = work.ids[step.ref], _after(step)
    if step.changed("metadata") or step.changed("plan"):
        changes = applications.Changes(
            name=None,
            plan=_plan_id(work, terms),
            metadata=terms["metadata"],
            without_plan=terms["plan"] is None or None,
        )
        applications.alter(work.actor, identifier, changes, clock=work.clock)
    if step.changed("status"):
        stand = applications.suspend if terms["status"] == "suspended" else applications.resume
        stand(work.actor, identifier, clock=work.clock)


def _cannot_alter(_work: _Work, step: Step) -> None:
    raise AssertionError(f"nothing of the {step.ref} can change: planning.py lets no such step through")


# ------------------------------------------------------------------------------------------------------------- delete


def _delete_with(use_case: Callable[..., None]) -> Callable[[_Work, Ref], None]:
    return lambda work, ref: use_case(work.actor, work.ids[ref], clock=work.clock)


def _cannot_delete(_work: _Work, ref: Ref) -> None:
    raise AssertionError(f"the {ref} is never deleted: planning.py lets no such step through")


_CREATE: dict[Kind, Callable[[_Work, Ref, Terms], UUID]] = {
    "issuer": _create_issuer,
    "backend": _create_backend,
    "api": _create_api,
    "route": _create_route,
    "plan": _create_plan,
    "partner": _create_partner,
    "application": _create_application,
}
_ALTER: dict[Kind, Callable[[_Work, Step], None]] = {
    "issuer": _alter_issuer,
    "backend": _alter_backend,
    "api": _cannot_alter,
    "route": _alter_route,
    "plan": _alter_plan,
    "partner": _alter_partner,
    "application": _alter_application,
}
_DELETE: dict[Kind, Callable[[_Work, Ref], None]] = {
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


def _rotation(terms: Terms) -> timedelta | None:
    seconds = terms["rotate_every_seconds"]
    return None if seconds is None else timedelta(seconds=seconds)


def _environments(work: _Work, terms: Terms) -> dict[str, Any]:
    return {
        name: {**one, "credential": _credential(work, one["credential"])} for name, one in terms["environments"].items()
    }


def _credential(work: _Work, credential: dict[str, Any]) -> dict[str, Any]:
    if credential.get("subject"):
        return {**credential, "subject": _credential(work, credential["subject"])}
    if "issuer" not in credential:
        return credential
    return {**credential, "issuer": str(work.ids[Ref("issuer", credential["issuer"])])}


def _route_terms(work: _Work, ref: Ref, terms: Terms) -> routes.RouteTerms:
    backend = work.ids[Ref("backend", terms["backend"])]
    return routes.RouteTerms(**{**terms, "backend": backend}, name=ref.name.partition("/")[2])


def _plan_terms(work: _Work, terms: Terms) -> PlanTerms:
    opened = [work.ids[Ref("api", name)] for name in terms["apis"]]
    throttles = [Throttle(**one) for one in terms["throttles"]]
    return PlanTerms(opened, terms["scopes"], throttles, RotationPolicy.stored(terms["rotation"]))


def _plan_id(work: _Work, terms: Terms) -> UUID | None:
    return None if terms["plan"] is None else work.ids[Ref("plan", terms["plan"])]
