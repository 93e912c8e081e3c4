"""Who is served by a version of a contract."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from portazgo.applications.models import Application
from portazgo.contracts.models import ContractPin, ToldFields
from portazgo.contracts.pinning import effective
from portazgo.contracts.service import HOLDERS, pinned
from portazgo.routes.models import Route
from portazgo.usage.periods import Period, minute_of
from portazgo.usage.reading import add_up
from portazgo.usage.told import told_in

if TYPE_CHECKING:
    from portazgo.contracts.models import ContractVersion
    from portazgo.kit.clock import Clock

LOOKED_BACK = timedelta(days=30)
_MOST_SUMS = 20_000


def users_of(version: ContractVersion, clock: Clock) -> dict[str, Any]:
    """Say which routes and pins lead to the version, whose calls it would serve today, and to whom it gave answers.

    `calls` are those of the last 30 days of everybody who is served by it now, whatever served them then. `answered` are the
    answers that records name it for, of this month of UTC and the one before it.
    """
    return {
        "routes": sorted(route.name for route in version.routes.all()),
        **{f"{holder}s": pinned(version, holder) for holder in HOLDERS},
        "calls": _calls(version, clock),
        "answered": _answered(version, clock),
    }


def _answered(version: ContractVersion, clock: Clock) -> list[dict[str, Any]]:
    told = ToldFields.objects.filter(version=version).first()
    if told is None:
        return []
    today = clock.now().astimezone(UTC).date()
    months = [today.strftime("%Y-%m"), (today.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")]
    sums: Counter[tuple[str, str, str]] = Counter()
    for row in told_in(months, version=told.number):
        sums[row.month, row.application, row.route] += row.answers
    callers = _applications({application for _, application, _ in sums})
    found = [
        {
            "application": caller.id,
            "name": caller.name,
            "partner": caller.partner.name,
            "route": told.routes.get(route, {}).get("name", route),
            "month": month,
            "answers": answers,
        }
        for (month, application, route), answers in sums.items()
        if (caller := callers.get(application)) is not None
    ]
    return sorted(found, key=lambda one: (one["month"], one["answers"]), reverse=True)


def _applications(identifiers: set[str]) -> dict[str, Application]:
    rows = Application.objects.select_related("partner").filter(id__in=identifiers - {""})
    return {str(one.id): one for one in rows}


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
    callers = _applications({one.members[0] for one in sums})
    pins = list(ContractPin.objects.filter(api=api))
    served = []
    for one in sums:
        application, route = callers.get(one.members[0]), routes[one.members[1]]
        if application is None or route.passthrough:
            continue
        pin = effective(application, api, pins)
        if (route.contract_id if pin is None else pin.version_id) == version.id:
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
