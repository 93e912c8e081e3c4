"""How routes are compiled for nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.routes.models import Route, RouteTag
from portazgo.snapshot.wire import Resource, RouteBody, RouteTagBody

if TYPE_CHECKING:
    from collections.abc import Iterable

PASSTHROUGH = "route.passthrough.1"
HOSTS = "route.hosts.1"
UPGRADE = "route.upgrade.1"
IDEMPOTENCY_KEY = "route.idempotency-key.1"
TIMEOUTS = "route.timeouts.1"
CONTRACT = "contract.1"


def compiled(identifier: str) -> Resource | None:
    """Compile a route, as the database has it now."""
    route = Route.objects.filter(id=identifier).select_related("api").first()
    if route is None:
        return None
    body = RouteBody(
        api=str(route.api_id),
        api_name=route.api.name,
        name=route.name,
        hosts=route.hosts,
        method=route.method,
        path=route.path,
        backend=str(route.backend_id),
        backend_method=route.backend_method,
        backend_path=route.backend_path,
        environments=route.environments,
        scopes=route.scopes,
        passthrough=route.passthrough,
        max_request_bytes=route.max_request_bytes,
        max_response_bytes=route.max_response_bytes,
        query=route.query,
        request_headers=route.request_headers,
        response_headers=route.response_headers,
    )
    features = [PASSTHROUGH if route.passthrough else CONTRACT] + ([HOSTS] if route.hosts is not None else [])
    # Absent where nothing is said, not empty: nodes before the feature refuse a member that they don't know.
    if route.upgrades:
        body["upgrades"] = route.upgrades
        features.append(UPGRADE)
    if route.idempotency_key:
        body["idempotency_key"] = True
        features.append(IDEMPOTENCY_KEY)
    if route.timeouts is not None:
        body["timeouts"] = route.timeouts
        features.append(TIMEOUTS)
    if route.contract_id is not None:
        body["contract"] = str(route.contract_id)
    return Resource("route", str(route.id), tuple(features), body)


def compiled_tag(tag: str) -> Resource | None:
    """Compile a tag: the routes that bear it.

    A resource of its own, so that no node is too old for a route because of a tag; only keys that are restricted to tags
    require one that knows them.
    """
    routes = [
        str(route) for route in RouteTag.objects.filter(tag=tag).order_by("route").values_list("route", flat=True)
    ]
    return Resource("route_tag", tag, (), RouteTagBody(routes=routes)) if routes else None


def every_tag() -> Iterable[str]:
    """Name the tags that some route bears."""
    return RouteTag.objects.order_by("tag").values_list("tag", flat=True).distinct().iterator()
