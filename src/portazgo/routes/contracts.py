"""What contracts ask of routes: that a version has the route which leads to it, and that a published route stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portazgo.kit.errors import Conflict, Invalid
from portazgo.snapshot.wire import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from portazgo.contracts.models import ContractVersion
    from portazgo.routes.models import Route
    from portazgo.routes.service import RouteTerms

_COMPILED_IN = ("method", "path", "backend", "backend_method", "backend_path")
"""What versions were compiled with: their programs rewrite URLs by it, and partners read it in their documents."""


def check_contract(route: Route, terms: RouteTerms) -> None:
    """Check what a route is to say of contracts. Raises Invalid, Conflict (`in_contract`)."""
    if terms.passthrough and terms.contract is not None:
        raise Invalid.at("/contract", "a route either passes bodies through or has a contract", code="invalid")
    if not terms.passthrough and terms.upgrades:
        raise Invalid.at("/upgrades", "no contract says what passes after a change of protocol", code="invalid")
    if terms.contract is not None and terms.contract != route.contract_id:
        _check_version(route, terms.contract)
    # A route that is being made has no row yet: nothing can have been compiled with it.
    if route._state.adding:  # noqa: SLF001 - Django's own name for it
        return
    if terms.passthrough and not route.passthrough:
        _refuse_pinned(route)
    before = {name: getattr(route, f"{name}_id" if name == "backend" else name) for name in _COMPILED_IN}
    if any(before[name] != getattr(terms, name) for name in _COMPILED_IN):
        refuse_in_versions(route, "its method, its paths and its backend can't change")


def documents_telling(route: Route, scopes: Sequence[str]) -> list[ResourceRef]:
    """Name the documents of partners that say which scopes the route needs, where these are others now."""
    if route._state.adding or set(route.scopes) == set(scopes):  # noqa: SLF001 - Django's own name for it
        return []
    return [ResourceRef("contract_document", str(version.id)) for version in _versions(route) if _has(version, route)]


def _refuse_pinned(route: Route) -> None:
    """Raise Conflict (`in_contract`) while somebody is pinned to a version that has the route.

    They were promised that nothing changes for them; a route that passes bodies through ignores pins.
    """
    version = _version_with(route, id__in=route.api.contract_pins.values("version"))
    if version is not None:
        raise Conflict(
            f"the route {route.name!r} can't pass bodies through: somebody is pinned to the version "
            f"{version.name} of the contract {version.contract.name!r}, which has it",
            code="in_contract",
            remedy="`portazgo contract users` says who: take those pins away first",
        )


def refuse_in_versions(route: Route, what: str) -> None:
    """Raise Conflict (`in_contract`) while a version that is not retired has the route."""
    version = _version_with(route)
    if version is not None:
        raise Conflict(
            f"the version {version.name} of the contract {version.contract.name!r} has the route {route.name!r}: {what}",
            code="in_contract",
            remedy="publish a version without the route and retire those that have it, or make another route",
        )


def _check_version(route: Route, identifier: UUID) -> None:
    version = next(_versions(route, id=identifier), None)
    if version is None:
        message = f"the route's API has no contract with the version {identifier}"
    elif not _has(version, route):
        message = f"the version {version.name} of {version.contract.name!r} does not have this route"
    else:
        return
    raise Invalid.at("/contract", message, code="contract_version_unknown")


def _version_with(route: Route, **which: Any) -> ContractVersion | None:
    return next((version for version in _versions(route, **which) if _has(version, route)), None)


def _versions(route: Route, **which: Any) -> Iterator[ContractVersion]:
    """Give the versions of the API's contracts that are not retired; `which` of them."""
    for contract in route.api.contracts.all():
        yield from contract.versions.filter(retired_at=None, **which)


def _has(version: ContractVersion, route: Route) -> bool:
    return str(route.id) in version.compiled["routes"]
