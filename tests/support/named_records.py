"""Collected records, the rows that give their ids names, and the end of the life that they are of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from support.segments import API, APPLICATION, BACKEND, PARTNER, ROUTE, Recorded, recorded

from portazgo.apis.models import Api
from portazgo.applications.models import Application
from portazgo.backends.models import Backend
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.partners.models import Partner
from portazgo.routes.models import Route
from portazgo.usage.collector import collect, report_epoch


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


def end_epoch(records: Recorded, last_sequence: int, **members: Any) -> datetime:
    """Have the node report the end of its epoch, which is now. Returns when."""
    now = datetime.now(UTC)
    report = {"epoch": records.epoch, "node": records.node, "end": "clean", "last_sequence": last_sequence}
    times = {"started_at": now - timedelta(seconds=1), "ended_at": now, "seconds_at_risk": 0.0}
    report_epoch({**report, "accepted": last_sequence, **times, **members})
    return now
