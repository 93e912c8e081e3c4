"""What happens around every request of the admin API."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

from django.db import OperationalError
from django.http import HttpResponse

from portazgo.control.provider import wrapper
from portazgo.control.turns import turns
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.kit.errors import Problem, TooLarge, WrongType
from portazgo.kit.ids import uuid7
from portazgo.kit.web.paths import told_method, told_path
from portazgo.kit.web.problems import PROBLEM_JSON, database_unavailable, plain_problem, problem_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

    from portazgo.accounts.requests import AdminRequest

    GetResponse = Callable[[HttpRequest], HttpResponse]

logger = logging.getLogger(__name__)

LARGEST_BODY_BYTES = 16 * 1024 * 1024  # an OpenAPI document to import may be large
NO_CONTENT = 204
FIRST_ERROR = 400
SERVER_ERROR = 500
_DETAILS = {
    400: "the request can't be read",
    404: "there is nothing at this path",
    405: "this path doesn't take that method; Allow lists those that it takes",
    500: "this was logged with the request's id",
}
# Answers are JSON for programs: no page may frame, run or sniff them.
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def answer_for_django(status: int, request: HttpRequest, *_: object, **__: object) -> HttpResponse:
    """Answer what Django would answer with a page of its own: 400, 403, 404, 500."""
    return plain_problem(request, status, _DETAILS.get(status, "the request was not answered"))


class Requests:
    """Gives each request its id, clock and wrapper, logs how it went, and keeps answers out of caches."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        ours = cast("AdminRequest", request)
        ours.request_id, ours.clock, ours.wrapper = str(uuid7()), SYSTEM_CLOCK, wrapper()
        started = SYSTEM_CLOCK.monotonic()
        try:
            answer = self._get_response(request)
        finally:
            turn: str | None = getattr(ours, "turn", None)
            if turn is not None:
                turns.give_back(turn)
        answer["X-Request-Id"] = ours.request_id
        for name, value in _HEADERS.items():
            answer.setdefault(name, value)
        if answer.status_code == NO_CONTENT:
            del answer["Content-Type"]
        logger.log(
            logging.ERROR if answer.status_code >= SERVER_ERROR else logging.INFO,
            "%s %s",
            told_method(request),
            told_path(request),
            extra={
                "status": answer.status_code,
                "milliseconds": round((SYSTEM_CLOCK.monotonic() - started) * 1_000, 1),
                "request_id": ours.request_id,
                "actor": getattr(getattr(request, "actor", None), "name", None),
            },
        )
        return answer


class Problems:
    """Makes a problem document of every error that isn't one: Django's 404 and 400, ninja's 405, a database that is away."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        answer = self._get_response(request)
        if answer.status_code < FIRST_ERROR or answer.headers.get("Content-Type") in {PROBLEM_JSON, "application/json"}:
            return answer
        kept = {name: answer[name] for name in ("Allow",) if name in answer}
        detail = _DETAILS.get(answer.status_code, "the request was not answered")
        return plain_problem(request, answer.status_code, detail, kept)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer for views outside of ninja's API, key sets above all, when the database does not; None: other errors."""
        if not isinstance(error, OperationalError):
            return None
        logger.warning("the database did not answer: %s", str(error).strip())
        return problem_response(request, database_unavailable())


class Bodies:
    """Refuses a body that is too large before it is read, and one that is not JSON."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        try:
            _check_body(request)
        except Problem as problem:
            return problem_response(request, problem)
        return self._get_response(request)


def _check_body(request: HttpRequest) -> None:
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if length > LARGEST_BODY_BYTES:
        raise TooLarge(f"the body has {length} bytes; at most {LARGEST_BODY_BYTES} are read")
    if length and request.path.startswith("/api/") and request.content_type != "application/json":
        raise WrongType(f"the body is {request.content_type or 'of no stated type'}", remedy="send application/json")
