"""`/api/v1/security/leak-reports`: a leaked key, reported by an admin."""

from __future__ import annotations

from django.conf import settings
from ninja import Router

from portazgo.accounts.requests import AdminRequest
from portazgo.kit.secret import Secret
from portazgo.leaks.domain import Report
from portazgo.leaks.playbook import playbook
from portazgo.leaks.schemas import LeakView, ReportLeak
from portazgo.leaks.service import report

router = Router(tags=["keys"])


@router.post("/security/leak-reports", response=LeakView)
def report_leak(request: AdminRequest, body: ReportLeak) -> LeakView:
    """Check a key that was found where others can read it, and do what the playbook says."""
    outcome = report(
        request.actor,
        Secret(body.api_key),
        Report("manual", body.url),
        playbook(settings.PORTAZGO, body.response),
        wrapper=request.wrapper,
        clock=request.clock,
    )
    return LeakView(
        kid=outcome.claimed,
        right=outcome.is_right,
        response=outcome.response,
        secret_ends_at=outcome.secret_ends_at,
    )
