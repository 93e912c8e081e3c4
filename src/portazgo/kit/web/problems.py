"""problem+json (RFC 9457): the one form of every answer that says no."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse

from portazgo.kit.errors import Problem, TooMany, Unauthenticated, Unavailable, WrongType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portazgo.kit.wrapping import WrappingUnavailable

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_SECONDS = "1"
RETRY_TOO_MANY_SECONDS = "60"

_CATEGORIES = {401: "unauthenticated", 403: "forbidden", 404: "not_found", 409: "conflict", 503: "unavailable"}


def problem_response(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Answer with a problem's document."""
    answer = _json_response(problem.document(getattr(request, "request_id", None)), problem.status)
    if isinstance(problem, Unauthenticated):
        answer["WWW-Authenticate"] = 'Bearer realm="portazgo"'
    if isinstance(problem, WrongType):
        answer["Accept"] = "application/json"
    if isinstance(problem, Unavailable):
        answer["Retry-After"] = RETRY_AFTER_SECONDS
    if isinstance(problem, TooMany):
        answer["Retry-After"] = RETRY_TOO_MANY_SECONDS
    return answer


def database_unavailable() -> Unavailable:
    """Say that the database did not answer."""
    return Unavailable("the database is busy or away", code="database_unavailable", remedy="try again in a second")


def kms_unavailable(error: WrappingUnavailable) -> Unavailable:
    """Say that what was asked for needs the key-wrapping provider, which is away."""
    return Unavailable(str(error), code="kms_unavailable", title="Key wrapping does not work now", remedy=error.remedy)


def plain_problem(
    request: HttpRequest, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Answer with what HTTP itself says about a status: no such path, method not allowed."""
    phrase = HTTPStatus(status).phrase
    document = {
        "type": f"urn:portazgo:problem:{_code(phrase)}",
        "title": phrase,
        "status": status,
        "detail": detail,
        "code": _code(phrase),
        "category": _CATEGORIES.get(status, "invalid" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "internal"),
        "instance": getattr(request, "request_id", None),
    }
    answer = _json_response(document, status)
    for name, value in (headers or {}).items():
        answer[name] = value
    return answer


def _json_response(document: Mapping[str, object], status: int) -> HttpResponse:
    # A caller's own text may stand in it, half a surrogate pair included.
    text = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return HttpResponse(text, status=status, content_type=PROBLEM_JSON)


def _code(phrase: str) -> str:
    return phrase.lower().replace(" ", "_").replace("-", "_")
