"""`Idempotency-Key` on writes: the same request sent again gets the first answer, and nothing is done twice.

At most once: the key is taken before the work and its answer stored after. When the process dies in between, the outcome
is unknown and the key keeps answering 409 (`idempotency_unknown`) until it is forgotten, rather than do it again.
Answers may show an API key, so all of them are stored sealed by the key-wrapping provider, for 24 hours.
A request is known again by an HMAC under the token that it came with, which is kept nowhere: who reads the database can't
try guesses at what a body held (a shared secret, a password in a report). An answer 4xx or 503 did nothing: the key is given
back. Source: draft-ietf-httpapi-idempotency-key-header-07.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
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
            # To send the same again changes nothing, so that of a password, or of keys, no trace at all need be kept.
            return self._get_response(request)
        ours = cast("AdminRequest", request)
        try:
            token = _token(ours)
            actor_id = None if token is None else _actor_id(ours, token)
            if token is None or actor_id is None:
                return self._get_response(request)
            _check_key(key)
            taken = _take(ours, actor_id, key, token)
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


def _token(request: AdminRequest) -> Secret | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return Secret(token.strip()) if scheme.lower() == "bearer" and token else None


def _actor_id(request: AdminRequest, token: Secret) -> str | None:
    """Tell whose key it is; None when the API is going to refuse the caller anyway."""
    try:
        return authenticate(token, clock=request.clock).id
    except Problem:
        return None


def _check_key(key: str) -> None:
    if not key or len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise Invalid(
            f"the Idempotency-Key must be 1 to {LONGEST_KEY} printable ASCII characters", code="idempotency_key_invalid"
        )


def _take(request: AdminRequest, actor_id: str, key: str, token: Secret) -> IdempotentRequest | HttpResponse:
    fingerprint = _fingerprint(request, token)
    try:
        with transaction.atomic():
            return IdempotentRequest.objects.create(
                id=uuid7(), actor_id=actor_id, key=key, fingerprint=fingerprint, begun_at=request.clock.now()
            )
    except IntegrityError:
        earlier = IdempotentRequest.objects.filter(actor_id=actor_id, key=key).first()
    if earlier is None:
        return _take(request, actor_id, key, token)  # the earlier one has just given the key back
    if earlier.begun_at < request.clock.now() - KEPT:
        earlier.delete()
        return _take(request, actor_id, key, token)
    return _answer_again(request, earlier, fingerprint)


def _answer_again(request: AdminRequest, earlier: IdempotentRequest, fingerprint: str) -> HttpResponse:
    if earlier.fingerprint not in {fingerprint, _bare_digest(request)}:
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


def _fingerprint(request: HttpRequest, token: Secret) -> str:
    return "h:" + base64.urlsafe_b64encode(hmac.digest(token.reveal().encode(), _asked(request), "sha256")).decode()


def _bare_digest(request: HttpRequest) -> str:
    """What earlier versions kept: such rows are gone a day after the last of them is."""
    return hashlib.sha256(_asked(request)).hexdigest()


def _asked(request: HttpRequest) -> bytes:
    return f"{request.method} {request.get_full_path()}\n".encode() + request.body


def _context(row: IdempotentRequest) -> str:
    return f"idempotent_request/{row.id}"
