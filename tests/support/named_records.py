"""Collected records, and the rows that give their ids names."""

from __future__ import annotations

from support.segments import API, APPLICATION, BACKEND, PARTNER, ROUTE, Recorded, recorded

from portazgo.apis.models import Api
from portazgo.applications.models import Application
from portazgo.backends.models import Backend
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.partners.models import Partner
from portazgo.routes.models import Route
from portazgo.usage.collector import collect


def collect_named() -> Recorded:
    """Collect four calls of a real node; its partner is `acme`, the application `orders`, the route `things-list`."""
    records = recorded()
    collect_all(records)
    now = SYSTEM_CLOCK.now()
    partner = Partner.objects.create(id=PARTNER, name="acme", created_at=now)
    Application.objects.create(id=APPLICATION, partner=partner, name="orders", environment="live", created_at=now)
    Route.objects.create(
        id=ROUTE,
        api=Api.objects.create(id=API, name="things", created_at=now),
        backend=Backend.objects.create(id=BACKEND, name="things", environments={}, created_at=now),
        name="things-list",
        method="GET",
        path="/v1/things",
        backend_method="GET",
        backend_path="/api/things/",
        environments=["live"],
        scopes=[],
        max_request_bytes=1,
        query="all",
        request_headers=[],
        response_headers=[],
        created_at=now,
    )
    return records


def collect_all(records: Recorded) -> None:
    """Hand in what a node recorded."""
    for first, content in records.segments:
        assert collect(records.node, records.epoch, first, content).stored
