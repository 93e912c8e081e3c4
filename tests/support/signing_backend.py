"""A backend that verifies its tokens with PyJWT, keeps what it saw, and can be told to forget whom it trusts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import jwt

from portazgo.kit.wrapping.local import LocalWrapper
from portazgo.signing.algorithms import Algorithm
from portazgo.signing.keypairs import KeyPair

ISSUER = "01990000-0000-7000-8000-0000000000a1"
ISSUER_URL = "https://gate.example"
AUDIENCE = "origin"


@dataclass
class VerifyingBackend:
    """Answers 200 to a token that is good, else 401. `refuses`: tokens that it refuses all the same."""

    algorithm: Algorithm
    key: Any
    refuses: Callable[[dict[str, Any], int], bool] = lambda _claims, _count: False
    seen: list[tuple[str, dict[str, Any] | None, int]] = field(default_factory=list)
    """Method, claims (None: the token was not good), status."""

    def __enter__(self) -> Self:
        backend = self
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", "0")))
                with lock:
                    claims = backend.verified(self.headers.get("authorization", ""))
                    refused = claims is None or backend.refuses(claims, len(backend.seen))
                    status = 401 if refused else 200
                    backend.seen.append((self.command, claims, status))
                self.send_response(status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_POST = handle_any  # noqa: N815 - http.server finds them by these names

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            # A hundred calls at once are what some tests are about; the usual 5 would have connections refused.
            request_queue_size = 256

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def verified(self, authorization: str) -> dict[str, Any] | None:
        """Give the claims of a good token."""
        token = authorization.removeprefix("Bearer ")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self.key,
                [self.algorithm.value],
                {"require": ["iss", "aud", "sub", "iat", "nbf", "exp", "jti"]},
                audience=AUDIENCE,
                issuer=ISSUER_URL,
            )
        except jwt.PyJWTError:
            return None
        return claims

    def tokens(self) -> set[str]:
        """Tell the tokens apart that came."""
        return {claims["jti"] for _, claims, _ in self.seen if claims is not None}


def signing_resources(algorithm: Algorithm, pair: KeyPair, wrapper: LocalWrapper) -> list[dict[str, Any]]:
    """Give the issuer and its key, as lines of the snapshot."""
    body: dict[str, Any] = {
        "issuer": ISSUER,
        "algorithm": algorithm.value,
        "wrapped": wrapper.wrap(f"signing_key/{pair.kid}", pair.private),
        "state": "signing",
    }
    if pair.public_jwk is not None:
        body["public_jwk"] = pair.public_jwk
    return [
        {"kind": "issuer", "id": ISSUER, "requires": [], "body": {"url": ISSUER_URL, "name": "gate"}},
        {"kind": "signing_key", "id": pair.kid, "requires": [algorithm.feature], "body": body},
    ]


def credential(algorithm: Algorithm, life_seconds: int = 120, **claims: Any) -> dict[str, Any]:
    """Give a backend's credential that is minted with this algorithm."""
    return {
        "kind": "mint", "issuer": ISSUER, "audience": AUDIENCE, "algorithm": algorithm.value,
        "life_seconds": life_seconds, "claims": claims,
    }  # fmt: skip
