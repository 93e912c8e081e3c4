"""Every verifier that we ship takes our tokens, and none of the vectors of support/jws_vectors.py."""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from insignia.conftest import Insignia, OutsideIssuer, new_private_key
from support.jws_vectors import Issuing, strict_vectors, vectors
from support.ports import free_port

ALGORITHMS = ("ES256", "EdDSA", "RS256")
AUDIENCE = "parcels"
ROOT = Path(__file__).parents[2]
START_SECONDS = 60
# The class that we ship for backends; the demo backend's own; simplejwt as docs/your-backend.md sets it up.
SETTINGS = """
from insignia.settings import *
ROOT_URLCONF = "verifier_urls"
TRUSTED_ISSUER, TRUSTED_AUDIENCE, JWKS_URL = "%(issuer)s", "%(audience)s", "%(issuer)s/.well-known/jwks.json"
PORTAZGO_DRF = {"ISSUER": TRUSTED_ISSUER, "AUDIENCE": TRUSTED_AUDIENCE, "ALGORITHMS": ["ES256", "EdDSA", "RS256"]}
"""
URLS = """
from django.conf import settings
from django.urls import path
from insignia.access.authentication import BearerAuthentication
from rest_framework.decorators import api_view, authentication_classes
from rest_framework.response import Response
from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.tokens import AccessToken
from portazgo.contrib.drf import PortazgoAuthentication

def view(authentication):
    @api_view()
    @authentication_classes([authentication])
    def who(request):
        return Response(str(request.user))
    return who

def simplejwt(algorithm):
    terms = {"issuer": settings.TRUSTED_ISSUER, "audience": settings.TRUSTED_AUDIENCE, "jwk_url": settings.JWKS_URL}
    class Token(AccessToken):
        _token_backend = TokenBackend(algorithm, **terms)
    class Authentication(JWTStatelessUserAuthentication):
        def get_validated_token(self, raw_token):
            try:
                return Token(raw_token)
            except TokenError as problem:
                raise InvalidToken(str(problem)) from None
    return Authentication

urlpatterns = [
    path("contrib", view(PortazgoAuthentication)),
    path("insignia", view(BearerAuthentication)),
    *(path(f"simplejwt-{one}", view(simplejwt(one))) for one in ("ES256", "EdDSA", "RS256")),
]
"""
SERVE = """
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server
from insignia.wsgi import application
class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass
make_server("127.0.0.1", int(sys.argv[1]), application, handler_class=Quiet).serve_forever()
"""


class Verifiers:
    """Where each verifier listens, and who signs."""

    def __init__(self, django: int, parcels: int, issuer: OutsideIssuer, elsewhere: Elsewhere) -> None:
        self._django, self._parcels = django, parcels
        self._issuer, self.elsewhere = issuer, elsewhere

    def issuing(self, algorithm: str) -> Issuing:
        mine = new_private_key(algorithm)
        claims = self._issuer.claims(iss=url_of(self._issuer), aud=AUDIENCE, jti="one", token_type="access", exp=soon())
        theirs = self._issuer.private_key(algorithm)
        return Issuing(algorithm, algorithm, theirs, mine, claims, self.elsewhere.url)

    def that_take(self, algorithm: str) -> dict[str, tuple[int, str]]:
        """Name the verifiers of an algorithm, each with port and path."""
        django = {name: (self._django, f"/{name}") for name in ("contrib", "insignia", f"simplejwt-{algorithm}")}
        return {**django, "parcels": (self._parcels, "/parcels")} if algorithm == "ES256" else django


class Elsewhere:
    """An address of the attacker, which nobody must ask."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        elsewhere = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                elsewhere.asked.append(self.path)
                self.send_error(404)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def url_of(issuer: OutsideIssuer) -> str:
    return issuer.jwks_url.removesuffix("/jwks.json")


def soon() -> int:
    return int(time.time()) + 3600


@pytest.fixture(scope="module")
def verifiers(running_insignia: Insignia, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verifiers]:
    issuer, elsewhere = OutsideIssuer(), Elsewhere()
    for algorithm in ALGORITHMS:
        issuer.publish(algorithm, algorithm)
    folder = tmp_path_factory.mktemp("verifiers")
    (folder / "verifier_settings.py").write_text(SETTINGS % {"issuer": url_of(issuer), "audience": AUDIENCE})
    (folder / "verifier_urls.py").write_text(URLS)
    environment = {
        **running_insignia.environment(),
        "DJANGO_SETTINGS_MODULE": "verifier_settings",
        "INSIGNIA_DATA_DIR": str(running_insignia.data),
        "PYTHONPATH": f"{folder}:{running_insignia.project}:{ROOT / 'src'}",
    }
    django, parcels = free_port(), free_port()
    server = str(ROOT / "examples" / "parcels" / "server.py")
    options = ["--port", str(parcels), "--issuer", url_of(issuer), "--audience", AUDIENCE]
    try:
        with (
            running([sys.executable, "-c", SERVE, str(django)], django, folder, environment),
            running([sys.executable, server, *options], parcels, folder, environment),
        ):
            yield Verifiers(django, parcels, issuer, elsewhere)
    finally:
        issuer.close()
        elsewhere.close()


@contextmanager
def running(command: list[str], port: int, folder: Path, environment: dict[str, str]) -> Iterator[None]:
    log = folder / f"{port}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + START_SECONDS
        while status(port, "/", None) is None:
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


def status(port: int, path: str, token: str | None) -> int | None:
    """Call, and give the status; None: nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token is not None else {})
        return connection.getresponse().status
    except ConnectionError:
        return None
    finally:
        connection.close()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_verifier_takes_what_it_must_not(verifiers: Verifiers, algorithm: str) -> None:
    issuing = verifiers.issuing(algorithm)
    table = vectors(issuing)
    assert len(table) > 150
    for verifier, (port, path) in verifiers.that_take(algorithm).items():
        assert status(port, path, issuing.by_them()) == 200, f"{verifier} takes no good token"
        found = {name: status(port, path, token) for name, token in table.items()}
        assert {name: got for name, got in found.items() if got != 401} == {}, verifier
        assert status(port, path, issuing.by_them()) == 200, f"{verifier} takes no good token any more"
    assert verifiers.elsewhere.asked == [], "a token said where keys are"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_ours_is_stricter_than_it_must_be(verifiers: Verifiers, algorithm: str) -> None:
    issuing = verifiers.issuing(algorithm)
    port, path = verifiers.that_take(algorithm)["contrib"]
    found = {name: status(port, path, token) for name, token in strict_vectors(issuing).items()}
    assert found == dict.fromkeys(found, 401)


def test_a_key_of_one_algorithm_is_of_no_use_to_another(verifiers: Verifiers) -> None:
    """Signed with the issuer's own key, under the kid of its key of another algorithm."""
    for algorithm in ALGORITHMS:
        issuing = verifiers.issuing(algorithm)
        for other in set(ALGORITHMS) - {algorithm}:
            token = replace(issuing, kid=other).by_them()
            for verifier, (port, path) in verifiers.that_take(algorithm).items():
                # simplejwt has no word of its own for a key of another kind, and falls over it: 500.
                refusals = {401, 500} if verifier.startswith("simplejwt") else {401}
                assert status(port, path, token) in refusals, (verifier, algorithm, other)
