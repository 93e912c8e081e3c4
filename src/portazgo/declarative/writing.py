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
from portazgo.contracts import pinning, publishing, storing
from portazgo.contracts import service as contracts
from portazgo.contracts.models import BackendSchema
from portazgo.contracts.pinning import Holder
from portazgo.contracts.service import HolderKind, NewContract
from portazgo.declarative.domain import Kind, Ref, Terms
from portazgo.declarative.models import Ownership
from portazgo.declarative.ordering import in_order
from portazgo.declarative.state import schema_text
from portazgo.partners import service as partners
from portazgo.plans import service as plans
from portazgo.plans.domain import Terms as PlanTerms
from portazgo.plans.domain import Throttle
from portazgo.plans.rotation import RotationPolicy
from portazgo.routes import service as routes
from portazgo.routes.models import Route
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
    texts: Mapping[str, str]

    @property
    def actor(self) -> Actor:
        return self.hand.actor

    @property
    def clock(self) -> Clock:
        return self.hand.clock


def carry_out(hand: Hand, steps: Sequence[Step], ids: Mapping[Ref, UUID], texts: Mapping[str, str]) -> dict[Ref, UUID]:
    """Take the steps, each through its noun's use case; all or nothing is the caller's change.

    `texts` are the OpenAPI documents that came along, by their SHA-256.

    Returns the ids behind the names as they are afterwards. Raises what the use cases raise.
    """
    work = _Work(hand, dict(ids), texts)
    for step in in_order(steps):
        if step.after is None:
            _DELETE[step.ref.kind](work, step.ref)
            del work.ids[step.ref]
        elif step.before is None:
            work.ids[step.ref] = _CREATE[step.ref.kind](work, step.ref, step.after)
        else:
            _ALTER[step.ref.kind](work, step)
    for step in steps:
        if step.after is not None and step.ref.kind == "route" and step.after["contract"] is not None:
            _lead(work, step.ref, step.after["contract"])
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


def _create_schema(work: _Work, ref: Ref, terms: Terms) -> UUID:
    _import(work, ref, terms)
    return BackendSchema.objects.get(name=ref.name).id


def _create_contract(work: _Work, ref: Ref, terms: Terms) -> UUID:
    api, schema = work.ids[Ref("api", terms["api"])], work.ids[Ref("schema", terms["schema"])]
    made = contracts.create(work.actor, NewContract(ref.name, api, schema, _contract_terms(terms)), clock=work.clock)
    publishing.publish_changed(work.actor, made.id, clock=work.clock)
    return made.id


def _create_plan(work: _Work, ref: Ref, terms: Terms) -> UUID:
    made = plans.create(work.actor, ref.name, _plan_terms(work, terms), clock=work.clock).id
    _pin(work, Holder("plan", made), {}, terms["contracts"])
    return made


def _create_partner(work: _Work, ref: Ref, terms: Terms) -> UUID:
    made = partners.create(work.actor, ref.name, terms["metadata"], wrapper=work.hand.wrapper, clock=work.clock)
    if terms["status"] == "suspended":
        partners.suspend(work.actor, made.id, clock=work.clock)
    _pin(work, Holder("partner", made.id), {}, terms["contracts"])
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
    _pin(work, Holder("application", made.id), {}, terms["contracts"])
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
    if _after(step)["contract"] is not None:
        # Which version that is stands fast when all contracts have been published: `_lead`.
        del members["contract"]
    routes.alter(work.actor, work.ids[step.ref], members, clock=work.clock)


def _alter_plan(work: _Work, step: Step) -> None:
    plans.replace(work.actor, work.ids[step.ref], step.ref.name, _plan_terms(work, _after(step)), clock=work.clock)
    _repin(work, step, "plan")


def _alter_partner(work: _Work, step: Step) -> None:
    identifier, terms = work.ids[step.ref], _after(step)
    if step.changed("metadata"):
        partners.alter(work.actor, identifier, name=None, metadata=terms["metadata"], clock=work.clock)
    if step.changed("status"):
        stand = partners.suspend if terms["status"] == "suspended" else partners.resume
        stand(work.actor, identifier, clock=work.clock)
    _repin(work, step, "partner")


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
    _repin(work, step, "application")


def _alter_schema(work: _Work, step: Step) -> None:
    _import(work, step.ref, _after(step))


def _alter_contract(work: _Work, step: Step) -> None:
    identifier, terms = work.ids[step.ref], _after(step)
    schema = work.ids[Ref("schema", terms["schema"])]
    contracts.alter(work.actor, identifier, schema=schema, terms=_contract_terms(terms), clock=work.clock)
    publishing.publish_changed(work.actor, identifier, clock=work.clock)


def _repin(work: _Work, step: Step, kind: HolderKind) -> None:
    before = {} if step.before is None else step.before["contracts"]
    _pin(work, Holder(kind, work.ids[step.ref]), before, _after(step)["contracts"])


def _pin(work: _Work, holder: Holder, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Make the holder's pins what they are to be."""
    for api, version in before.items():
        if api not in after:
            contract = work.ids[Ref("contract", version.partition("@")[0])]
            pinning.unpin(work.actor, contract, holder, clock=work.clock)
    for api, version in after.items():
        if before.get(api) != version:
            name, _, wanted = version.partition("@")
            pinning.pin(work.actor, work.ids[Ref("contract", name)], wanted, holder, clock=work.clock)


def _lead(work: _Work, ref: Ref, written: str) -> None:
    """Have a route serve the version of a contract, the newest where none is named."""
    name, _, wanted = written.partition("@")
    version = publishing.served(work.ids[Ref("contract", name)], wanted or None)
    if Route.objects.get(id=work.ids[ref]).contract_id != version.id:
        routes.alter(work.actor, work.ids[ref], {"contract": version.id}, clock=work.clock)


def _import(work: _Work, ref: Ref, terms: Terms) -> None:
    text = work.texts.get(terms["sha256"]) or schema_text(ref.name, terms["sha256"])
    if text is None:
        raise AssertionError(f"there is no document of the {ref}: contracts.py lets no such step through")
    order = storing.Order(ref.name, work.ids[Ref("backend", terms["backend"])], text)
    storing.import_schema(work.actor, order, clock=work.clock)


def _contract_terms(terms: Terms) -> dict[str, Any]:
    return {"mappings": terms["mappings"], "routes": terms["routes"]}


def _cannot_alter(_work: _Work, step: Step) -> None:
    raise AssertionError(f"nothing of the {step.ref} can change: planning.py lets no such step through")


# ------------------------------------------------------------------------------------------------------------- delete


def _delete_with(use_case: Callable[..., None]) -> Callable[[_Work, Ref], None]:
    return lambda work, ref: use_case(work.actor, work.ids[ref], clock=work.clock)


def _delete_contract(work: _Work, ref: Ref) -> None:
    """What still leads to the contract goes or changes in the same apply: obstacles.py has looked."""
    pinning.release(work.actor, work.ids[ref], clock=work.clock)
    contracts.delete(work.actor, work.ids[ref], clock=work.clock)


def _cannot_delete(_work: _Work, ref: Ref) -> None:
    raise AssertionError(f"the {ref} is never deleted: planning.py lets no such step through")


_CREATE: dict[Kind, Callable[[_Work, Ref, Terms], UUID]] = {
    "issuer": _create_issuer,
    "backend": _create_backend,
    "api": _create_api,
    "schema": _create_schema,
    "route": _create_route,
    "contract": _create_contract,
    "plan": _create_plan,
    "partner": _create_partner,
    "application": _create_application,
}
_ALTER: dict[Kind, Callable[[_Work, Step], None]] = {
    "issuer": _alter_issuer,
    "backend": _alter_backend,
    "api": _cannot_alter,
    "schema": _alter_schema,
    "route": _alter_route,
    "contract": _alter_contract,
    "plan": _alter_plan,
    "partner": _alter_partner,
    "application": _alter_application,
}
_DELETE: dict[Kind, Callable[[_Work, Ref], None]] = {
    "issuer": _cannot_delete,
    "backend": _delete_with(backends.delete),
    "api": _delete_with(apis.delete),
    "schema": _delete_with(storing.delete),
    "route": _delete_with(routes.delete),
    "contract": _delete_contract,
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
    return routes.RouteTerms(**{**terms, "backend": backend, "contract": None}, name=ref.name.partition("/")[2])


def _plan_terms(work: _Work, terms: Terms) -> PlanTerms:
    opened = [work.ids[Ref("api", name)] for name in terms["apis"]]
    throttles = [Throttle(**one) for one in terms["throttles"]]
    return PlanTerms(opened, terms["scopes"], throttles, RotationPolicy.stored(terms["rotation"]))


def _plan_id(work: _Work, terms: Terms) -> UUID | None:
    return None if terms["plan"] is None else work.ids[Ref("plan", terms["plan"])]
