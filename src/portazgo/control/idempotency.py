"""`Idempotency-Key` on writes: the same request sent again gets the first answer, and nothing is done twice.

At most once: the key is taken before the work and its answer stored after. When the process dies in between, the outcome
is unknown and the key keeps answering 409 (`idempotency_unknown`) until it is forgotten, rather than do it again.
Answers may show an API key, so all of them are stored sealed by the key-wrapping provider, for 24 hours.
An answer 4xx or 503 did nothing: the key is given back. Source: draft-ietf-httpapi-idempotency-key-header-07.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from django.db import IntegrityError, transaction
from django.http import HttpResponse

from portazgo.accounts.service import authenticate
from portazgo.control.models import IdempotentRequest
from portazgo.kit.errors import Conflict, Invalid, Problem
from portazgo.kit.ids import uuid7
from portazgo.kit.secret import Secret
from portazgo.kit.web.problems import kms_unavailable, problem_response
from portazgo.kit.wrapping import WrappingUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from django.http import HttpRequest

    from portazgo.accounts.requests import AdminRequest

logger = logging.getLogger(__name__)

KEPT = timedelta(hours=24)
LONGEST_KEY = 255
LARGEST_ANSWER_BYTES = 1_048_576
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SUCCESS = range(200, 300)
_SECRETS = {
    "PUT": re.compile(r"/api/v1/backends/[^/]+/credentials/[^/]+"),
    "POST": re.compile(r"/api/v1/applications/[^/]+/keys/import"),
}
_UNCERTAIN = 500


class Idempotency:
    """The middleware; requests without the header pass it untouched."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, or give the answer that it got before."""
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method not in _WRITES or not request.path.startswith("/api/"):
            return self._get_response(request)
        if request.method in _SECRETS and _SECRETS[request.method].fullmatch(request.path):
            # To send the same again changes nothing, and a bare hash of a password, or of a key, must not be kept.
            return self._get_response(request)
        ours = cast("AdminRequest", request)
        try:
            actor_id = _actor_id(ours)
            if actor_id is None:
                return self._get_response(request)
            _check_key(key)
            taken = _take(ours, actor_id, key)
            if isinstance(taken, HttpResponse):
                return taken
        except Problem as problem:
            return problem_response(request, problem)
        answer = self._get_response(request)
        _settle(ours, taken, answer)
        return answer


def forget_old(now: datetime) -> int:
    """Drop what is older than 24 hours. Returns how many. For the worker."""
    return IdempotentRequest.objects.filter(begun_at__lt=now - KEPT).delete()[0]


def _actor_id(request: AdminRequest) -> str | None:
    """Tell whose key it is; None when the API is going to refuse the caller anyway."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return None
    try:
        return authenticate(Secret(token.strip()), clock=request.clock).id
    except Problem:
        return None


def _check_key(key: str) -> None:
    if not key or len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise Invalid(
            f"the Idempotency-Key must be 1 to {LONGEST_KEY} printable ASCII characters", code="idempotency_key_invalid"
        )


def _take(request: AdminRequest, actor_id: str, key: str) -> IdempotentRequest | HttpResponse:
    fingerprint = _fingerprint(request)
    try:
        with transaction.atomic():
            return IdempotentRequest.objects.create(
                id=uuid7(), actor_id=actor_id, key=key, fingerprint=fingerprint, begun_at=request.clock.now()
            )
    except IntegrityError:
        earlier = IdempotentRequest.objects.filter(actor_id=actor_id, key=key).first()
    if earlier is None:
        return _take(request, actor_id, key)  # the earlier one has just given the key back
    if earlier.begun_at < request.clock.now() - KEPT:
        earlier.delete()
        return _take(request, actor_id, key)
    return _answer_again(request, earlier, fingerprint)


def _answer_again(request: AdminRequest, earlier: IdempotentRequest, fingerprint: str) -> HttpResponse:
    if earlier.fingerprint != fingerprint:
        raise Invalid("this Idempotency-Key was used for another request", code="idempotency_key_reused")
    if earlier.answer is None or earlier.status is None:
        raise Conflict(
            "the first request with this Idempotency-Key has not ended, or its outcome is not known",
            code="idempotency_unknown",
            remedy="look whether it was done; to do it anew, send another key",
        )
    try:
        stored = json.loads(request.wrapper.unwrap(_context(earlier), earlier.answer))
    except WrappingUnavailable as problem:
        raise kms_unavailable(problem) from None
    answer = HttpResponse(stored["body"].encode(), status=earlier.status, content_type=stored["content_type"])
    answer["Idempotent-Replayed"] = "true"
    return answer


def _settle(request: AdminRequest, taken: IdempotentRequest, answer: HttpResponse) -> None:
    if answer.status_code not in _SUCCESS:
        if answer.status_code != _UNCERTAIN:
            taken.delete()
        return
    if answer.streaming or len(answer.content) > LARGEST_ANSWER_BYTES:
        return  # stays "outcome not known": better than done twice
    stored = {"body": answer.content.decode(), "content_type": answer.headers.get("Content-Type", "")}
    try:
        taken.answer = request.wrapper.wrap(_context(taken), json.dumps(stored).encode())
    except WrappingUnavailable as problem:
        # It was done, and is answered; sent again it gets 409 rather than be done twice.
        logger.warning("the answer of a repeated write can't be sealed, so it is not kept: %s", problem)
        return
    taken.status = answer.status_code
    taken.save(update_fields=["answer", "status"])


def _fingerprint(request: HttpRequest) -> str:
    start = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(start + request.body).hexdigest()


def _context(row: IdempotentRequest) -> str:
    return f"idempotent_request/{row.id}"
