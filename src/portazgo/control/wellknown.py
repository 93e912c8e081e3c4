"""JWKS and OpenID discovery, as backends fetch them; the nodes serve the same documents (docs/wire.md).

Made of the compiled resources, so that they can't differ from what nodes sign with.
Sources: RFC 7517, OpenID Connect Discovery 1.0.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from django.http import HttpResponse, HttpResponseNotAllowed, JsonResponse

from portazgo.kit.web.problems import plain_problem
from portazgo.snapshot.models import ResourceRow

if TYPE_CHECKING:
    from django.http import HttpRequest

MAX_AGE_SECONDS = 300
READS = frozenset({"GET", "HEAD"})


def jwks(request: HttpRequest) -> HttpResponse:
    """Answer the public half of every signing key that is published, signs, or may still have living tokens."""
    if request.method not in READS:
        return HttpResponseNotAllowed(sorted(READS))
    lines = ResourceRow.objects.filter(kind="signing_key").order_by("identifier").values_list("line", flat=True)
    return _cacheable(JsonResponse({"keys": [json.loads(line)["body"]["public_jwk"] for line in lines]}))


def discovery(request: HttpRequest) -> HttpResponse:
    """Answer the metadata of the issuer whose URL the caller used, else of the first."""
    if request.method not in READS:
        return HttpResponseNotAllowed(sorted(READS))
    lines = ResourceRow.objects.filter(kind="issuer").order_by("identifier").values_list("line", flat=True)
    urls = [json.loads(line)["body"]["url"] for line in lines]
    if not urls:
        return plain_problem(request, 404, "there is no issuer yet")
    base = request.build_absolute_uri("/").rstrip("/")
    issuer = base if base in urls else urls[0]
    return _cacheable(
        JsonResponse(
            {
                "issuer": issuer,
                "jwks_uri": f"{issuer}/.well-known/jwks.json",
                "id_token_signing_alg_values_supported": ["ES256"],
                "response_types_supported": ["none"],
                "subject_types_supported": ["public"],
            }
        )
    )


def _cacheable(answer: HttpResponse) -> HttpResponse:
    answer["Cache-Control"] = f"public, max-age={MAX_AGE_SECONDS}"
    return answer
