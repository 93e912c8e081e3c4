"""`POST /api/v1/security/leaks`: reports of leaked keys in the form of GitHub's secret scanning.

No admin token: the signature says who reports. It is no part of the admin API's OpenAPI document, whose callers are ours.
Nothing is done, and nothing told, before the signature is right; then each match is answered `true_positive` or
`false_positive`, as GitHub's form has it, and nothing more.
"""

from __future__ import annotations

import hashlib
import json
import logging
from functools import cache
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.db import OperationalError
from django.http import HttpResponse, HttpResponseNotAllowed

from portazgo.accounts.domain import Actor
from portazgo.kit.errors import NotFound, Problem, TooLarge, TooMany, Unauthenticated, Unavailable
from portazgo.kit.secret import Secret
from portazgo.kit.web.problems import problem_response
from portazgo.kit.wrapping import WrappingFailed
from portazgo.leaks.domain import Label, Report, token_hash
from portazgo.leaks.github import KeysUnusable, Match, PublicKeys, is_signed, matches
from portazgo.leaks.limiting import Allowance, Answers
from portazgo.leaks.playbook import playbook
from portazgo.leaks.service import report

if TYPE_CHECKING:
    from pathlib import Path

    from django.http import HttpRequest

    from portazgo.accounts.requests import AdminRequest

logger = logging.getLogger(__name__)

LARGEST_REPORT_BYTES = 1_048_576
SOURCE = "github"

_allowance = Allowance()
_answers = Answers()


def receive(request: HttpRequest) -> HttpResponse:
    """Take a report and answer with what became of each match."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    ours = cast("AdminRequest", request)
    try:
        return HttpResponse(_answer(ours), content_type="application/json")
    except Problem as problem:
        return problem_response(request, problem)
    except (OperationalError, WrappingFailed) as problem:
        logger.warning("a leak report was not taken: %s", type(problem).__name__)
        refusal = Unavailable("the report can't be checked now", code="unavailable", remedy="send it again later")
        return problem_response(request, refusal)


def _answer(request: AdminRequest) -> bytes:
    if len(request.body) > LARGEST_REPORT_BYTES:
        raise TooLarge(f"the report has {len(request.body)} bytes; at most {LARGEST_REPORT_BYTES} are read")
    _require_signature(request)
    digest, now = hashlib.sha256(request.body).digest(), request.clock.monotonic()
    known = _answers.get(digest, now)
    if known is not None:
        return known
    found = matches(request.body)
    if not _allowance.take(len(found), now):
        raise TooMany("too many matches within a minute", code="too_many_reports", remedy="send it again later")
    answer = json.dumps([_feedback(request, match) for match in found]).encode()
    _answers.keep(digest, answer, now)
    return answer


def _require_signature(request: AdminRequest) -> None:
    file = settings.PORTAZGO.leak_keys_file
    if file is None:
        raise NotFound("reports of leaked keys are not taken here", code="leak_reports_off")
    try:
        signed = is_signed(request.body, request.headers, _keys(file))
    except KeysUnusable as problem:
        logger.error("PORTAZGO_LEAK_KEYS_FILE can't be used: %s", problem)  # noqa: TRY400 - the sentence says all
        raise Unavailable("the report can't be checked now", code="unavailable", remedy="send it again later") from None
    if not signed:
        raise Unauthenticated("the report is not signed by a key that is known here", code="signature_invalid")


def _feedback(request: AdminRequest, match: Match) -> dict[str, str]:
    address = request.META.get("REMOTE_ADDR") or None
    scopes = frozenset({"keys:revoke"})
    reporter = Actor("system", SOURCE, "github secret scanning", scopes, request.request_id, address)
    where = Report(SOURCE, match.url, match.source)
    outcome = report(
        reporter, Secret(match.token), where, playbook(settings.PORTAZGO), wrapper=request.wrapper, clock=request.clock
    )
    label = Label.TRUE_POSITIVE if outcome.is_right else Label.FALSE_POSITIVE
    return {"token_hash": token_hash(match.token), "token_type": match.type, "label": label.value}


@cache
def _keys(file: Path) -> PublicKeys:
    return PublicKeys(file)
