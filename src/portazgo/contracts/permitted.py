"""What a version's document is to its readers: which scopes operations need now, and which of them somebody may call."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portazgo.contracts.document.building import render
from portazgo.contracts.document.callers import operations_of, with_scopes
from portazgo.contracts.document.parts import joined, parts_of
from portazgo.faults.denials import Denial
from portazgo.routes.models import Route

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from uuid import UUID

    from portazgo.applications.models import Application
    from portazgo.contracts.models import ContractVersion
    from portazgo.keys.models import Key
    from portazgo.snapshot.wire import DocumentPartsBody


@dataclass(frozen=True, slots=True)
class Caller:
    """An application, with whatever key, or with this one."""

    application: Application
    apis: frozenset[UUID]
    """Those that its plan opens."""
    key: Key | None = None

    @classmethod
    def of(cls, application: Application, key: Key | None = None) -> Caller:
        """Read what the application's plan opens."""
        plan = application.plan
        return cls(application, frozenset() if plan is None else frozenset(plan.apis.values_list("id", flat=True)), key)

    def denial(self, route: Route) -> Denial | None:
        """Say by which fault nodes refuse its calls of a route; None: they don't. As core/src/authorize.rs decides.

        Whether partner, application and key are active, and from where they call, is another matter: that may pass.
        """
        plan, environment = self.application.plan, self.application.environment
        if plan is None or route.api_id not in self.apis:
            return Denial.PLAN_MISSING
        granted = [plan.scopes] if self.key is None else [plan.scopes, self.key.scopes]
        if not all(_covers(scopes, route.scopes) for scopes in granted):
            return Denial.SCOPE_MISSING
        if self.key is not None and not _opens(self.key, route):
            return Denial.KEY_ROUTE_DENIED
        if environment not in route.environments or environment not in route.backend.environments:
            return Denial.ENVIRONMENT_UNAVAILABLE
        return None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An operation of a version that nobody of those who were asked for may call, and the fault that they would meet."""

    operation: str
    fault: Denial


@dataclass(frozen=True, slots=True)
class Cut:
    """A document of those operations alone that somebody may call."""

    document: str
    left_out: Sequence[LeftOut]


def told(version: ContractVersion) -> str:
    """Give a version's document as a whole: with the scopes that its routes need now."""
    return render(_with_scopes(version, _routes(version)))


def told_in_parts(version: ContractVersion) -> DocumentPartsBody:
    """Give a version's document as nodes cut it, by the routes' ids."""
    routes = _routes(version)
    return parts_of(_with_scopes(version, routes), {name: str(route.id) for name, route in routes.items()})


def told_to(version: ContractVersion, callers: Iterable[Caller]) -> Cut:
    """Give a version's document of what one of these, or several, may call. Whether it serves them is not asked."""
    routes, asked = _routes(version), list(callers)
    document = _with_scopes(version, routes)
    denials = {operation: _denial(routes.get(operation), asked) for operation in operations_of(document)}
    open_ones = [operation for operation, fault in denials.items() if fault is None]
    left_out = [LeftOut(operation, fault) for operation, fault in denials.items() if fault is not None]
    return Cut(joined(parts_of(document, {name: name for name in open_ones}), open_ones), left_out)


def _with_scopes(version: ContractVersion, routes: Mapping[str, Route]) -> dict[str, Any]:
    return with_scopes(json.loads(version.document), {name: route.scopes for name, route in routes.items()})


def _routes(version: ContractVersion) -> dict[str, Route]:
    """Find the version's routes, by the names that its document calls operations by."""
    kept = version.compiled["routes"]
    rows = Route.objects.filter(id__in=list(kept)).select_related("backend")
    return {kept[str(row.id)]["name"]: row for row in rows}


def _denial(route: Route | None, callers: Iterable[Caller]) -> Denial | None:
    """Say why none of these may call a route, as the first is told; None: one may."""
    if route is None:
        return Denial.ROUTE_UNKNOWN
    denials = [caller.denial(route) for caller in callers]
    return None if None in denials else denials[0]


def _covers(granted: Collection[str] | None, wanted: Iterable[str]) -> bool:
    return granted is None or all(scope in granted for scope in wanted)


def _opens(key: Key, route: Route) -> bool:
    if key.routes is None and key.route_tags is None:
        return True
    return str(route.id) in (key.routes or ()) or not set(route.tags).isdisjoint(key.route_tags or ())
