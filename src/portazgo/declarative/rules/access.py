"""Who may call what in a world. Computed once per world: a file may have thousands of routes and applications."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from portazgo.declarative.domain import Ref, Terms, World


class Access:
    """A world, and what follows from it for applications whose calls are let through."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._routes: dict[tuple[str | None, str], frozenset[Ref]] = {}
        self._names: dict[tuple[tuple[str | None, str], ...], list[str]] = {}

    def is_active(self, application: Ref) -> bool:
        """Tell whether an application's calls are let through."""
        partner = self.world.get(Ref("partner", application.parent), {})
        return bool(self.world[application]["status"] == "active" and partner.get("status") == "active")

    def routes_of_apis(self, apis: Sequence[str]) -> list[Ref]:
        """Give the routes of these APIs."""
        return [ref for api in apis for ref in self._routes_by_api.get(api, ())]

    def routes_for(self, plan: str | None, environment: str) -> frozenset[Ref]:
        """Give the routes that an application on this plan and in this environment may call."""
        key = (plan, environment)
        if key not in self._routes:
            terms = self.world.get(Ref("plan", plan or ""))
            of_plan = [] if terms is None else self.routes_of_apis(terms["apis"])
            self._routes[key] = frozenset(
                ref for ref in of_plan if terms is not None and _lets_in(self.world[ref], terms, environment)
            )
        return self._routes[key]

    def callers(self, *routes: Ref) -> list[str]:
        """Name the applications that may call any of these routes, in order."""
        wanted = set(routes)
        groups = tuple(group for group in self._groups if not wanted.isdisjoint(self.routes_for(*group)))
        if groups not in self._names:
            self._names[groups] = sorted(name for group in groups for name in self._groups[group])
        return self._names[groups]

    def on_plan(self, plan: str) -> list[str]:
        """Name the applications on a plan, in order."""
        return sorted(name for group, names in self._groups.items() if group[0] == plan for name in names)

    def of_partner(self, partner: str) -> list[str]:
        """Name a partner's applications, in order."""
        return self._by_partner.get(partner, [])

    def users(self, backend: str, environment: str) -> list[str]:
        """Name the applications of an environment whose calls a backend answers, in order."""
        routes = {ref for ref, terms in self.world.items() if ref.kind == "route" and terms["backend"] == backend}
        groups = [group for group in self._groups if group[1] == environment]
        return sorted(
            name for group in groups if not routes.isdisjoint(self.routes_for(*group)) for name in self._groups[group]
        )

    @cached_property
    def _groups(self) -> dict[tuple[str | None, str], list[str]]:
        """Applications by what decides about their routes: plan and environment."""
        groups: dict[tuple[str | None, str], list[str]] = {}
        for ref, terms in self.world.items():
            if ref.kind == "application" and self.is_active(ref):
                groups.setdefault((terms["plan"], terms["environment"]), []).append(ref.name)
        return groups

    @cached_property
    def _by_partner(self) -> dict[str, list[str]]:
        partners: dict[str, list[str]] = {}
        for name in sorted(name for names in self._groups.values() for name in names):
            partners.setdefault(name.partition("/")[0], []).append(name)
        return partners

    @cached_property
    def _routes_by_api(self) -> dict[str, list[Ref]]:
        apis: dict[str, list[Ref]] = {}
        for ref in self.world:
            if ref.kind == "route":
                apis.setdefault(ref.parent, []).append(ref)
        return apis


def _lets_in(route: Terms, plan: Terms, environment: str) -> bool:
    scopes = route["scopes"]
    in_scope = not scopes or plan["scopes"] is None or not set(scopes).isdisjoint(plan["scopes"])
    return environment in route["environments"] and in_scope
