"""A backend of the tests' own with a token endpoint: it issues tokens, takes only those, and can be told how to fail."""

from __future__ import annotations

import base64
import itertools
import json
import ssl
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import jwt
from support.loopback import LoopbackServer, QuietHandler

PASSWORD = "canary-password-7f3a9c"
HUGE_BYTES = 10 * 1024 * 1024
HANG_SECONDS = 30.0
SIGNING_SECRET = "the login server signs with thirty-two bytes"


class LoginServer(LoopbackServer):
    """Serves while the `with` lasts.

    `behaviour` is how the token endpoint answers (`right` at first), `life` how long its tokens live, `logins` who logged in
    and how, `seen` whose tokens came to the backend, `came` what paths were called of it. `slow` is how long a login takes;
    what is `gated` waits until it is released. `tls`: it speaks that.
    """

    def __init__(self, *, life: float = 60.0, tls: ssl.SSLContext | None = None) -> None:
        self.behaviour = "right"
        self.life = life
        self.slow = 0.0
        self.logins: list[tuple[str, str]] = []
        self.seen: list[str] = []
        self.came: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.requests: list[dict[str, Any]] = []
        self.valid: dict[str, str] = {}
        self.refreshes: dict[str, str] = {}
        self.jwks: dict[str, Any] = {"keys": []}
        self._count = itertools.count(1)
        self._lock = threading.Lock()
        self._released = threading.Event()
        server = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:  # noqa: N802 - the name that http.server looks for
                with suppress(OSError):
                    server._resource(self)

            def do_POST(self) -> None:  # noqa: N802 - likewise
                with suppress(OSError):
                    server._endpoint(self)

        super().__init__(Handler)
        # Of two hundred that connect at once, the usual queue of five would lose most.
        self._server.socket.listen(512)
        if tls is not None:
            # The handshake happens in the request's thread: one that fails must not end the server.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
            self.url = self.url.replace("http://", "https://")

    def __exit__(self, *_: object) -> None:
        """End, whoever hangs."""
        self._released.set()
        self.gate.set()
        super().__exit__()

    def withdraw(self) -> None:
        """Take every token back: the backend answers 401 to it from now on."""
        with self._lock:
            self.valid.clear()

    def count(self, who: str | None = None, how: str | None = None) -> int:
        """Count logins."""
        return sum(who in {None, one} and how in {None, way} for one, way in self.logins)

    def _resource(self, request: BaseHTTPRequestHandler) -> None:
        self.came.append(request.path)
        self.gate.wait(HANG_SECONDS)
        presented = request.headers.get("X-Auth") or request.headers.get("Authorization") or ""
        token = presented.rpartition(" ")[2]
        with self._lock:
            who = self.valid.get(token)
        if who is None or request.path.startswith("/api/refused/"):
            _send(request, 401, {"detail": "Given token not valid for any token type"})
            return
        self.seen.append(who)
        _send(request, 200, {"who": who, "presented": presented.partition(" ")[0]})

    def _endpoint(self, request: BaseHTTPRequestHandler) -> None:
        body = _body(request)
        self.requests.append(
            {"path": request.path, "body": body, "authorization": request.headers.get("Authorization")}
        )
        time.sleep(self.slow)
        self.gate.wait(HANG_SECONDS)
        match self.behaviour:
            case "hang":
                self._released.wait(HANG_SECONDS)
            case "garbage":
                _send_bytes(request, 200, b"<html>log in</html>", "text/html")
            case "echo":
                _send(request, 400, {"detail": f"wrong: {json.dumps(body)}", "error_description": str(body)})
            case "huge":
                _send_bytes(request, 200, b'{"access": "' + b"x" * HUGE_BYTES + b'"}', "application/json")
            case "no token":
                _send(request, 200, {"refresh": "r", "user": "portazgo"})
            case "redirect":
                request.send_response(302)
                request.send_header("Location", "/elsewhere/")
                request.send_header("Content-Length", "0")
                request.end_headers()
            case "broken":
                _send(request, 503, {"detail": "down for maintenance"})
            case _:
                self._issue(request, body)

    def _issue(self, request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        match request.path:
            case "/api/token/":
                self._login(request, body)
            case "/api/token/refresh/":
                who = self.refreshes.get(str(body.get("refresh")))
                self._answer(request, who, "refresh")
            case "/oauth/token":
                self._grant(request, body)
            case _:
                _send(request, 404, {"detail": "Not found."})

    def _login(self, request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        right = body.get("password") == PASSWORD
        self._answer(request, str(body.get("username")) if right else None, "login")

    def _answer(self, request: BaseHTTPRequestHandler, who: str | None, how: str) -> None:
        if who is None:
            _send(request, 401, {"detail": "No active account found with the given credentials"})
            return
        with self._lock:
            self.logins.append((who, how))
            token, refresh = self._token(who), f"refresh-{next(self._count)}"
            self.refreshes = {refresh: who}
        _send(request, 200, {"access": token, "refresh": refresh})

    def _grant(self, request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        if body.get("grant_type") == "client_credentials":
            client, secret = _client(request, body)
            if (client, secret) != ("portazgo:client", PASSWORD):
                _send(request, 401, {"error": "invalid_client"})
                return
            self._oauth(request, f"client {client} {body.get('scope')} {body.get('audience')}", "client_credentials")
            return
        kid = jwt.get_unverified_header(body["subject_token"])["kid"]
        key = next(jwt.PyJWK(one) for one in self.jwks["keys"] if one["kid"] == kid)
        try:
            claims = jwt.decode(body["subject_token"], key, audience="exchange", algorithms=["ES256"])
        except jwt.InvalidTokenError:
            _send(request, 400, {"error": "invalid_grant"})
            return
        self._oauth(request, f"subject {claims['sub']}", body["grant_type"])

    def _oauth(self, request: BaseHTTPRequestHandler, who: str, how: str) -> None:
        with self._lock:
            self.logins.append((who, how))
            token = self._token(who)
        _send(request, 200, {"access_token": token, "token_type": "Bearer", "expires_in": self.life})

    def _token(self, who: str) -> str:
        now = time.time()
        ends = now - 60 if self.behaviour == "expired" else now + self.life
        claims = {"sub": who, "exp": ends, "jti": next(self._count)}
        token = jwt.encode(claims, SIGNING_SECRET, algorithm="HS256")
        self.valid[token] = who
        return token


def _client(request: BaseHTTPRequestHandler, body: dict[str, Any]) -> tuple[str, str]:
    scheme, _, encoded = (request.headers.get("Authorization") or "").partition(" ")
    if scheme == "Basic":
        client, _, secret = base64.b64decode(encoded).decode().partition(":")
        return unquote_plus(client), unquote_plus(secret)
    return str(body.get("client_id")), str(body.get("client_secret"))


def _body(request: BaseHTTPRequestHandler) -> dict[str, Any]:
    content = request.rfile.read(int(request.headers.get("Content-Length") or 0)).decode()
    if request.headers.get("Content-Type") == "application/json":
        document: dict[str, Any] = json.loads(content)
        return document
    return {name: values[0] for name, values in parse_qs(content).items()}


def _send(request: BaseHTTPRequestHandler, status: int, document: object) -> None:
    _send_bytes(request, status, json.dumps(document).encode(), "application/json")


def _send_bytes(request: BaseHTTPRequestHandler, status: int, body: bytes, kind: str) -> None:
    request.send_response(status)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
