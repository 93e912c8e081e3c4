"""`/api/v1/security/leak-reports` and `secret-tags`: a leaked key, reported by an admin, and who tried it."""

from __future__ import annotations

from django.conf import settings
from ninja import Router

from portazgo.accounts.requests import AdminRequest
from portazgo.kit.secret import Secret
from portazgo.leaks.domain import Report
from portazgo.leaks.playbook import playbook
from portazgo.leaks.schemas import LeakView, ReportLeak, SecretTagsView, SecretTagView, TagSecret
from portazgo.leaks.service import report
from portazgo.leaks.tags import tags_of

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


@router.post("/security/secret-tags", response=SecretTagsView)
def tag_secret(request: AdminRequest, body: TagSecret) -> SecretTagsView:
    """Make the tags of a secret: `GET /traces?secret_tag=…` lists the refused calls that presented it."""
    tags = tags_of(request.actor, Secret(body.secret), clock=request.clock)
    return SecretTagsView(
        secret_tag=",".join(one.tag for one in tags),
        months=[SecretTagView(month=one.month, tag=one.tag) for one in tags],
    )
