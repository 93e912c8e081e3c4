"""Requests under a contract: what fits is written anew for the backend, what does not never reaches it."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import served_contracts as contracts
from support.bare_gateway import API_KEY, BareGateway, Origin, Seen
from support.hostile_backend import HostileBackend, bytes_then
from support.served_contracts import CREATE, SHOW, UPLOAD, Got, ask, read

JSON = "Content-Type: application/json"
ANSWER = {
    "id": 7,
    "name": "seven",
    "ssn": "hidden",
    "next": "/api/items/8?page=2&secret=x",
    "items": [{"id": 1, "name": "one", "ssn": "hidden"}],
}
REPLACE = "01990000-0000-7000-8000-0000000000b9"


@dataclass
class Desk:
    """A node, and what stands behind it."""

    node: BareGateway
    origin: Origin

    def ask(self, target: str, *lines: str, method: str = "GET", body: bytes | None = None) -> tuple[Got, Seen | None]:
        """Ask once. Returns the answer, and what the backend saw of it; None: nothing."""
        before = len(self.origin.seen)
        got = ask(self.node.port, target, *lines, method=method, body=body)
        seen = self.origin.seen[before:]
        assert len(seen) <= 1
        return got, seen[0] if seen else None


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One for all."""
    with Origin(answer=json.dumps(ANSWER).encode()) as origin:
        views = {
            SHOW: contracts.shown(origin.url),
            CREATE: contracts.created(origin.url),
            UPLOAD: contracts.uploaded(origin.url),
        }
        resources = [
            contracts.version(views),
            contracts.route(SHOW, "GET", "/v1/items/{id}", "/api/items/{id}"),
            contracts.route(CREATE, "POST", "/v1/items", "/api/items", timeouts={"idle_ms": 700}),
            contracts.route(UPLOAD, "POST", "/v1/files", "/api/files"),
        ]
        with contracts.node(tmp_path_factory.mktemp("requests"), origin.port, resources) as node:
            yield Desk(node, origin)


def post(desk: Desk, value: Any, *lines: str, target: str = "/v1/items") -> tuple[Got, Seen | None]:
    """Send JSON."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return desk.ask(target, *(lines or (JSON,)), method="POST", body=body)


def test_a_request_is_written_anew_as_the_backend_wants_it(desk: Desk) -> None:
    got, seen = post(
        desk,
        b'{ "quantity" : 7, "title": "t\\u00e9" }',
        "Content-Type: application/json; charset=utf-8",
        "X-Note: urgent",
        "X-Other: no",
        "Cookie: a=b",
        "Range: bytes=0-1",
        'If-Range: "x"',
        "Accept: text/html",
        "Accept-Encoding: gzip",
        "If-Modified-Since: Thu, 26 Nov 2026 00:00:00 GMT",
        "Idempotency-Key: k1",
        target="/v1/items?limit=5",
    )
    assert (got.status, got.document["title"]) == (200, "seven")
    assert seen is not None
    assert seen.body == b'{"qty":7,"name":"t\\u00e9","tenant":"northwind","source":"portazgo"}'
    assert seen.path == "/api/items?page_size=5&tenant=northwind"
    names = {name.lower() for name, _ in seen.headers}
    assert names == {
        "host",
        "content-type",
        "content-length",
        "accept",
        "accept-encoding",
        "idempotency-key",
        "x-remark",
        "x-request-id",
        "traceparent",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    }
    wanted = ("application/json", str(len(seen.body)), "urgent", "identity", "k1")
    told = ("content-type", "content-length", "x-remark", "accept-encoding", "idempotency-key")
    assert tuple(seen.header(name) for name in told) == wanted
    assert seen.header("accept") == "application/json, application/vnd.items+json, image/*"


def test_a_large_body_is_written_anew_as_a_small_one_is(desk: Desk) -> None:
    note = "long " * 16_000
    got, seen = post(desk, {"title": "big", "quantity": 7, "note": note})
    assert got.status == 200
    assert seen is not None
    filled = {"tenant": "northwind", "source": "portazgo"}
    assert json.loads(seen.body) == {"name": "big", "qty": 7, "note": note, **filled}
    refused, seen = post(desk, {"title": "big", "quantity": "seven", "note": note}, target="/v1/items?limit=x")
    assert (refused.status, refused.document["code"], seen) == (400, "contract_violation", None)
    assert {error["in"] for error in refused.document["errors"]} == {"body", "query"}


def test_what_the_partner_leaves_out_is_filled(desk: Desk) -> None:
    _, seen = post(desk, {"title": "x"})
    assert seen is not None
    assert seen.path == "/api/items?page_size=20&tenant=northwind"


def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_sent(desk: Desk) -> None:
    got, seen = post(desk, {"title": "", "quantity": 100, "ssn": 1}, target="/v1/items?limit=0&other=1")
    assert (got.status, got.code, seen) == (400, "contract_violation", None)
    found = {(one["in"], one.get("pointer", one.get("name")), one["code"]) for one in got.document["errors"]}
    assert found == {
        ("body", "/title", "length"),
        ("body", "/quantity", "range"),
        ("body", "/ssn", "unknown"),
        ("query", "limit", "range"),
        ("query", "other", "unknown"),
    }
    assert got.document["blame"] == "partner"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"title":"a"} x',
        b'{"title":"a","title":"b"}',
        b'{"title":"a","t\\u0069tle":"b"}',
        b"[" * 100 + b"]" * 100,
        b'{"title":"\xff"}',
    ],
    ids=["empty", "open", "trailing", "twice", "twice in two spellings", "deep", "no UTF-8"],
)
def test_a_body_that_is_no_json_is_refused(desk: Desk, body: bytes) -> None:
    got, seen = post(desk, body)
    assert (got.status, seen) == (400, None)
    assert got.code == ("contract_violation" if not body else "body_invalid")


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Type: text/plain",),
        ("Content-Type: application/json; charset=utf-16",),
        ("X-Nothing: x",),
        (JSON, "Content-Encoding: gzip"),
        ("Content-Type: application/vnd.other+json",),
    ],
    ids=["text", "charset", "none", "coded", "other json"],
)
def test_another_type_or_coding_is_refused_unread(desk: Desk, lines: tuple[str, ...]) -> None:
    body = gzip.compress(b'{"title":"a"}') if "gzip" in lines[-1] else b'{"title":"a"}'
    got, seen = post(desk, body, *lines)
    assert (got.status, got.code, seen) == (415, "body_type_unsupported", None)


def test_a_body_where_the_operation_takes_none_is_refused(desk: Desk) -> None:
    got, seen = desk.ask("/v1/items/7", JSON, method="GET", body=b"{}")
    assert (got.status, got.code, seen) == (400, "contract_violation", None)


def chunked_request(path: str, kind: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {API_KEY}\r\nContent-Type: {kind}\r\nConnection: close\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    ).encode()


def raw(port: int, *pieces: bytes, pause: float = 0.0) -> Got:
    """Send pieces, and read what comes."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        received = b""
        while piece := connection.recv(1 << 16):
            received += piece
    return read(received, "POST")


def test_too_large_a_body_is_refused_by_its_length_or_where_it_becomes_so(desk: Desk) -> None:
    before = len(desk.origin.seen)
    got, _ = post(desk, b'{"title":"' + b"a" * 100_000 + b'"}')
    assert (got.status, got.code) == (413, "body_too_large")
    piece = b"%x\r\n" % 60_000 + b" " * 60_000 + b"\r\n"
    got = raw(desk.node.port, chunked_request("/v1/items", "application/json"), piece, piece)
    assert (got.status, got.code) == (413, "body_too_large")
    assert len(desk.origin.seen) == before


def test_a_body_in_chunks_reaches_the_backend_whole(desk: Desk) -> None:
    pieces = [b"8\r\n" + b'{"title"' + b"\r\n", b"5\r\n" + b':"a"}' + b"\r\n", b"0\r\n\r\n"]
    got = raw(desk.node.port, chunked_request("/v1/items", "application/json"), *pieces, pause=0.05)
    assert got.status == 200
    seen = desk.origin.seen[-1]
    assert (seen.header("content-length"), seen.header("transfer-encoding")) == (str(len(seen.body)), None)


def test_a_body_that_stops_reaches_nobody(desk: Desk) -> None:
    before = len(desk.origin.seen)
    got = raw(desk.node.port, chunked_request("/v1/items", "application/json"), b'8\r\n{"title"\r\n')
    assert (got.status, got.code) == (408, "request_timeout")
    assert len(desk.origin.seen) == before
    record = desk.node.record_of(got.request_id)
    assert (record["bytes_in"] > 0, record["backend_bytes_out"], record["attempts"]) == (True, 0, 0)


def test_a_file_passes_by_type_and_size(desk: Desk) -> None:
    picture = b"\x89PNG" + bytes(range(256)) * 100
    got, seen = desk.ask("/v1/files", "Content-Type: image/png", method="POST", body=picture)
    assert got.status == 200
    assert seen is not None
    assert (seen.body, seen.header("content-type")) == (picture, "image/png")
    got, seen = desk.ask("/v1/files", JSON, method="POST", body=picture)
    assert (got.status, got.code, seen) == (415, "body_type_unsupported", None)
    got, seen = desk.ask("/v1/files", "Content-Type: image/png", method="POST", body=b"x" * 50_001)
    assert (got.status, got.code, seen) == (413, "body_too_large", None)


def test_selected_fields_are_all_that_comes(desk: Desk) -> None:
    got, seen = desk.ask("/v1/items/7?fields=id,items(title)")
    assert seen is not None
    assert (got.document, seen.path) == ({"id": 7, "items": [{"title": "one"}]}, "/api/items/7")
    got, _ = desk.ask("/v1/items/7?fields=title%2Cid")
    assert got.document == {"id": 7, "title": "seven"}
    for _ in range(3):
        assert desk.ask("/v1/items/7?fields=id")[0].document == {"id": 7}


@pytest.mark.parametrize("text", ["ssn", "name", "id,nothing", "items(ssn)", "id,", "items(", "x" * 600, ""])
def test_an_unknown_field_is_named_and_nothing_is_asked(desk: Desk, text: str) -> None:
    got, seen = desk.ask(f"/v1/items/7?fields={text}")
    assert (got.status, got.code, seen) == (400, "fields_invalid", None)
    (error,) = got.document["errors"]
    named = {"id,nothing": "nothing", "items(ssn)": "ssn"}.get(text, text)
    assert named in error["detail"] or text in {"id,", "items(", "", "x" * 600}


def test_fields_are_an_unknown_parameter_where_the_route_has_no_selection(desk: Desk) -> None:
    got, seen = post(desk, {"title": "a"}, target="/v1/items?fields=id")
    assert (got.status, got.code, seen) == (400, "contract_violation", None)


def test_a_link_leads_to_the_partners_route(desk: Desk) -> None:
    got, _ = desk.ask("/v1/items/7")
    assert got.document["next"] == "http://gate.example/v1/items/8?page=2"


def test_what_the_contract_says_of_a_header_is_all_that_the_backend_gets(tmp_path: Path) -> None:
    with Origin(answer=json.dumps(ANSWER).encode()) as origin:
        view = contracts.shown(origin.url)
        language = {"in": "accept-language", "out": "x-language", "required": False, "many": False, "node": 0}
        view["request"] |= {
            "program": {"nodes": [{"string": {"enum": ["es", "en"]}}], "depth": 8},
            "headers": [language],
            "fill": [
                {"at": "header", "out": "user-agent", "value": {"const": "portazgo"}},
                {"at": "header", "out": "idempotency-key", "value": {"generate": "uuid"}},
                {"at": "header", "out": "accept", "value": {"const": "application/json"}},
            ],
        }
        resources = [contracts.version({SHOW: view}), contracts.route(SHOW, "GET", "/v1/items/{id}", "/api/items/{id}")]
        with contracts.node(tmp_path, origin.port, resources) as node:
            lines = ("Accept-Language: es", "User-Agent: partner", "Idempotency-Key: k1", "Accept: text/html")
            assert ask(node.port, "/v1/items/7", *lines).status == 200
            (seen,) = origin.seen
            told = [seen.header(name) for name in ("x-language", "accept-language", "user-agent", "accept")]
            assert told == ["es", None, "portazgo", "application/json"]
            assert seen.header("idempotency-key") not in {None, "k1"}


def test_what_the_backend_says_is_wrong_is_told_in_the_partners_names(tmp_path: Path) -> None:
    errors = b'{"name": ["Already there."], "tenant": ["inside"], "detail": "inside"}'
    refused = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(errors)
    with HostileBackend() as backend:
        backend.scripts["items?page_size=20&tenant=northwind"] = bytes_then(refused + errors)
        view = contracts.created(f"http://127.0.0.1:{backend.port}")
        problem = {"kind": "problem", "detail": "It can't be made.", "errors": "drf"}
        view["answers"].append({"status": "400", "send": 422, "body": problem, "headers": [], "content_types": []})
        resources = [contracts.version({CREATE: view}), contracts.route(CREATE, "POST", "/v1/items", "/api/items")]
        with contracts.node(tmp_path, backend.port, resources) as node:
            got = ask(node.port, "/v1/items", JSON, method="POST", body=b'{"title":"a"}')
            assert (got.status, got.code, got.document["detail"]) == (422, "backend_refused", "It can't be made.")
            assert got.document["errors"] == [{"in": "body", "pointer": "/title", "detail": "Already there."}]
            assert b"inside" not in got.body
            record = node.record_of(got.request_id)
            assert (record["status_sent"], record["backend_status"], record["fault"]) == (422, 400, None)


def test_a_body_that_was_read_whole_is_sent_again_where_that_is_safe(tmp_path: Path) -> None:
    """However large: what passes through is remembered only as far as it is small."""
    good = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"id":1}'
    name = "items?page_size=20&tenant=northwind"
    with HostileBackend() as backend:
        view = contracts.created(f"http://127.0.0.1:{backend.port}")
        resources = [
            contracts.version({REPLACE: view}),
            contracts.route(REPLACE, "PUT", "/v1/items", "/api/items", max_request_bytes=1 << 20),
        ]
        with contracts.node(tmp_path, backend.port, resources) as node:
            body = json.dumps({"title": "a", "note": "n" * 200_000}).encode()

            async def once(writer: Any) -> bool:
                backend.scripts[name] = bytes_then(good)
                writer.transport.abort()
                return False

            backend.scripts[name] = once
            got = ask(node.port, "/v1/items", JSON, method="PUT", body=body)
            assert (got.status, got.document) == (200, {"id": 1})
            assert len(backend.bodies) == 2
            assert backend.bodies[0] == backend.bodies[1]
            assert node.record_of(got.request_id)["attempts"] == 2
