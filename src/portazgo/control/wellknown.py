"""JWKS and OpenID discovery, as backends fetch them; the nodes serve the same documents, byte for byte (docs/wire.md).

Made of the compiled resources, so that they can't differ from what nodes sign with. While the database is away they are made of
what was read last, as nodes do: backends ask again every few minutes, and could verify nothing if they got no answer.
Sources: RFC 7517, OpenID Connect Discovery 1.0; RFC 9110, section 13.1.2, for answers to those who have it already.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.http import Http404, HttpResponse, HttpResponseNotAllowed

from portazgo.control.last_known import LastKnown
from portazgo.kit.web.problems import plain_problem
from portazgo.signing.domain import JWKS_MAX_AGE, etag, key_set
from portazgo.signing.domain import discovery as discovery_document

if TYPE_CHECKING:
    from django.http import HttpRequest

READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class _Issuer:
    id: str
    url: str

    @property
    def path(self) -> str:
        return urlsplit(self.url).path.rstrip("/")

    @property
    def authority(self) -> str:
        return urlsplit(self.url).netloc.lower()


def jwks(request: HttpRequest, path: str = "") -> HttpResponse:
    """Answer the public half of every signing key that is published, signs, or may still have living tokens.

    At the root those of all issuers; under the path of an issuer's URL that issuer's.
    """
    if request.method not in READS:
        return HttpResponseNotAllowed(sorted(READS))
    if not path:
        return _answer(request, key_set(_jwks(lambda _issuer: True)))
    issuers = {issuer.id for issuer in _candidates(request, path)}
    if not issuers:
        raise Http404
    return _answer(request, key_set(_jwks(lambda issuer: issuer in issuers)))


def discovery(request: HttpRequest, path: str = "") -> HttpResponse:
    """Answer the metadata of the issuer whose URL the caller used; at the root of another address, of the first."""
    if request.method not in READS:
        return HttpResponseNotAllowed(sorted(READS))
    found = _candidates(request, path) or ([] if path else _issuers())
    if not found:
        if path:
            raise Http404
        return plain_problem(request, 404, "there is no issuer yet")
    issuer = found[0]
    algorithms = [jwk["alg"] for jwk in _jwks(lambda of: of == issuer.id)]
    return _answer(request, discovery_document(issuer.url, algorithms))


_last_known = LastKnown()


def _issuers() -> list[_Issuer]:
    issuers = [_Issuer(identifier, json.loads(line)["body"]["url"]) for identifier, line in _last_known.rows("issuer")]
    return sorted(issuers, key=lambda issuer: issuer.url)


def _candidates(request: HttpRequest, path: str) -> list[_Issuer]:
    """Name the issuers that a document under this path is of: the one whose URL has this host, or else all with the path."""
    with_path = [issuer for issuer in _issuers() if issuer.path == (path and f"/{path}")]
    own = [issuer for issuer in with_path if issuer.authority == request.get_host().lower()]
    return own or with_path


def _jwks(wanted: Callable[[str], bool]) -> Iterable[dict[str, str]]:
    for _, line in _last_known.rows("signing_key"):
        body = json.loads(line)["body"]
        # A shared secret has no public half.
        if "public_jwk" in body and wanted(body["issuer"]):
            yield body["public_jwk"]


def _answer(request: HttpRequest, text: str) -> HttpResponse:
    tag = etag(text)
    asked = [one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")]
    if tag in asked or "*" in asked:
        answer = HttpResponse(status=304)
        del answer.headers["Content-Type"]
    else:
        answer = HttpResponse(text, content_type="application/json")
    answer["Cache-Control"] = f"public, max-age={int(JWKS_MAX_AGE.total_seconds())}"
    answer["ETag"] = tag
    return answer
