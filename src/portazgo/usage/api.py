"""`/api/v1/usage`: sums of calls."""

from __future__ import annotations

from typing import Any

from django.http import StreamingHttpResponse
from ninja import Query, Router

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.kit.clock import rfc3339
from portazgo.settings import current
from portazgo.usage import service
from portazgo.usage.balance_api import router as balance_router
from portazgo.usage.models import Manifest
from portazgo.usage.periods import moment_of
from portazgo.usage.ranges import FIRST_MINUTE, LAST_MINUTE
from portazgo.usage.report import NAMED, Question, documents, report
from portazgo.usage.rollups import SUMS
from portazgo.usage.schemas import UsageQuery, UsageReport
from portazgo.usage.tables import lines

router = Router(tags=["usage"])
router.add_router("", balance_router)


_CSV = {"responses": {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}}


@router.get("/usage", response=UsageReport, openapi_extra=_CSV)
def usage_report(request: AdminRequest, query: Query[UsageQuery]) -> Any:
    """Sum calls from rollups: by partner, application, key, route, environment, fault, blame, billable; by periods."""
    can(request.actor, Verb.READ, Manifest.noun)
    zone = query.time_zone or current().time_zone
    question = service.question(query, zone, request.clock.now())
    answer = report(question)
    if query.format == "csv" or (query.format is None and request.headers.get("Accept", "").startswith("text/csv")):
        columns = _columns(question)
        file = StreamingHttpResponse(lines(columns, documents(answer)), content_type="text/csv; charset=utf-8")
        file["Content-Disposition"] = 'attachment; filename="usage.csv"'
        return file
    return {"time_zone": zone, **_range(question), "items": list(documents(answer))}


def _range(question: Question) -> dict[str, str | None]:
    since = question.periods[0].since if question.periods else FIRST_MINUTE
    until = question.periods[-1].until if question.periods else LAST_MINUTE
    return {
        "since": None if since == FIRST_MINUTE else rfc3339(moment_of(since)),
        "until": None if until == LAST_MINUTE else rfc3339(moment_of(until)),
    }


def _columns(question: Question) -> list[str]:
    times = ["period", "since", "until"] if question.by_period else []
    named = [column for name in question.group_by for column in ((name, f"{name}_name") if name in NAMED else (name,))]
    return [*times, *named, *SUMS]
