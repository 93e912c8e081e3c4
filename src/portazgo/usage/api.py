"""`/api/v1/usage`: sums of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import FileResponse, StreamingHttpResponse
from ninja import Query, Router

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.kit.clock import rfc3339
from portazgo.kit.errors import Invalid
from portazgo.settings import current
from portazgo.usage import service
from portazgo.usage.balance_api import router as balance_router
from portazgo.usage.models import Manifest
from portazgo.usage.paging import page
from portazgo.usage.parquet import parquet_file
from portazgo.usage.periods import moment_of
from portazgo.usage.questions import Question, understand
from portazgo.usage.ranges import FIRST_MINUTE, LAST_MINUTE
from portazgo.usage.report import report
from portazgo.usage.schemas import UsageQuery, UsageReport
from portazgo.usage.tables import lines
from portazgo.usage.telling import columns, documents
from portazgo.usage.walking import walk
from portazgo.usage.wholeness import Wholeness, wholeness

if TYPE_CHECKING:
    from datetime import datetime

router = Router(tags=["usage"])
router.add_router("", balance_router)

NAMES_GAPS = "portazgo usage balance"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"

_FILES = {
    "responses": {
        200: {
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                PARQUET: {"schema": {"type": "string", "format": "binary"}},
            }
        }
    }
}


@router.get("/usage", response=UsageReport, openapi_extra=_FILES)
def usage_report(request: AdminRequest, query: Query[UsageQuery]) -> Any:
    """Sum calls from rollups: by partner, application, key, route, environment, fault, blame, billable; by periods."""
    can(request.actor, Verb.READ, Manifest.noun)
    zone = query.time_zone or current().time_zone
    question = service.question(query, zone, request.clock.now())
    kind = query.format or _accepted(request.headers.get("Accept", ""))
    # Before the sums are read: what comes in meanwhile is more than is said, never less.
    whole = _wholeness(question, request.clock.now())
    if kind != "json":
        return _file(question, query, kind, whole)
    found = page(question, query)
    items = list(documents(question, found.only, found.rows))
    return {
        "time_zone": zone,
        **_range(question),
        "whole": whole.whole,
        "complete_until": whole.complete_until,
        "gaps": {"epochs": whole.gaps, "named_by": NAMES_GAPS},
        "items": items,
        "next_cursor": found.next_cursor,
    }


def _accepted(types: str) -> str:
    return next((kind for kind, name in (("csv", CSV), ("parquet", PARQUET)) if types.startswith(name)), "json")


def _wholeness(question: Question, now: datetime) -> Wholeness:
    first, last = (question.periods[0].since, question.periods[-1].until) if question.periods else (0, 0)
    return wholeness(moment_of(first), moment_of(last), now)


def _file(question: Question, query: UsageQuery, kind: str, whole: Wholeness) -> StreamingHttpResponse:
    if query.limit is not None or query.cursor is not None:
        raise Invalid.at("/format", "files hold all rows: only JSON comes in pages")
    rows = report(question).rows if query.sort == "requests" else walk(question)
    told = documents(question, understand(question).only, rows)
    names = columns(question)
    if kind == "csv":
        answer = StreamingHttpResponse(lines(names, told), content_type=f"{CSV}; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="usage.csv"'
    else:
        file = parquet_file(names, told, current().data_dir)
        answer = FileResponse(file, as_attachment=True, filename="usage.parquet", content_type=PARQUET)
    answer["X-Portazgo-Whole"] = "true" if whole.whole else "false"
    answer["X-Portazgo-Complete-Until"] = rfc3339(whole.complete_until)
    answer["X-Portazgo-Gaps"] = str(whole.gaps)
    return answer


def _range(question: Question) -> dict[str, str | None]:
    since = question.periods[0].since if question.periods else FIRST_MINUTE
    until = question.periods[-1].until if question.periods else LAST_MINUTE
    return {
        "since": None if since == FIRST_MINUTE else rfc3339(moment_of(since)),
        "until": None if until == LAST_MINUTE else rfc3339(moment_of(until)),
    }
