"""A node's tokens, as backends meet them: each algorithm, one signature a renewal, and what a 401 leads to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import jwt
import pytest
from support.bare_gateway import API_KEY, BareGateway, backend_to
from support.signing_backend import VerifyingBackend, credential, signing_resources

from portazgo.kit.wrapping.local import LocalWrapper
from portazgo.signing.algorithms import Algorithm
from portazgo.signing.keypairs import KeyPair, generate, new_shared_secret, shared

THING = "/v1/things/1"


def pair_of(algorithm: Algorithm) -> tuple[KeyPair, Any]:
    """Make a key, and what a backend verifies with."""
    if algorithm.is_shared:
        secret = new_shared_secret()
        return shared(secret), secret.reveal()
    pair = generate(algorithm)
    assert pair.public_jwk is not None
    return pair, jwt.PyJWK(pair.public_jwk)


@contextmanager
def gateway_to(folder: Path, backend: VerifyingBackend, pair: KeyPair, threads: int = 1) -> Iterator[BareGateway]:
    data = folder / "data"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    wrapper = LocalWrapper.open(data / "master.key", create=True)
    settings = backend_to(backend.url, credential=credential(backend.algorithm))
    further = signing_resources(backend.algorithm, pair, wrapper)
    requires = ("backend.http1.1", backend.algorithm.feature)
    with BareGateway(
        folder, settings, requires=requires, further=further, PORTAZGO_THREADS=str(threads), PORTAZGO_MAX_BACKLOG="off"
    ) as gateway:
        yield gateway


def call(gateway: BareGateway, method: str = "GET", path: str = THING, **headers: str) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    try:
        body = b"{}" if method == "POST" else None
        connection.request(method, path, body, {"X-Api-Key": API_KEY, **headers})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def metric(gateway: BareGateway, name: str) -> float:
    with urlopen(f"http://127.0.0.1:{gateway.admin_port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return float(next(line.split()[1] for line in lines if line.split()[0] == name))


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_hundred_first_calls_at_once_cost_one_signature(tmp_path: Path, algorithm: Algorithm) -> None:
    pair, key = pair_of(algorithm)
    statuses: list[int] = []
    with (
        VerifyingBackend(algorithm, key) as backend,
        gateway_to(tmp_path, backend, pair, threads=2) as gateway,
    ):
        threads = [threading.Thread(target=lambda: statuses.append(call(gateway)[0].status)) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert (statuses, len(backend.tokens())) == ([200] * 100, 1)
        assert metric(gateway, "portazgo_tokens_signed_total") == 1


def test_a_refused_token_is_replaced_and_the_call_repeated_once(tmp_path: Path) -> None:
    pair, key = pair_of(Algorithm.RS256)
    refused: list[str] = []

    def first_of_all(claims: dict[str, Any], count: int) -> bool:
        if count == 0:
            refused.append(claims["jti"])
        return claims["jti"] in refused

    with (
        VerifyingBackend(Algorithm.RS256, key, first_of_all) as backend,
        gateway_to(tmp_path, backend, pair) as gateway,
    ):
        answer, _ = call(gateway)
        assert answer.status == 200
        assert [status for *_, status in backend.seen] == [401, 200]
        record = gateway.record_of(answer.headers["X-Request-Id"])
        assert (record["attempts"], record["fault"]) == (2, None)
        assert metric(gateway, "portazgo_tokens_refused_total") == 1


def test_what_may_not_be_repeated_is_not_and_the_next_call_has_another_token(tmp_path: Path) -> None:
    pair, key = pair_of(Algorithm.ES256)
    with (
        VerifyingBackend(Algorithm.ES256, key, lambda _claims, count: count == 0) as backend,
        gateway_to(tmp_path, backend, pair) as gateway,
    ):
        answer, body = call(gateway, "POST")
        assert (answer.status, json.loads(body)["code"]) == (502, "backend_refused_gateway")
        assert gateway.record_of(answer.headers["X-Request-Id"])["fault"] == "backend_4xx_ours"
        assert call(gateway, "POST")[0].status == 200
        assert [(method, status) for method, _, status in backend.seen] == [("POST", 401), ("POST", 200)]
        assert len(backend.tokens()) == 2


def test_a_backend_that_refuses_everything_costs_two_signatures_in_ten_seconds(tmp_path: Path) -> None:
    pair, key = pair_of(Algorithm.EDDSA)
    with (
        VerifyingBackend(Algorithm.EDDSA, key, lambda _claims, _count: True) as backend,
        gateway_to(tmp_path, backend, pair) as gateway,
    ):
        answers = [call(gateway) for _ in range(10)]
        assert {answer.status for answer, _ in answers} == {502}
        assert {json.loads(body)["code"] for _, body in answers} == {"backend_refused_gateway"}
        assert len(backend.tokens()) <= 3
        assert metric(gateway, "portazgo_tokens_signed_total") == len(backend.tokens())


def test_the_key_set_is_for_caches_and_holds_no_secret(tmp_path: Path) -> None:
    pair, key = pair_of(Algorithm.ES256)
    with VerifyingBackend(Algorithm.ES256, key) as backend, gateway_to(tmp_path, backend, pair) as gateway:
        answer, body = call(gateway, path="/.well-known/jwks.json")
        assert json.loads(body) == {"keys": [pair.public_jwk]}
        assert answer.headers["Cache-Control"] == "public, max-age=300"
        tag = answer.headers["ETag"]
        again, nothing = call(gateway, path="/.well-known/jwks.json", **{"If-None-Match": f'"x", W/{tag}'})
        assert (again.status, nothing, again.headers["ETag"]) == (304, b"", tag)
        head, empty = call(gateway, "HEAD", "/.well-known/jwks.json")
        assert (head.status, empty, head.headers["ETag"]) == (200, b"", tag)
        found = json.loads(call(gateway, path="/.well-known/openid-configuration")[1])
        assert found["id_token_signing_alg_values_supported"] == ["ES256"]


def test_why_no_token_can_be_made_is_said_to_people(tmp_path: Path) -> None:
    pair, key = pair_of(Algorithm.ES256)
    with VerifyingBackend(Algorithm.ES256, key) as backend:
        settings = backend_to(backend.url, credential=credential(Algorithm.ES256, tier="{partner.metadata.tier}"))
        (tmp_path / "data").mkdir(mode=0o700)
        wrapper = LocalWrapper.open(tmp_path / "data" / "master.key", create=True)
        further = signing_resources(Algorithm.ES256, pair, wrapper)
        requires = ("backend.http1.1", Algorithm.ES256.feature)
        with BareGateway(tmp_path, settings, requires=requires, further=further) as gateway:
            answer, body = call(gateway)
            assert (answer.status, json.loads(body)["code"]) == (502, "gateway_error")
            assert b"metadata" not in body
            assert gateway.record_of(answer.headers["X-Request-Id"])["fault"] == "token_mint_failed"
            with urlopen(f"http://127.0.0.1:{gateway.admin_port}/health/ready", timeout=10) as ready:
                warnings = json.load(ready)["warnings"]
    reason = "the claim tier reads {partner.metadata.tier}, which has no value here"
    assert warnings == [f"no token for the backend origin can be made for the application crm: {reason}"]
