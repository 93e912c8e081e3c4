"""A partner who puts secrets wherever a call has room for text, and a backend that does so too, over every protocol."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import jwt
from support.canaries import Canaries
from support.http2 import DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, Connection, frame
from support.loopback import LoopbackServer, QuietHandler
from support.websocket import connect, handshake, read_exactly, read_head, switching

REQUEST_ID = "request-id-that-a-caller-chose"
PASSWORD = "NotARealPassword-Canary-7f3a9c"
SHOUTED = PASSWORD.upper()
"""As a method: others are refused before anybody looks at them."""
# A number for trying things out: no bank has given it to anybody.
CARD = "4000056655665556"
MAILBOX = "reader.of.canaries"
ROUTE = "/v1/gossip"
LARGE_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a careless partner has in hand; `keys`: the right one, a wrong one, a revoked one, by these names."""

    keys: Mapping[str, str]
    token: str = field(
        default_factory=lambda: jwt.encode(
            {"email": MAILBOX}, "a careless partner's thirty-two bytes", algorithm="HS256"
        )
    )

    @property
    def by_name(self) -> dict[str, str]:
        """Every secret, as it is written into calls."""
        mail = f"{MAILBOX}@mail.example"
        return {**self.keys, "token": self.token, "password": PASSWORD, "shouted": SHOUTED, "card": CARD, "mail": mail}

    @property
    def text(self) -> str:
        """All of them, in characters that are good in a path, a query and a header."""
        return "~".join(self.by_name.values())

    def plant(self, canaries: Canaries) -> set[str]:
        """Look for each of them from now on. Returns the names of the searches."""
        _, claims, signature = self.token.split(".")
        wrong = self.keys["wrong"][-38:-6]
        parts = {"wrong key": wrong, "claims": claims, "signature": signature}
        parts |= {"password": PASSWORD, "shouted password": SHOUTED, "card": CARD, "mail": MAILBOX}
        for name, secret in parts.items():
            canaries.plant(f"careless {name}", secret)
        return {f"careless {name}" for name in parts}


class Gossip(LoopbackServer):
    """Serves while the `with` lasts. The last segment of a path says how: see `_answers`. `seen`: what came, whole."""

    def __init__(self, secrets: Secrets) -> None:
        self.seen: list[bytes] = []
        self._answers = _answers(secrets.text)
        self._text = secrets.text.encode()
        gossip = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:  # noqa: N802 - the name that http.server looks for
                with suppress(OSError):
                    gossip._answer(self)

            do_POST = do_GET  # noqa: N815 - likewise

        super().__init__(Handler)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        self.seen.append(f"{request.path}\n{request.headers}".encode() + _body(request))
        request.close_connection = True
        if key := request.headers.get("sec-websocket-key"):
            self._tunnel(request.connection, key)
            return
        request.wfile.write(self._answers[request.path.partition("?")[0].rsplit("/", 1)[-1]])

    def _tunnel(self, connection: socket.socket, key: str) -> None:
        connection.sendall(switching(key, f"X-Note: {self._text.decode()}") + self._text)
        while piece := connection.recv(65536):
            self.seen.append(piece)
            connection.sendall(piece)


def _answers(text: str) -> dict[str, bytes]:
    """Give what the backend writes, by name: well, with a failure of its own, and so that the gateway makes one of it."""
    gossip = text.encode()
    fields = b"".join(
        b"%s: %s\r\n" % (name, gossip)
        for name in (b"X-Note", b"Set-Cookie", b"Location", b"WWW-Authenticate", b"Server", b"Warning")
    )
    whole = b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(gossip), gossip)
    chunks = b"Transfer-Encoding: chunked\r\nTrailer: X-Note\r\nConnection: close\r\n\r\n%x;note=%s\r\n%s\r\n"
    in_chunks = chunks % (len(gossip), PASSWORD.encode(), gossip)
    return {
        "good": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        "well": b"HTTP/1.1 200 OK\r\n" + fields + whole,
        "error": b"HTTP/1.1 500 " + PASSWORD.encode() + b"\r\n" + fields + whole,
        "trailers": b"HTTP/1.1 500 No\r\n" + fields + in_chunks + b"0\r\nX-Note: " + gossip + b"\r\n\r\n",
        "elsewhere": b"HTTP/1.1 302 Found\r\n" + fields + whole,
        "cut-off": b"HTTP/1.1 500 No\r\nContent-Length: 9999\r\n\r\n" + gossip,
        "bad-head": b"HTTP/1.1 500 No\r\n" + gossip + b"\r\n\r\n",
        "bad-length": b"HTTP/1.1 500 No\r\nContent-Length: " + gossip + b"\r\n\r\n" + gossip,
        "bad-chunk": b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n" + gossip + b"\r\n",
        "no-http": gossip + b"\r\n\r\n",
    }


def _body(request: BaseHTTPRequestHandler) -> bytes:
    if "chunked" not in request.headers.get("transfer-encoding", ""):
        return request.rfile.read(int(request.headers.get("content-length", "0")))
    body = b""
    while size := int((line := request.rfile.readline()).split(b";")[0], 16):
        body += line + request.rfile.read(size)
        request.rfile.readline()
    while trailer := request.rfile.readline().strip():
        body += trailer
    return body


WAYS = tuple(_answers(""))


def calls(secrets: Secrets) -> Iterator[tuple[str, bytes]]:
    """Give calls of HTTP/1.1 that are understood, by what is careless about them."""
    text, right = secrets.text, f"X-Api-Key: {secrets.keys['right']}"
    named = (
        "X-Note",
        "Cookie",
        "Referer",
        "User-Agent",
        "Idempotency-Key",
        "X-Forwarded-For",
        "Forwarded",
        "Traceparent",
    )
    everywhere = [
        f"{name}: {text}" for name in (*named, "Tracestate", "Baggage", "Accept", "Origin", "Range", "If-None-Match")
    ]
    yield "headers", _get("a/good", right, *everywhere, f"X-{PASSWORD}: {text}")
    yield "expectation", _get("a/good", right, f"Expect: {text}")
    yield "path", _get(f"{text}/good", right)
    yield "query", _get(f"a/good?q={text}&{text}", right)
    yield "nowhere", _get(f"../nowhere/{text}?q={text}", right)
    yield "body", _post(right, f"Content-Length: {len(text)}", body=text)
    chunks = f"{len(text):x};note={PASSWORD}\r\n{text}\r\n0\r\nX-Note: {text}\r\n\r\n"
    yield "trailers", _post(right, "Transfer-Encoding: chunked", "Trailer: X-Note", body=chunks)
    for name in ("wrong", "revoked"):
        yield name, _get(f"{text}/good?q={text}", f"X-Api-Key: {secrets.keys[name]}", *everywhere)
    yield "token", _get(f"{text}/good?q={text}", f"Authorization: Bearer {secrets.token}")
    yield "nobody", _get(f"{text}/good?q={text}", *everywhere)
    for way in WAYS:
        yield f"backend: {way}", _get(f"{text}/{way}?q={text}", right)


def refused(secrets: Secrets) -> Iterator[tuple[str, bytes]]:
    """Give what is no request that a gateway could understand, by what is wrong with it."""
    text, right = secrets.text, f"X-Api-Key: {secrets.keys['right']}"
    usual = f"GET {ROUTE}/{text}/good?q={text} HTTP/1.1\r\nHost: a\r\n{right}\r\n"
    yield "line feeds", f"{usual}X-Note: {text}\r\n\r\n".replace("\r\n", "\n").encode()
    yield "no colon", f"{usual}{text}\r\n\r\n".encode()
    yield "two hosts", f"{usual}Host: {MAILBOX}.example\r\n\r\n".encode()
    yield "two lengths", f"{usual}Content-Length: 4\r\nTransfer-Encoding: {text}\r\n\r\n{text}".encode()
    yield "length", f"{usual}Content-Length: {text}\r\n\r\n{text}".encode()
    yield "version", usual.replace("HTTP/1.1", "HTTP/7.7").encode() + b"\r\n"
    yield "method", usual.replace("GET", PASSWORD).encode() + b"Connection: close\r\n\r\n"
    yield "space", usual.replace("?q=", " ?q=").encode() + b"\r\n"
    yield "escape", usual.replace("?q=", "%zz?q=").encode() + b"Connection: close\r\n\r\n"
    yield "dots", usual.replace("?q=", "/%2e%2e/?q=").encode() + b"Connection: close\r\n\r\n"
    yield "too large", f"{usual}X-Note: {text * (LARGE_BYTES // len(text))}\r\n\r\n".encode()
    yield "bad chunk", f"{usual.replace('GET', 'POST')}Transfer-Encoding: chunked\r\n\r\n{text}\r\n{text}".encode()
    yield "upgrade", f"{usual}Connection: Upgrade\r\nUpgrade: {text}\r\n\r\n".encode()
    yield "no HTTP", f"{text}\r\n\r\n".encode()


def _get(path: str, *lines: str) -> bytes:
    where = f"{ROUTE}/{path}".replace("/gossip/..", "")
    usual = [f"GET {where} HTTP/1.1", f"Host: {MAILBOX}.example", "Connection: close", f"X-Request-Id: {REQUEST_ID}"]
    return "\r\n".join([*usual, *lines, "", ""]).encode()


def _post(*lines: str, body: str) -> bytes:
    usual = [f"POST {ROUTE}/a/good HTTP/1.1", "Host: a", "Connection: close", f"X-Request-Id: {REQUEST_ID}"]
    return "\r\n".join([*usual, *lines, "", body]).encode()


def say(port: int, sent: bytes) -> bytes:
    """Send bytes, and read what comes until the other side is done."""
    came = b""
    with connect(port) as client, suppress(ConnectionError):
        client.sendall(sent)
        while piece := client.recv(65536):
            came += piece
    return came


def say_over_http2(port: int, secrets: Secrets) -> Iterator[tuple[str, bytes]]:
    """Make the calls of HTTP/2. Gives what came back, by what was careless about them."""
    text, right = secrets.text, ("x-api-key", secrets.keys["right"])
    everywhere = [("x-note", text), ("cookie", text), ("user-agent", text), ("x-request-id", REQUEST_ID)]

    def head(method: str, path: str, *fields: tuple[str, str]) -> list[tuple[str, str]]:
        names = [(":method", method), (":scheme", "http"), (":authority", f"{MAILBOX}.example"), (":path", path)]
        return [*names, *fields]

    heads = {
        "headers": head("GET", f"{ROUTE}/a/good", right, *everywhere, (f"x-{PASSWORD.lower()}", text)),
        "path and query": head("GET", f"{ROUTE}/{text}/good?q={text}", right),
        "wrong": head("GET", f"{ROUTE}/{text}/good?q={text}", ("x-api-key", secrets.keys["wrong"]), *everywhere),
        "revoked": head("GET", f"{ROUTE}/{text}/good?q={text}", ("x-api-key", secrets.keys["revoked"]), *everywhere),
        "token": head("GET", f"{ROUTE}/{text}/good", ("authorization", f"Bearer {secrets.token}")),
        **{f"backend: {way}": head("GET", f"{ROUTE}/{text}/{way}?q={text}", right) for way in WAYS},
        "upper case": head("GET", f"{ROUTE}/{text}/good", right, (PASSWORD, text)),
        "of a connection": head("GET", f"{ROUTE}/{text}/good", right, ("connection", text), ("te", text)),
        "no path": head("GET", text, right),
        "method": head(PASSWORD, f"{ROUTE}/{text}/good", right),
    }
    for name, fields in heads.items():
        with Connection.plain(port) as connection:
            answer = connection.finish(connection.request(fields))
            yield name, repr(answer.fields).encode() + answer.body
    with Connection.plain(port) as connection:
        stream = connection.new_stream()
        begun = connection.headers(stream, head("POST", f"{ROUTE}/a/good", right, *everywhere), end=False)
        # Encoded in this order, as the far side decodes.
        connection.send(begun + frame(DATA, 0, stream, text.encode()))
        connection.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, connection.block([("x-note", text)])))
        answer = connection.finish(stream)
        yield "trailers", repr(answer.fields).encode() + answer.body
    for name, broken in {
        "goodbye": frame(GOAWAY, 0, 0, bytes(8) + text.encode()),
        "data": frame(DATA, 0, 0, text.encode()),
    }.items():
        with Connection.plain(port) as connection:
            connection.send(broken)
            while not connection.closed:
                connection.read()
            yield name, b""


def say_over_websocket(port: int, secrets: Secrets) -> Iterator[tuple[str, bytes]]:
    """Open a tunnel and speak in it; fail to open others. Gives the answers' heads."""
    text = secrets.text
    path = f"{ROUTE}/{text}/socket?q={text}"
    right = f"X-Api-Key: {secrets.keys['right']}"
    lines = (
        f"X-Request-Id: {REQUEST_ID}",
        f"Sec-WebSocket-Protocol: {PASSWORD}",
        f"Cookie: {text}",
        f"Origin: https://{text}",
    )
    with connect(port) as client:
        client.sendall(handshake(port, right, *lines, path=path))
        head, early = read_head(client)
        assert read_exactly(client, len(text), early) == text.encode()
        client.sendall(text.encode())
        assert read_exactly(client, len(text)) == text.encode()
        yield "opened", head
    for name in ("wrong", "revoked"):
        yield name, say(port, handshake(port, f"X-Api-Key: {secrets.keys[name]}", *lines, path=path))
    yield (
        "version",
        say(port, handshake(port, right, *lines, path=path).replace(b"Version: 13", b"Version: " + text.encode())),
    )


def say_to_other_doors(secrets: Secrets, path: str, admin_token: str) -> Iterator[tuple[str, bytes]]:
    """Give requests for the admin API and the listeners that partners should not know."""
    text = secrets.text
    usual = [f"Host: {text}", "Connection: close", f"X-Note: {text}", f"Cookie: {text}", f"User-Agent: {text}"]
    for name, line in {
        "token": f"Authorization: Bearer {secrets.token}",
        "password": f"Authorization: Basic {PASSWORD}",
    }.items():
        yield name, "\r\n".join([f"GET {path}?q={text} HTTP/1.1", *usual, line, "", ""]).encode()
    yield "path", "\r\n".join([f"GET /{text} HTTP/1.1", *usual, "", ""]).encode()
    yield "method", "\r\n".join([f"{SHOUTED} {path} HTTP/1.1", *usual, "", ""]).encode()
    for name, bearer in {"id": secrets.keys["right"], "id of an admin": admin_token}.items():
        line = f"Authorization: Bearer {bearer}"
        yield name, "\r\n".join([f"GET /api/v1/keys/{text} HTTP/1.1", *usual, line, "", ""]).encode()
    body = json.dumps({"name": "a", "password": text})
    lines = [f"POST {path} HTTP/1.1", *usual, "Content-Type: application/json", f"Content-Length: {len(body)}"]
    for name, bearer in {"body": secrets.keys["right"], "body of an admin": admin_token}.items():
        yield name, "\r\n".join([*lines, f"Authorization: Bearer {bearer}", "", body]).encode()
    yield "bad head", "\r\n".join([f"GET {path} HTTP/1.1", *usual, text, "", ""]).encode()
