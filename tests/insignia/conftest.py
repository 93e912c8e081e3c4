"""A real Insignia server, and an outside issuer with a real JWKS address."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms
from support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

PROJECT = Path(__file__).parents[2] / "examples" / "insignia"
ISSUER = "https://issuer.example/partners"
AUDIENCE = "insignia-api"
READY_WITHIN_SECONDS = 30


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class OutsideIssuer:
    """Signs tokens and publishes its keys at a local address."""

    def __init__(self) -> None:
        self.fetches = 0
        self._keys: dict[str, tuple[str, PrivateKey]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def jwks_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/jwks.json"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def publish(self, key_id: str, algorithm: str = "ES256") -> None:
        self._keys[key_id] = (algorithm, new_private_key(algorithm))

    def public_jwks(self) -> dict[str, Any]:
        return {"keys": [self._public_jwk(key_id) for key_id in self._keys]}

    def token(self, key_id: str = "first", /, **claims: object) -> str:
        algorithm, key = self._keys[key_id]
        return jwt.encode(self.claims(**claims), key, algorithm, headers={"kid": key_id})

    def private_key(self, key_id: str) -> PrivateKey:
        return self._keys[key_id][1]

    @staticmethod
    def claims(**changed: object) -> dict[str, Any]:
        """Good claims, changed as asked for; None takes a claim away."""
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "app-7", "iat": now - 5, "nbf": now - 5, "exp": now + 60}
        return {name: value for name, value in (claims | changed).items() if value is not None}

    def _public_jwk(self, key_id: str) -> dict[str, Any]:
        algorithm, key = self._keys[key_id]
        public = get_default_algorithms()[algorithm].to_jwk(key.public_key(), as_dict=True)
        return {**public, "kid": key_id, "alg": algorithm, "use": "sig"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches += 1
                body = json.dumps(issuer.public_jwks()).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def new_private_key(algorithm: str) -> PrivateKey:
    if algorithm == "RS256":
        return rsa.generate_private_key(65537, 2048)
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class Insignia:
    """The server in a process of its own."""

    folder: Path
    jwks_url: str
    faults: bool = True
    project: Path = PROJECT
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> float:
        """Start and wait until it answers; returns the seconds that this took."""
        started = time.monotonic()
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(self.command(), cwd=self.project, env=self.environment(), stderr=log)
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() - started > READY_WITHIN_SECONDS:
                pytest.fail(f"Insignia did not start:\n{self.log()}")
            time.sleep(0.02)
        return time.monotonic() - started

    def stop(self) -> int:
        """End it as a supervisor would; returns the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    def log(self) -> str:
        return (self.folder / "server.log").read_text("utf-8")

    def login(self) -> dict[str, str]:
        credentials = json.loads((self.data / "login.json").read_bytes())
        reply = self.call("POST", "/api/auth/token/", body=credentials)
        assert reply.status == 200
        return dict(reply.json)

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: object = None,
        headers: dict[str, str] | None = None,
        timeout: float = 10,
    ) -> Reply:
        """Send one request, `body` as JSON unless it is bytes."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Reply(response.status, dict(response.getheaders()), response.read())

    def upload(self, path: str, token: str, content: bytes, content_type: str = "text/plain") -> Reply:
        """Send a file as a form does."""
        boundary = uuid.uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="caption"\r\n\r\nPrueba\r\n',
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="acta final.txt"\r\n',
            f"Content-Type: {content_type}\r\n\r\n",
        ]
        body = "".join(parts).encode() + content + f"\r\n--{boundary}--\r\n".encode()
        form = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self.call("POST", path, token=token, body=body, headers=form)

    def set_faults(self, *lines: str) -> None:
        """Switch faults for all requests; no line switches them off."""
        (self.folder / "faults").write_text("".join(f"{line}\n" for line in lines), "utf-8")

    def answers(self, request_id: str) -> list[dict[str, Any]]:
        """The answer log's lines for one X-Request-Id."""
        lines = (self.folder / "answers.jsonl").read_text("utf-8").splitlines()
        return [line for line in map(json.loads, lines) if line["x_request_id"] == request_id]

    def command(self) -> list[str]:
        options = {"port": self.port, "data": self.data, "jwks-url": self.jwks_url}
        options |= {"issuer": ISSUER, "audience": AUDIENCE}
        return [sys.executable, "-m", "insignia", "serve", *(f"--{name}={value}" for name, value in options.items())]

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "INSIGNIA_FAULTS": "1" if self.faults else "0",
            "INSIGNIA_FAULT_FILE": str(self.folder / "faults"),
            "INSIGNIA_ANSWER_LOG": str(self.folder / "answers.jsonl"),
        }

    def _answers(self) -> bool:
        try:
            return self.call("GET", "/api/health/").status == 200
        except OSError:
            return False


@pytest.fixture(scope="session")
def issuer() -> Iterator[OutsideIssuer]:
    issuer = OutsideIssuer()
    issuer.publish("first")
    yield issuer
    issuer.close()


@pytest.fixture(scope="session")
def running_insignia(tmp_path_factory: pytest.TempPathFactory, issuer: OutsideIssuer) -> Iterator[Insignia]:
    server = Insignia(tmp_path_factory.mktemp("insignia"), issuer.jwks_url)
    server.start()
    yield server
    assert server.stop() == 0


@pytest.fixture
def insignia(running_insignia: Insignia) -> Insignia:
    """The shared server, with all faults switched off."""
    running_insignia.set_faults()
    return running_insignia


@pytest.fixture(scope="session")
def login(running_insignia: Insignia) -> dict[str, str]:
    """Access and refresh token of Insignia's own user."""
    running_insignia.set_faults()
    return running_insignia.login()


@pytest.fixture(scope="session")
def token(login: dict[str, str]) -> str:
    return login["access"]


@pytest.fixture(scope="session")
def lonely_insignia(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Insignia]:
    """A server without leave for faults, and with nobody at its JWKS address."""
    server = Insignia(tmp_path_factory.mktemp("lonely"), f"http://127.0.0.1:{free_port()}/jwks.json", faults=False)
    server.start()
    yield server
    assert server.stop() == 0
