"""What happens around every request of the admin API."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

from django.http import HttpResponse

from portazgo.control.provider import wrapper
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.kit.ids import uuid7
from portazgo.kit.web.problems import PROBLEM_JSON, plain_problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

    from portazgo.accounts.requests import AdminRequest

    GetResponse = Callable[[HttpRequest], HttpResponse]

logger = logging.getLogger(__name__)

FIRST_ERROR = 400
SERVER_ERROR = 500
_DETAILS = {
    400: "the request can't be read",
    404: "there is nothing at this path",
    405: "this path doesn't take that method; Allow lists those that it takes",
}


class Requests:
    """Gives each request its id, clock and wrapper, logs how it went, and keeps answers out of caches."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        ours = cast("AdminRequest", request)
        ours.request_id, ours.clock, ours.wrapper = str(uuid7()), SYSTEM_CLOCK, wrapper()
        started = SYSTEM_CLOCK.monotonic()
        answer = self._get_response(request)
        answer["X-Request-Id"] = ours.request_id
        answer.setdefault("Cache-Control", "no-store")
        answer["X-Content-Type-Options"] = "nosniff"
        logger.log(
            logging.ERROR if answer.status_code >= SERVER_ERROR else logging.INFO,
            "%s %s",
            request.method,
            request.path,
            extra={
                "status": answer.status_code,
                "milliseconds": round((SYSTEM_CLOCK.monotonic() - started) * 1_000, 1),
                "request_id": ours.request_id,
                "actor": getattr(getattr(request, "actor", None), "name", None),
            },
        )
        return answer


class Problems:
    """Makes a problem document of every error answer that isn't one: Django's 404 and 400, ninja's 405."""

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
