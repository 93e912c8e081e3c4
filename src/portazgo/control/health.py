"""`GET /health`: can this control plane answer?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import DatabaseError, connections
from django.http import HttpResponseNotAllowed, JsonResponse

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

READS = frozenset({"GET", "HEAD"})


def health(request: HttpRequest) -> HttpResponse:
    """Answer 200 when both databases answer, else 503; which one is away is in the document."""
    if request.method not in READS:
        return HttpResponseNotAllowed(sorted(READS))
    checks = {name: _answers(alias) for name, alias in (("state", "default"), ("ledger", "ledger"))}
    healthy = all(checks.values())
    status = "ok" if healthy else "unavailable"
    return JsonResponse({"status": status, "checks": checks}, status=200 if healthy else 503)


def _answers(alias: str) -> bool:
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone())
    except DatabaseError:
        return False
