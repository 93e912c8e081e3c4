"""Who is served by a version of a contract."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from portazgo.applications.models import Application
from portazgo.contracts.models import ContractPin
from portazgo.contracts.pinning import effective
from portazgo.contracts.service import HOLDERS, pinned
from portazgo.routes.models import Route
from portazgo.usage.periods import Period, minute_of
from portazgo.usage.reading import add_up

if TYPE_CHECKING:
    from portazgo.contracts.models import ContractVersion
    from portazgo.kit.clock import Clock

LOOKED_BACK = timedelta(days=30)
_MOST_SUMS = 20_000


def users_of(version: ContractVersion, clock: Clock) -> dict[str, Any]:
    """Say which routes and pins lead to the version, and whose calls it would serve today.

    Records don't name versions: what counts are the calls of the last 30 days of those who are served by it now.
    """
    return {
        "routes": sorted(route.name for route in version.routes.all()),
        **{f"{holder}s": pinned(version, holder) for holder in HOLDERS},
        "calls": _calls(version, clock),
    }


def _calls(version: ContractVersion, clock: Clock) -> list[dict[str, Any]]:
    api = version.contract.api
    routes = {str(route.id): route for route in Route.objects.filter(id__in=list(version.compiled["routes"]))}
    if not routes:
        return []
    until = clock.now()
    # Whole days: finer sums are not kept that long.
    since = (until - LOOKED_BACK).replace(hour=0, minute=0, second=0, microsecond=0)
    period = Period(minute_of(since), minute_of(until) + 1, "30 days")
    sums = add_up([period], ("application", "route"), {"route": tuple(routes)}, _MOST_SUMS)
    callers = {
        str(one.id): one
        for one in Application.objects.select_related("partner").filter(id__in={one.members[0] for one in sums} - {""})
    }
    pins = list(ContractPin.objects.filter(api=api))
    served = []
    for one in sums:
        application, route = callers.get(one.members[0]), routes[one.members[1]]
        if application is None or route.passthrough:
            continue
        if (effective(application, api, pins) or route.contract_id) == version.id:
            served.append(
                {
                    "application": application.id,
                    "name": application.name,
                    "partner": application.partner.name,
                    "route": route.name,
                    "calls": one.sums[0],
                }
            )
    return sorted(served, key=lambda one: (-one["calls"], one["partner"], one["name"], one["route"]))
