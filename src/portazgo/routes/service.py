"""Use cases of routes."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.apis.models import Api
from portazgo.backends.models import Backend
from portazgo.kit.errors import Conflict, Invalid
from portazgo.kit.names import check_tags
from portazgo.kit.web.rows import refuse_taken, the_one
from portazgo.routes.contracts import check_contract, documents_telling, refuse_in_versions
from portazgo.routes.domain import (
    Address,
    addresses,
    check_backend_path,
    check_idempotency_key,
    check_partner_path,
    check_upgrades,
)
from portazgo.routes.models import Route, RouteAddress, RouteTag
from portazgo.snapshot.log import Change, change
from portazgo.snapshot.wire import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from uuid import UUID

    from portazgo.kit.clock import Clock


@dataclass(frozen=True, slots=True)
class RouteTerms:
    """All that an operator says of a route."""

    name: str
    backend: UUID
    hosts: Sequence[str] | None
    method: str
    path: str
    backend_method: str
    backend_path: str
    environments: Sequence[str]
    scopes: Sequence[str]
    max_request_bytes: int
    max_response_bytes: int | None
    query: str | Sequence[str]
    request_headers: Sequence[str]
    response_headers: Sequence[str]
    upgrades: Sequence[str] = ()
    idempotency_key: bool = False
    timeouts: Mapping[str, int | None] | None = None
    """What differs from the backend's; a null total is none."""
    tags: Sequence[str] = ()
    """Keys may be restricted to the routes of a tag."""
    passthrough: bool = True
    """Bodies pass as the backend has them; false: only what a contract says passes, and without one nothing."""
    contract: UUID | None = None
    """The version that serves calls without a pin; null: only pins lead to one."""


_KEYS = frozenset({"backend", "contract"})
"""Terms that name a row of another table."""


def create(actor: Actor, api_id: UUID, terms: RouteTerms, *, clock: Clock) -> Route:
    """Make a route. Raises NotFound, Invalid, Conflict (`name_taken`, `route_taken`)."""
    can(actor, Verb.CREATE, Route.noun)
    api = the_one(Api.objects.all(), "api", id=api_id)
    route = Route(api=api, created_at=clock.now())
    details = {"api": api.name, "name": terms.name}
    with change(actor, "route.created", str(route.id), details=details, clock=clock) as recorded:
        refuse_taken(Route.objects.filter(api=api), "route", terms.name)
        put(route, terms, recorded)
    return route


def alter(actor: Actor, identifier: UUID, changes: Mapping[str, Any], *, clock: Clock) -> Route:
    """Change members of a route; those that are absent stay. Raises NotFound, Invalid, Conflict."""
    can(actor, Verb.CHANGE, Route.noun)
    details = {"members": sorted(changes)}
    with change(actor, "route.changed", str(identifier), details=details, clock=clock) as recorded:
        route = the_one(Route.objects.select_for_update(), "route", id=identifier)
        terms = RouteTerms(**{**asdict(terms_of(route)), **_following(changes), **changes})
        if terms.name != route.name:
            refuse_taken(Route.objects.filter(api=route.api_id), "route", terms.name)
        put(route, terms, recorded)
    return route


def _following(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Tell what follows of what was said: with a contract bodies don't pass as they are, and the other way round."""
    if changes.get("contract") is not None:
        return {"passthrough": False}
    return {"contract": None} if changes.get("passthrough") else {}


def delete(actor: Actor, identifier: UUID, *, clock: Clock) -> None:
    """Remove a route that no version of a contract has. Raises NotFound, Conflict (`in_contract`)."""
    can(actor, Verb.DELETE, Route.noun)
    with change(actor, "route.deleted", str(identifier), clock=clock) as recorded:
        route = the_one(Route.objects.select_for_update(), "route", id=identifier)
        refuse_in_versions(route, "it can't be removed")
        recorded.deletes(ResourceRef("route", str(route.id)))
        recorded.touches(*(ResourceRef("route_tag", tag) for tag in route.tags))
        route.delete()


def terms_of(route: Route) -> RouteTerms:
    """Read a route's terms from its row."""
    values = {name: getattr(route, name) for name in RouteTerms.__dataclass_fields__ if name not in _KEYS}
    return RouteTerms(backend=route.backend_id, contract=route.contract_id, **values)


def put(route: Route, terms: RouteTerms, recorded: Change) -> None:
    """Write a route and its addresses, inside a change. Raises Invalid, Conflict (`route_taken`)."""
    _check(terms)
    if not Backend.objects.filter(id=terms.backend).exists():
        raise Invalid.at("/backend", f"there is no backend {terms.backend}", code="backend_unknown")
    check_contract(route, terms)
    told = documents_telling(route, terms.scopes)
    for name in RouteTerms.__dataclass_fields__:
        value = getattr(terms, name)
        if name in _KEYS:
            setattr(route, f"{name}_id", value)
        else:
            setattr(route, name, list(value) if isinstance(value, tuple) else value)
    route.upgrades = list(dict.fromkeys(terms.upgrades))
    # A mapping that says nothing is none.
    route.timeouts = dict(terms.timeouts) if terms.timeouts else None
    route.tags = check_tags(terms.tags)
    places = addresses(terms.hosts, terms.method, terms.path)
    for place in places:
        _refuse_taken_place(route, place)
    route.save()
    route.addresses.all().delete()
    RouteAddress.objects.bulk_create(
        RouteAddress(route=route, host=place.host, method=place.method, shape=place.shape) for place in places
    )
    recorded.touches(ResourceRef("route", str(route.id)), *_label(route), *told)


def _label(route: Route) -> list[ResourceRef]:
    """Write a route's tags where they are looked up by. Returns what nodes know of the tags that it gains or loses."""
    before = set(route.labels.values_list("tag", flat=True))
    differing = before.symmetric_difference(route.tags)
    route.labels.filter(tag__in=differing).delete()
    RouteTag.objects.bulk_create(RouteTag(route=route, tag=tag) for tag in route.tags if tag in differing)
    return [ResourceRef("route_tag", tag) for tag in sorted(differing)]


def _check(terms: RouteTerms) -> None:
    with _blaming("/path", "path_invalid"):
        check_partner_path(terms.path)
    with _blaming("/backend_path", "path_invalid"):
        check_backend_path(terms.backend_path, terms.path)
    with _blaming("/upgrades", "invalid"):
        check_upgrades(terms.upgrades, terms.method, terms.backend_method)
    with _blaming("/idempotency_key", "invalid"):
        check_idempotency_key(terms.idempotency_key, terms.method)
    with _blaming("/tags", "invalid"):
        check_tags(terms.tags)


@contextmanager
def _blaming(pointer: str, code: str) -> Iterator[None]:
    try:
        yield
    except ValueError as problem:
        raise Invalid.at(pointer, str(problem), code=code) from None


def _refuse_taken_place(route: Route, place: Address) -> None:
    rows = RouteAddress.objects.filter(host=place.host, method=place.method, shape=place.shape)
    taken = rows.exclude(route=route.id).select_related("route__api").first()
    if taken is not None:
        raise Conflict(
            f"{route.method} {route.path} can't be told apart from the route {taken.route.name!r} "
            f"of the API {taken.route.api.name!r}",
            code="route_taken",
            remedy="choose another path, method or host",
        )
