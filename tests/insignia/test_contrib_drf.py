"""`portazgo.contrib.drf` in the demo backend: our tokens are let in, and nothing else is."""

from __future__ import annotations

import hmac
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from insignia.conftest import AUDIENCE, ISSUER, Insignia, OutsideIssuer, new_private_key
from jwt.utils import base64url_encode
from support.ports import free_port

BADGES = "/api/badges/"
SETTINGS = f"""
from insignia.settings import *
REST_FRAMEWORK = REST_FRAMEWORK | {{
    "DEFAULT_AUTHENTICATION_CLASSES": ["portazgo.contrib.drf.PortazgoAuthentication"],
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {{"user": "500/min"}},
}}
PORTAZGO_DRF = {{"ISSUER": "{ISSUER}", "AUDIENCE": "{AUDIENCE}", "JWKS_URL": "%s"}}
ROOT_URLCONF = "own_urls"
"""
URLS = """
from django.urls import path
from insignia.urls import urlpatterns as all_of_insignia
from rest_framework.decorators import api_view, permission_classes
from rest_framework.response import Response
from portazgo.contrib.drf import HasScope

@api_view()
def who(request):
    auth = request.auth
    return Response([auth.partner, auth.application, sorted(auth.scopes), str(request.user), request.user.pk])

@api_view()
@permission_classes([HasScope("badges.read", "badges.list")])
def scoped(request):
    return Response("in")

urlpatterns = [path("who/", who), path("scoped/", scoped), *all_of_insignia]
"""


@pytest.fixture(scope="module")
def backend(
    running_insignia: Insignia, issuer: OutsideIssuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Insignia]:
    """The demo backend over the same data, with our class in place of its own."""
    folder = tmp_path_factory.mktemp("contrib")
    (folder / "own_settings.py").write_text(SETTINGS % issuer.jwks_url)
    (folder / "own_urls.py").write_text(URLS)
    other = Insignia(running_insignia.folder, running_insignia.jwks_url, port=free_port())
    environment = {
        **other.environment(),
        "DJANGO_SETTINGS_MODULE": "own_settings",
        "INSIGNIA_DATA_DIR": str(running_insignia.data),
        "PYTHONPATH": f"{folder}:{other.project}:{Path(__file__).parents[2] / 'src'}",
    }
    program = (
        "from wsgiref.simple_server import make_server\n"
        "from insignia.wsgi import application\n"
        f"make_server('127.0.0.1', {other.port}, application).serve_forever()"
    )
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-c", program], cwd=folder, env=environment, stderr=log, stdout=log)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                other.call("GET", "/api/health/")
                break
            except OSError:
                assert process.poll() is None, (folder / "server.log").read_text()[-2000:]
                assert time.monotonic() < deadline, (folder / "server.log").read_text()[-2000:]
                time.sleep(0.1)
        yield other
    finally:
        process.kill()
        process.wait()


def test_partner_application_and_scopes_are_told(backend: Insignia, issuer: OutsideIssuer) -> None:
    told = {"partner": "courier", "application": "tracking", "scopes": ["badges.read", "badges.list"]}
    reply = backend.call("GET", "/who/", token=issuer.token(**told))
    assert reply.json == ["courier", "tracking", ["badges.list", "badges.read"], "app-7", "app-7"]
    assert backend.call("GET", "/who/", token=issuer.token()).json == [None, None, [], "app-7", "app-7"]
    assert backend.call("GET", "/who/", token=issuer.token(scopes="b a")).json[2] == ["a", "b"]
    odd: dict[str, object] = {"partner": 7, "application": ["x"], "scopes": [1, {}, "a"]}
    assert backend.call("GET", "/who/", token=issuer.token(**odd)).json == [None, None, ["a"], "app-7", "app-7"]


def test_every_view_of_the_backend_takes_the_token_and_throttles_by_its_subject(
    backend: Insignia, issuer: OutsideIssuer
) -> None:
    assert backend.call("GET", BADGES, token=issuer.token()).status == 200


@pytest.mark.parametrize(
    ("scopes", "status"), [(["badges.read", "badges.list"], 200), (["badges.read"], 403), ([], 403), (None, 403)]
)
def test_a_scope_that_is_missing_is_403(
    backend: Insignia, issuer: OutsideIssuer, scopes: list[str] | None, status: int
) -> None:
    assert backend.call("GET", "/scoped/", token=issuer.token(scopes=scopes)).status == status


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Basic Zm9vOmJhcg=="}, {"Authorization": "Bearer"}, {"Authorization": "Bearer a b"}],
)
def test_without_a_bearer_token_nothing_is_answered(backend: Insignia, headers: dict[str, str]) -> None:
    reply = backend.call("GET", "/who/", headers=headers)
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')


NOW = int(time.time())
BAD_CLAIMS: dict[str, dict[str, object]] = {
    "wrong issuer": {"iss": "https://other.example"},
    "the issuer with a slash": {"iss": f"{ISSUER}/"},
    "no issuer": {"iss": None},
    "wrong audience": {"aud": "other-api"},
    "no audience": {"aud": None},
    "expired": {"exp": NOW - 60},
    "no expiry": {"exp": None},
    "expiry as a text": {"exp": "tomorrow"},
    "not yet": {"nbf": NOW + 600},
    "issued in the future": {"iat": NOW + 600},
    "no subject": {"sub": None},
    "a number as subject": {"sub": 7},
}


@pytest.mark.parametrize("changed", BAD_CLAIMS.values(), ids=BAD_CLAIMS.keys())
def test_bad_claims_are_401(backend: Insignia, issuer: OutsideIssuer, changed: dict[str, object]) -> None:
    assert backend.call("GET", "/who/", token=issuer.token(**changed)).status == 401


def forged(header: dict[str, Any], claims: dict[str, Any], sign: bytes | None = None) -> str:
    """Put together by hand, so that no library has a say."""
    signed = b".".join(base64url_encode(json.dumps(part).encode()) for part in (header, claims))
    signature = b"" if sign is None else hmac.digest(sign, signed, "sha256")
    return (signed + b"." + base64url_encode(signature)).decode()


def forgeries(issuer: OutsideIssuer) -> dict[str, str]:
    good, mine = issuer.claims(), new_private_key("ES256")
    assert isinstance(mine, ec.EllipticCurvePrivateKey)
    published = issuer.public_jwks()["keys"][0]
    pem = jwt.PyJWK(published).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    own_jwk = {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(mine.public_key())), "kid": "first", "alg": "ES256"}

    def by_me(**header: Any) -> str:
        return jwt.encode(good, mine, "ES256", headers={"kid": "first", **header})

    head, body, signature = issuer.token().split(".")
    other = base64url_encode(json.dumps(issuer.claims(sub="admin")).encode()).decode()
    return {
        "alg none": forged({"alg": "none", "kid": "first"}, good),
        "alg None": forged({"alg": "None", "kid": "first"}, good),
        "no alg": forged({"kid": "first"}, good),
        "alg as a list": forged({"alg": ["ES256"], "kid": "first"}, good),
        "HS256 with the PEM": forged({"alg": "HS256", "kid": "first"}, good, pem),
        "HS256 with the JWK": forged({"alg": "HS256", "kid": "first"}, good, json.dumps(published).encode()),
        "HS256 with nothing": forged({"alg": "HS256", "kid": "first"}, good, b""),
        "RS256 with an EC key": forged({"alg": "RS256", "kid": "first"}, good, pem),
        "embedded jwk": by_me(jwk=own_jwk),
        "jku": by_me(jku="http://127.0.0.1:9/jwks.json"),
        "x5u": by_me(x5u="http://127.0.0.1:9/chain.pem"),
        "x5c": by_me(x5c=["MIIB"]),
        "somebody else's key": by_me(),
        "unknown kid": by_me(kid="never"),
        "kid as a path": by_me(kid="../../../../dev/null"),
        "kid as SQL": by_me(kid="' UNION SELECT 'x"),
        "kid as a number": forged({"alg": "ES256", "kid": 1}, good),
        "kid that is long": by_me(kid="k" * 5_000),
        "no kid": jwt.encode(good, mine, "ES256"),
        "crit": by_me(crit=["exp"]),
        "signature of nought": f"{head}.{body}.{base64url_encode(bytes(64)).decode()}",
        "signature left out": f"{head}.{body}.",
        "other claims": f"{head}.{other}.{signature}",
        "DER for raw": f"{head}.{body}.{base64url_encode(mine.sign(b'x', ec.ECDSA(SHA256()))).decode()}",
        "two parts": f"{head}.{body}",
        "four parts": f"{head}.{body}.{signature}.x",
        "no JSON": "aaaa.bbbb.cccc",
        "long": "a" * 20_000,
    }


def test_no_forgery_opens(backend: Insignia, issuer: OutsideIssuer) -> None:
    found = {name: backend.call("GET", "/who/", token=token).status for name, token in forgeries(issuer).items()}
    assert found == dict.fromkeys(found, 401)
    assert len(found) == 28


def test_made_up_key_ids_are_no_flood_of_fetches(backend: Insignia, issuer: OutsideIssuer) -> None:
    mine = new_private_key("ES256")
    before = issuer.fetches
    for number in range(20):
        token = jwt.encode(issuer.claims(), mine, "ES256", headers={"kid": f"made-up-{number}"})
        assert backend.call("GET", "/who/", token=token).status == 401
    assert issuer.fetches - before <= 2


def test_it_needs_nothing_of_the_rest_of_portazgo() -> None:
    program = """
import sys
class Nothing:
    def find_spec(self, name, *_):
        other = name.startswith("portazgo.") and not name.startswith("portazgo.contrib")
        if other or name.split(".")[0] in "ninja pydantic psycopg click waitress uvicorn starlette urllib3 boto3".split():
            raise ImportError(name)
sys.meta_path.insert(0, Nothing())
from django.conf import settings
settings.configure(PORTAZGO_DRF={"ISSUER": "https://gateway.example", "AUDIENCE": "parcels"})
import django; django.setup()
from portazgo.contrib.drf import HasScope, PortazgoAuthentication
from portazgo.contrib.drf.authentication import verifier
verifier()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        {"ISSUER": "https://gateway.example"},
        {"ISSUER": "https://gateway.example", "AUDIENCE": "a", "ALGORITHMS": ["ES256", "HS256"]},
        {"ISSUER": "https://gateway.example", "AUDIENCE": "a", "ALGORITHMS": []},
        {"ISSUER": "https://gateway.example", "AUDIENCE": "a", "AUDIENCES": "b"},
        {"ISSUER": "", "AUDIENCE": "a"},
    ],
)
def test_settings_that_would_let_others_in_are_refused(configuration: dict[str, Any]) -> None:
    program = f"""
from django.conf import settings
settings.configure(PORTAZGO_DRF={configuration!r})
import django; django.setup()
from django.core.exceptions import ImproperlyConfigured
from portazgo.contrib.drf.authentication import verifier
try:
    verifier()
except ImproperlyConfigured as problem:
    assert "PORTAZGO_DRF" in str(problem)
else:
    raise SystemExit(1)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
