"""At most one signature for an identity and a renewal, whoever calls meanwhile: counted by the node, and by what came."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import jwt
from support.bare_gateway import KID, PARTNER, PLAN, SECRET, BareGateway, backend_to, wait_for
from support.signing_backend import VerifyingBackend, credential, signing_resources

from portazgo.keys.domain import Kid, format_key
from portazgo.kit.secret import Secret
from portazgo.kit.wrapping.local import LocalWrapper
from portazgo.signing.algorithms import Algorithm
from portazgo.signing.keypairs import generate

LIFE_SECONDS = 4
RENEWED_AFTER_SECONDS = LIFE_SECONDS * 4 // 5
RENEWALS = int(os.environ.get("PORTAZGO_TEST_RENEWALS", "2"))
PATIENCE_SECONDS = 30.0 + 10 * LIFE_SECONDS * RENEWALS
CALLERS = 4
PAUSE_SECONDS = 0.02
OTHER_KID = "Kid0000002"
OTHER_APPLICATION = "01990000-0000-7000-8000-000000000009"


class Callers:
    """Call with each of the keys, several at once, until it is enough."""

    def __init__(self, port: int, keys: list[str]) -> None:
        self._port = port
        self._enough = threading.Event()
        self.statuses: dict[int, int] = defaultdict(int)
        self._threads = [threading.Thread(target=self._call, args=(key,)) for key in keys for _ in range(CALLERS)]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(30)

    def _call(self, key: str) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._enough.wait(PAUSE_SECONDS):
            connection.request("GET", "/v1/things/1", headers={"X-Api-Key": key})
            answer = connection.getresponse()
            answer.read()
            self.statuses[answer.status] += 1
        connection.close()


def further() -> Iterator[dict[str, Any]]:
    """A second application of the partner, with a key of its own."""
    body = {"name": "shop", "partner": PARTNER, "environment": "live", "status": "active", "plan": PLAN, "metadata": {}}
    yield {"kind": "application", "id": OTHER_APPLICATION, "requires": [], "body": body}
    key: dict[str, Any] = {
        "application": OTHER_APPLICATION, "status": "active", "name": "server", "secrets": [], "expires_at_us": None,
        "scopes": None, "networks": None,
    }  # fmt: skip
    yield {"kind": "key", "id": OTHER_KID, "requires": [], "body": key}


def signed(gateway: BareGateway) -> int:
    with urlopen(f"http://127.0.0.1:{gateway.admin_port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return int(next(line.split()[1] for line in lines if line.split()[0] == "portazgo_tokens_signed_total"))


@dataclass(frozen=True, slots=True)
class Running:
    """A node with two identities that are being called with, and the backend that gets their tokens."""

    backend: VerifyingBackend
    gateway: BareGateway
    callers: Callers

    def is_settled(self) -> bool:
        """Whether all that was signed has come: the last ones may be on their way, so their identities go on calling."""
        return signed(self.gateway) == len(self.backend.tokens())


@contextmanager
def running(folder: Path, algorithm: Algorithm) -> Iterator[Running]:
    pair = generate(algorithm)
    assert pair.public_jwk is not None
    data = folder / "data"
    data.mkdir(mode=0o700, parents=True)
    resources = [*signing_resources(algorithm, pair, LocalWrapper.open(data / "master.key", create=True)), *further()]
    with VerifyingBackend(algorithm, jwt.PyJWK(pair.public_jwk)) as backend:
        settings = backend_to(backend.url, credential=credential(algorithm, LIFE_SECONDS))
        requires = ("backend.http1.1", algorithm.feature)
        with BareGateway(folder, settings, requires=requires, further=resources, PORTAZGO_THREADS="2") as gateway:
            keys = [format_key("ptz", "live", Kid(kid), Secret(SECRET)) for kid in (KID, OTHER_KID)]
            callers = Callers(gateway.port, keys)
            with callers:
                yield Running(backend, gateway, callers)


def test_each_renewal_of_an_identity_costs_one_signature_and_no_call_fails(tmp_path: Path) -> None:
    with ExitStack() as stack:
        # RS256 is signed off the data thread. Side by side, since most of it is waiting.
        nodes = [stack.enter_context(running(tmp_path / one.value, one)) for one in (Algorithm.ES256, Algorithm.RS256)]
        for node in nodes:
            wait_for(lambda one=node: all_have(one.backend, 2, 1 + RENEWALS), "the renewals", PATIENCE_SECONDS)  # type: ignore[misc]
            wait_for(node.is_settled, "what was signed last", PATIENCE_SECONDS)
    for node in nodes:
        assert set(node.callers.statuses) == {200}
        for moments in made_at(node.backend).values():
            # Nobody signs before four fifths of the token's life have passed: so no renewal had two.
            assert min(after - before for before, after in pairwise(moments)) >= RENEWED_AFTER_SECONDS


def all_have(backend: VerifyingBackend, identities: int, tokens: int) -> bool:
    known = made_at(backend)
    return len(known) == identities and min(map(len, known.values())) >= tokens


def made_at(backend: VerifyingBackend) -> dict[str, list[int]]:
    """When the tokens of each identity were made, in seconds of the node's clock, in order."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for _, claims, _ in list(backend.seen):
        if claims is not None:
            found[claims["sub"]][claims["jti"]] = claims["iat"]
    return {subject: sorted(tokens.values()) for subject, tokens in found.items()}
