"""The admin API: one NinjaAPI under /api/v1/, every noun's router from the registry, every error a problem document."""

from __future__ import annotations

import json
import logging
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.module_loading import import_string
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, AuthorizationError, HttpError, ValidationError
from ninja.operation import Operation
from ninja.params.models import BodyModel, PathModel, QueryModel
from ninja.parser import Parser
from ninja.security import HttpBearer

from portazgo.accounts.domain import Actor
from portazgo.accounts.service import authenticate
from portazgo.control.openapi import complete
from portazgo.control.refusals import note_refusal
from portazgo.control.registry import NOUNS
from portazgo.control.turns import turns
from portazgo.kit.errors import Conflict, FieldError, Invalid, Problem, Unauthenticated
from portazgo.kit.forms import lacks
from portazgo.kit.repetition import first_repeated
from portazgo.kit.secret import Secret
from portazgo.kit.web.problems import database_unavailable, kms_unavailable, plain_problem, problem_response
from portazgo.kit.web.schemas import BODY_TAG
from portazgo.kit.wrapping import WrappingUnavailable

if TYPE_CHECKING:
    from ninja.openapi.schema import OpenAPISchema

logger = logging.getLogger(__name__)

_IN_MESSAGES = 20  # what pydantic says of the hundred first elements of a list helps nobody
_DESCRIPTION = """\
Everything that can be done in Portazgo's control plane. Send `Authorization: Bearer <admin token>`.
Lists page by cursor; writes take `Idempotency-Key`; errors are RFC 9457 problem documents with a stable `code`.
"""


class AdminAPI(NinjaAPI):
    """django-ninja's API, whose OpenAPI document says all that it answers."""

    def get_openapi_schema(self, **where: Any) -> OpenAPISchema:
        """Give the document."""
        return complete(super().get_openapi_schema(**where))

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Name an operation after its function: `create_partner`."""
        return operation.view_func.__name__


class Bodies(Parser):
    """Reads JSON without guessing: no member twice in an object, no NaN, no infinity."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """Read a request's body. Raises ValueError, RecursionError."""
        document: dict[str, Any] = json.loads(
            request.body, object_pairs_hook=_each_member_once, parse_constant=_no_such_number
        )
        return document


def _each_member_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError(f"the member {first_repeated(name for name, _ in pairs)!r} stands twice")
    return members


def _no_such_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


class AdminToken(HttpBearer):
    """`Authorization: Bearer <admin token>`."""

    def authenticate(self, request: HttpRequest, token: str) -> Actor:
        """Let the caller in as an actor. Raises Unauthenticated, and Unavailable where partners ask for too much at once."""
        assert isinstance(request, HttpRequest)  # noqa: S101 - narrows what ninja leaves open
        ours: Any = request
        address = request.META.get("REMOTE_ADDR") or None
        ours.actor = authenticate(Secret(token), clock=ours.clock, request_id=ours.request_id, address=address)
        if ours.actor.partner is not None:
            turns.take(ours.actor.partner)
            ours.turn = ours.actor.partner  # given back by middleware.Requests
        return ours.actor  # type: ignore[no-any-return]


def build_api() -> NinjaAPI:
    """Put the API together."""
    _build_models_when_used()
    api = AdminAPI(
        title="Portazgo admin API",
        version=version("portazgo"),
        description=_DESCRIPTION,
        docs_url=None,
        auth=AdminToken(),
        parser=Bodies(),
        urls_namespace="admin-api",
    )
    for noun in NOUNS:
        if noun.router:
            api.add_router("", import_string(noun.router))
    _handle_errors(api)
    api.add_exception_handler(WrappingUnavailable, _kms_away)
    return api


def _build_models_when_used() -> None:
    """Have pydantic build what validates a model when it is first used.

    django-ninja makes a model of its own of each operation's path, query, body and answer: with ours there are six hundred. To
    build all of them is most of what importing the routers takes, and a process uses few.
    """
    for model in (Schema, BodyModel, PathModel, QueryModel):
        model.model_config["defer_build"] = True


def _kms_away(request: HttpRequest, error: WrappingUnavailable | type[WrappingUnavailable]) -> HttpResponse:
    assert isinstance(error, WrappingUnavailable)  # noqa: S101 - narrows what ninja leaves open
    logger.warning("key wrapping does not work now: %s", error)
    return problem_response(request, kms_unavailable(error))


def _handle_errors(api: NinjaAPI) -> None:
    @api.exception_handler(Problem)
    def of_ours(request: HttpRequest, problem: Problem) -> HttpResponse:
        note_refusal(request, problem)
        return problem_response(request, problem)

    @api.exception_handler(AuthenticationError)
    def no_token(request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
        remedy = "send `Authorization: Bearer <admin token>`"
        return problem_response(
            request, Unauthenticated("no admin token was sent", code="token_missing", remedy=remedy)
        )

    @api.exception_handler(AuthorizationError)
    def not_allowed(request: HttpRequest, _error: AuthorizationError) -> HttpResponse:
        return plain_problem(request, 403, "not allowed")

    @api.exception_handler(ValidationError)
    def wrong_payload(request: HttpRequest, error: ValidationError) -> HttpResponse:
        return problem_response(request, Invalid("the request is not valid", _field_errors(error)))

    @api.exception_handler(HttpError)
    def of_ninja(request: HttpRequest, error: HttpError) -> HttpResponse:
        cause = f": {error.__cause__}" if isinstance(error.__cause__, ValueError) else ""
        return plain_problem(request, error.status_code, f"{error}{cause}")

    @api.exception_handler(Http404)
    def nothing_there(request: HttpRequest, _error: Http404) -> HttpResponse:
        return plain_problem(request, 404, "there is nothing at this path")

    @api.exception_handler(IntegrityError)
    def overtaken(request: HttpRequest, error: IntegrityError) -> HttpResponse:
        # Two changes passed the same check at once; the tables' own rules let one of them through.
        logger.info("a change was overtaken by another: %s", str(error).strip().splitlines()[0])
        problem = Conflict(
            "another change came between: a name, a place or a dependency was taken meanwhile",
            code="overtaken",
            remedy="look at what is there now, and try again",
        )
        return problem_response(request, problem)

    @api.exception_handler(OperationalError)
    def database_away(request: HttpRequest, error: OperationalError) -> HttpResponse:
        logger.warning("the database did not answer: %s", str(error).strip())
        return problem_response(request, database_unavailable())

    @api.exception_handler(Exception)
    def of_nobody(request: HttpRequest, error: Exception) -> HttpResponse:
        logger.error("a request failed", exc_info=error, extra={"request_id": getattr(request, "request_id", None)})
        return problem_response(request, Problem("this was logged with the request's id"))


def _field_errors(error: ValidationError) -> list[FieldError]:
    return [_field_error(one) for one in error.errors[:_IN_MESSAGES]]


def _field_error(one: dict[str, Any]) -> FieldError:
    # ninja's place: ("body", <name of the view's argument>, member, …); the argument's name means nothing to the caller.
    # Of a query it is ("query", member), but inside of a list ("query", <name of the argument>, member, index).
    source, *path = one["loc"]
    members = path[1:] if source == "body" or len(path) > 1 else path
    members = [part for part in members if not str(part).startswith(BODY_TAG)]
    pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in members)
    return {"pointer": pointer, "message": _message(one)}


def _message(one: dict[str, Any]) -> str:
    if one["type"] == "string_pattern_mismatch":
        return f"this {lacks(one['ctx']['pattern'])}"
    return str(one["msg"]).removeprefix("Value error, ")


api = build_api()
