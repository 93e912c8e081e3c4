"""A contract written by hand, the node that serves it, and a client that reads what a partner gets, byte by byte."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.bare_gateway import API, API_KEY, BACKEND, BareGateway, backend_to
from support.raw_client import dechunked

VERSION, OLDER, OTHER_API = (f"01990000-0000-7000-8000-0000000000c{n}" for n in range(1, 4))
SHOW, HEAD, CREATE, UPLOAD, OPEN = (f"01990000-0000-7000-8000-0000000000b{n}" for n in range(1, 6))
HOLD = 2048
MOST_RESPONSE_BYTES = 3 << 20
NEEDLE = "NEEDLE-of-the-backend"

NOTHING: dict[str, Any] = {
    "body": None,
    "program": {"nodes": [], "depth": 8},
    "path": [],
    "query": [],
    "headers": [],
    "query_unknown": "refuse",
    "fill": [],
}


def answer_program(backend: str) -> dict[str, Any]:
    """An object of some members, a list of others in it, and a link; `name` is `title` for partners, `ssn` nothing."""
    return {
        "nodes": [
            {
                "object": {
                    "members": [
                        {"in": "id", "out": "id", "node": 1, "required": True},
                        {"in": "name", "out": "title", "node": 2},
                        {"in": "items", "out": "items", "node": 3},
                        {"in": "next", "out": "next", "node": 5},
                    ]
                }
            },
            {"integer": True},
            {"string": True, "null": True},
            {"array": 4},
            {"object": {"members": [{"in": "id", "out": "id", "node": 1}, {"in": "name", "out": "title", "node": 2}]}},
            {"string": {"url": 0}, "null": True},
        ],
        "depth": 16,
        "urls": [
            {
                "prefixes": [backend, ""],
                "routes": [{"from": "/api/items/{id}", "to": "/v1/items/{id}"}],
                "query": [["page", "page"]],
                "otherwise": "null",
            }
        ],
    }


def shown(backend: str, *, hold: int | str = HOLD, **more: Any) -> dict[str, Any]:
    """ROUTE of a thing that is read."""
    body = {"kind": "json", "root": 0, "hold": hold}
    headers = [
        {"in": "location", "out": "location", "url": False},
        {"in": "link", "out": "link", "url": True},
        {"in": "x-total-count", "out": "total-count", "url": False},
    ]
    types = ["application/json", "application/vnd.items+json"]
    return {
        "request": {**NOTHING, "path": []},
        "answers": [
            {"status": "200", "send": None, "body": body, "headers": headers, "content_types": types},
            {"status": "204", "send": None, "body": {"kind": "empty"}, "headers": [], "content_types": []},
            {"status": "201", "send": 200, "body": body, "headers": headers, "content_types": types},
            {
                "status": "203",
                "send": None,
                "headers": [],
                "content_types": [],
                "body": {"kind": "pass", "types": ["image/*"], "max_bytes": 4096},
            },
            {
                "status": "404",
                "send": None,
                "headers": [],
                "content_types": [],
                "body": {"kind": "problem", "detail": "There is no such thing.", "errors": None},
            },
        ],
        "program": answer_program(backend),
        "fields": {"at": []},
        **more,
    }


def version(routes: Mapping[str, Any], *, identifier: str = VERSION, api: str = API, **more: Any) -> dict[str, Any]:
    """Give a resource `contract`."""
    body = {
        "api": api,
        "contract": "items",
        "version": "2026-11-26",
        "deprecated_at_us": None,
        "sunset_at_us": None,
        "link": None,
        "routes": dict(routes),
        **more,
    }
    return {"kind": "contract", "id": identifier, "requires": ["contract.1"], "body": body}


def document(text: str, *, identifier: str = VERSION) -> dict[str, Any]:
    """Give a resource `contract_document`."""
    return {"kind": "contract_document", "id": identifier, "requires": ["contract.1"], "body": {"document": text}}


def route(identifier: str, method: str, path: str, backend_path: str, **more: Any) -> dict[str, Any]:
    """Give a route under the contract."""
    body = {
        "api": API,
        "api_name": "things",
        "name": f"{method.lower()}-{identifier[-2:]}",
        "hosts": None,
        "method": method,
        "path": path,
        "backend": BACKEND,
        "backend_method": method,
        "backend_path": backend_path,
        "environments": ["live"],
        "scopes": [],
        "passthrough": False,
        "contract": VERSION,
        "max_request_bytes": 100_000,
        "max_response_bytes": MOST_RESPONSE_BYTES,
        "query": "all",
        "request_headers": [],
        "response_headers": [],
        **more,
    }
    return {"kind": "route", "id": identifier, "requires": ["contract.1"], "body": body}


def node(folder: Path, backend_port: int, resources: Sequence[dict[str, Any]], **more: Any) -> BareGateway:
    """Give a node that serves these beside the usual resources."""
    timeouts = {"connect_ms": 2000, "first_byte_ms": 5000, "idle_ms": 2000, "total_ms": 20_000}
    backend = backend_to(f"http://127.0.0.1:{backend_port}", timeouts=timeouts)
    return BareGateway(folder, backend, further=resources, **more)


@dataclass(frozen=True, slots=True)
class Got:
    """What a partner got, read to the end of the connection. `whole`: it ended as it said that it would."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    whole: bool
    request_id: str = field(default="", compare=False)

    def header(self, name: str) -> str | None:
        """All values of a header, as one; None: it is not there."""
        values = [value for known, value in self.headers if known == name]
        return ", ".join(values) if values else None

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """The code of a problem."""
        is_problem = self.header("content-type") == "application/problem+json"
        return str(self.document["code"]) if is_problem else None


def ask(
    port: int,
    target: str,
    *lines: str,
    method: str = "GET",
    body: bytes | None = None,
    version: str = "1.1",
    key: str = API_KEY,
) -> Got:
    """Send one request over a connection of its own, and read all that comes."""
    told = [f"X-Api-Key: {key}", "Connection: close", *lines]
    if body is not None:
        told.append(f"Content-Length: {len(body)}")
    head = (
        f"{method} {target} HTTP/{version}\r\nHost: gate.example\r\n" + "".join(f"{line}\r\n" for line in told) + "\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(head.encode() + (body or b""))
        received = b""
        try:
            while piece := connection.recv(1 << 16):
                received += piece
        except ConnectionResetError:
            pass
    return read(received, method)


def read(received: bytes, method: str) -> Got:
    """Read one answer."""
    head, separator, body = received.partition(b"\r\n\r\n")
    assert separator, received[:200]
    lines = [line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:]]
    headers = [(name.lower(), value) for name, value in lines]
    fields, status = dict(headers), int(head[9:12])
    if method == "HEAD" or status in {204, 304}:
        whole = not body
    elif fields.get("transfer-encoding") == "chunked":
        body, whole = dechunked(body)
    else:
        whole = len(body) == int(fields.get("content-length", -1))
    return Got(status, headers, body, whole, fields.get("x-request-id", ""))


def request_program() -> dict[str, Any]:
    """`title` is the backend's `name`; what the backend wants beside it is filled."""
    return {
        "nodes": [
            {
                "object": {
                    "members": [
                        {"in": "title", "out": "name", "node": 1, "required": True},
                        {"in": "quantity", "out": "qty", "node": 2},
                        {"in": "note", "out": "note", "node": 3},
                    ],
                    "unknown": "refuse",
                    "fill": [
                        {"out": "tenant", "value": {"template": "{partner.name}", "type": "string"}},
                        {"out": "source", "value": {"const": "portazgo"}},
                    ],
                }
            },
            {"string": {"min_length": 1, "max_length": 10}},
            {"integer": {"min": "1", "max": "99"}},
            {"string": True},
            {"integer": {"min": "1"}},
            {"string": {"pattern": "^[a-z0-9-]+$"}},
        ],
        "depth": 16,
    }


def created(backend: str) -> dict[str, Any]:
    """ROUTE of a thing that is made."""
    request = {
        **NOTHING,
        "body": {"kind": "json", "required": True, "types": ["application/json"], "root": 0},
        "program": request_program(),
        "query": [{"in": "limit", "out": "page_size", "required": False, "many": False, "node": 4, "default": 20}],
        "headers": [{"in": "x-note", "out": "x-remark", "required": False, "many": False, "node": 3}],
        "fill": [{"at": "query", "out": "tenant", "value": {"template": "{partner.name}", "type": "string"}}],
    }
    return shown(backend, request=request, fields=None)


def uploaded(backend: str) -> dict[str, Any]:
    """ROUTE of a file that passes."""
    request = {**NOTHING, "body": {"kind": "pass", "required": True, "types": ["image/*"], "max_bytes": 50_000}}
    return shown(backend, request=request)
