"""Answers under contracts go out compressed where a contract or the node says so and the client accepts it.

curl is the client: it decodes what it gets, and writes what it can read as soon as it can.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import served_contracts as contracts
from support.bare_gateway import API_KEY, BareGateway
from support.hostile_backend import HostileBackend, Script, bytes_then
from support.http2 import Connection
from support.served_contracts import CREATE, HEAD, NEEDLE, OPEN, SHOW, UPLOAD, Got, ask

CODINGS = ["zstd", "br", "gzip"]
TYPE = "Content-Type: application/json"
ITEM = b'{"id":%d,"ssn":"' + NEEDLE.encode() + b'","name":"item %d of many"}'
PARTS = [
    b'{"id":1,"items":[' + b",".join(ITEM % (n, n) for n in range(300)),
    b"," + b",".join(ITEM % (n, n) for n in range(300, 20_000)) + b"]}",
]
SHOWN = [{"id": n, "title": f"item {n} of many"} for n in range(20_000)]
ROWS = b"id;name\n" + b"".join(b"%d;row\n" % n for n in range(500))
MIDDLE = b'{"id":1,"name":"' + b"m" * 3000 + b'"}'
MIDDLE_SHOWN = {"id": 1, "title": "m" * 3000}
BARELY, TOO_SMALL = (b'{"id":1,"name":"' + b"m" * size + b'"}' for size in (1024 - 19, 1023 - 19))
VARY = "authorization, x-api-key, accept-encoding"


def whole(body: bytes, *lines: str, status: str = "200 OK") -> Script:
    """Answer with this at once."""
    lines = lines or (TYPE,)
    head = "\r\n".join([f"HTTP/1.1 {status}", *lines, f"Content-Length: {len(body)}", "", ""])
    return bytes_then(head.encode() + body)


@dataclass
class Scene:
    """A node before a backend whose `parts` wait before the second for the test. `always` compresses all that may be."""

    node: BareGateway
    always: BareGateway
    backend: HostileBackend
    may_go_on: threading.Event


def view(inside: str, **more: Any) -> dict[str, Any]:
    """ROUTE that shows things, and lets texts pass with the status 203."""
    route = contracts.shown(inside, **more)
    passing = next(answer for answer in route["answers"] if answer["status"] == "203")
    passing["body"] = {"kind": "pass", "types": ["text/*", "image/*"], "max_bytes": 100_000}
    return route


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One for all."""
    may_go_on = threading.Event()

    def in_parts(*parts: bytes) -> Script:
        async def script(writer: asyncio.StreamWriter) -> bool:
            length = sum(map(len, parts))
            writer.write(f"HTTP/1.1 200 OK\r\n{TYPE}\r\nContent-Length: {length}\r\n\r\n".encode() + parts[0])
            await writer.drain()
            await asyncio.to_thread(may_go_on.wait, 30)
            for part in parts[1:]:
                writer.write(part)
            await writer.drain()
            return True

        return script

    kinds = {"rows": "text/csv", "events": "text/event-stream", "picture": "image/png"}
    with HostileBackend() as backend:
        backend.scripts |= {
            "parts": in_parts(*PARTS),
            "broken": in_parts(PARTS[0], b',{"id":"' + NEEDLE.encode() + b'"}]}'),
            "middle": whole(MIDDLE),
            "barely": whole(BARELY),
            "too-small": whole(TOO_SMALL),
            "untouched": whole(MIDDLE, TYPE, "Cache-Control: private, No-Transform"),
            "absent": whole(b'{"detail":"' + b"x" * 3000 + b'"}', status="404 Not Found"),
            "nothing": bytes_then(b"HTTP/1.1 204 No Content\r\n\r\n"),
            "same": bytes_then(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
            "head": bytes_then(f"HTTP/1.1 200 OK\r\n{TYPE}\r\nContent-Length: 9000\r\n\r\n".encode()),
            "long": whole(b"1;row\n" * 20_000, "Content-Type: text/csv", status="203 Non-Authoritative Information"),
            **{
                name: whole(ROWS, f"Content-Type: {kind}", status="203 Non-Authoritative Information")
                for name, kind in kinds.items()
            },
        }
        inside = f"http://127.0.0.1:{backend.port}"
        views = {
            SHOW: view(inside, compress=True, hold=4096),
            HEAD: view(inside, compress=True),
            UPLOAD: view(inside),
            CREATE: view(inside, compress=False),
        }
        open_route = {"passthrough": True, "contract": None}
        resources = [
            contracts.version(views),
            contracts.route(SHOW, "GET", "/v1/items/{id}", "/api/items/{id}"),
            contracts.route(HEAD, "HEAD", "/v1/items/{id}", "/api/items/{id}"),
            contracts.route(UPLOAD, "GET", "/v1/untold/{id}", "/api/items/{id}"),
            contracts.route(CREATE, "GET", "/v1/never/{id}", "/api/items/{id}"),
            contracts.route(OPEN, "GET", "/v1/open/{id}", "/api/items/{id}", **open_route),
        ]
        folder = tmp_path_factory.mktemp("compression")
        (folder / "always").mkdir()
        with (
            contracts.node(folder, backend.port, resources) as node,
            contracts.node(folder / "always", backend.port, resources, PORTAZGO_COMPRESSION="on") as always,
        ):
            yield Scene(node, always, backend, may_go_on)


def curl(node: BareGateway, name: str, accepts: str, *more: str) -> subprocess.Popen[bytes]:
    """Start curl, which writes what it has read at once."""
    command = ["curl", "--silent", "--show-error", "--no-buffer", "--compressed", "--max-time", "30", *more]
    command += ["--header", f"X-Api-Key: {API_KEY}", "--header", f"Accept-Encoding: {accepts}"]
    return subprocess.Popen([*command, f"http://127.0.0.1:{node.port}/v1/items/{name}"], stdout=subprocess.PIPE)


def coding(got: Got) -> str | None:
    return got.header("content-encoding")


@pytest.mark.parametrize("accepted", CODINGS)
def test_curl_reads_the_first_bytes_before_the_backend_has_sent_the_last(
    scene: Scene, accepted: str, tmp_path: Path
) -> None:
    scene.may_go_on.clear()
    with curl(scene.node, "parts", accepted, "--dump-header", str(tmp_path / "head")) as client:
        assert client.stdout is not None
        # Whatever the backend has sent whole is there, though the coder has seen no end.
        first = b""
        while b"item 298 of" not in first:
            piece = os.read(client.stdout.fileno(), 1 << 16)
            assert piece, first[-200:]
            first += piece
        assert not scene.may_go_on.is_set()
        scene.may_go_on.set()
        rest = client.stdout.read()
        assert client.wait() == 0
    head = (tmp_path / "head").read_text().lower()
    assert json.loads(first + rest) == {"id": 1, "items": SHOWN}
    assert f"content-encoding: {accepted}\n" in head
    assert "content-length" not in head
    assert f"vary: {VARY}\n" in head


@pytest.mark.parametrize("accepted", CODINGS)
def test_curl_reads_an_answer_that_was_held_and_has_a_length(scene: Scene, accepted: str, tmp_path: Path) -> None:
    with curl(scene.node, "middle", accepted, "--dump-header", str(tmp_path / "head")) as client:
        assert client.stdout is not None
        assert json.loads(client.stdout.read()) == MIDDLE_SHOWN
        assert client.wait() == 0
    assert f"content-encoding: {accepted}\n" in (tmp_path / "head").read_text().lower()
    got = ask(scene.node.port, "/v1/items/middle", f"Accept-Encoding: {accepted}")
    assert (got.status, coding(got), got.whole) == (200, accepted, True)
    assert 0 < int(got.header("content-length") or 0) == len(got.body) < 200
    # What is recorded, and billed, is what was sent: less than the body was.
    assert scene.node.record_of(got.request_id)["bytes_out"] < len(MIDDLE) // 2


@pytest.mark.parametrize("accepted", CODINGS)
def test_an_answer_that_breaks_the_contract_when_its_head_is_out_is_cut_off(scene: Scene, accepted: str) -> None:
    scene.may_go_on.set()
    with curl(scene.node, "broken", accepted) as client:
        assert client.stdout is not None
        read = client.stdout.read()
        assert client.wait() != 0
    shown = json.dumps({"id": 1, "items": SHOWN[:300]}, separators=(",", ":")).encode()[:-2]
    assert shown.startswith(read)
    got = ask(scene.node.port, "/v1/items/broken", f"Accept-Encoding: {accepted}")
    assert (got.status, got.whole) == (200, False)
    told = scene.node.record_of(got.request_id)
    assert (told["fault"], told["delivery"], told["billable"]) == ("contract_violation_response", "aborted", False)


@pytest.mark.parametrize(
    ("accepts", "coded"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "gzip"),
        ("br, gzip;q=0.9", "br"),
        ("gzip;q=0, br;q=0.1, *;q=0.5", "br"),
        ("*", "gzip"),
        ("identity, gzip;q=0.5", None),
        ("deflate", None),
        ("*;q=0", None),
        ("", None),
    ],
)
def test_the_client_says_which_coding_it_gets(scene: Scene, accepts: str, coded: str | None) -> None:
    got = ask(scene.node.port, "/v1/items/middle", f"Accept-Encoding: {accepts}")
    assert (got.status, coding(got), got.header("vary")) == (200, coded, VARY)
    if coded is None:
        assert got.document == MIDDLE_SHOWN


def test_small_answers_go_out_as_they_are_but_for_those_who_refuse_that(scene: Scene) -> None:
    asked = "Accept-Encoding: gzip"
    # As partners see them they have 1,024 bytes and 1,023.
    assert coding(ask(scene.node.port, "/v1/items/barely", asked)) == "gzip"
    assert coding(ask(scene.node.port, "/v1/items/too-small", asked)) is None
    assert coding(ask(scene.node.port, "/v1/items/too-small", f"{asked}, identity;q=0")) == "gzip"


@pytest.mark.parametrize(
    ("name", "method", "status"),
    [("nothing", "GET", 204), ("same", "GET", 304), ("head", "HEAD", 200), ("absent", "GET", 404)],
)
def test_what_has_no_body_and_problems_are_never_coded(scene: Scene, name: str, method: str, status: int) -> None:
    got = ask(scene.node.port, f"/v1/items/{name}", "Accept-Encoding: gzip, identity;q=0", method=method)
    assert (got.status, coding(got), got.header("vary"), got.whole) == (status, None, VARY, True)


def test_neither_http_1_0_nor_what_the_backend_forbids_is_coded(scene: Scene) -> None:
    old = ask(scene.node.port, "/v1/items/middle", "Accept-Encoding: gzip", version="1.0")
    assert (coding(old), old.document) == (None, MIDDLE_SHOWN)
    kept = ask(scene.node.port, "/v1/items/untouched", "Accept-Encoding: gzip")
    assert (coding(kept), kept.document) == (None, MIDDLE_SHOWN)


def test_of_bodies_that_pass_texts_are_coded_and_neither_events_nor_pictures(scene: Scene) -> None:
    with curl(scene.node, "rows", "gzip") as client:
        assert client.stdout is not None
        assert client.stdout.read() == ROWS
    rows = ask(scene.node.port, "/v1/items/rows", "Accept-Encoding: gzip")
    assert (coding(rows), rows.whole) == ("gzip", True)
    assert len(rows.body) < len(ROWS) // 2
    for name in ("events", "picture"):
        got = ask(scene.node.port, f"/v1/items/{name}", "Accept-Encoding: gzip")
        assert (coding(got), got.body, got.header("content-length")) == (None, ROWS, str(len(ROWS)))


@pytest.mark.parametrize("lines", [(), ("Accept-Encoding: gzip",)], ids=["as it is", "coded"])
def test_a_body_that_passes_and_says_that_it_is_too_long_is_a_problem(scene: Scene, lines: tuple[str, ...]) -> None:
    got = ask(scene.node.port, "/v1/items/long", *lines)
    assert (got.status, got.code, got.whole) == (502, "backend_failed", True)


def test_over_http_2_an_answer_is_coded_too(scene: Scene) -> None:
    fields = [(":method", "GET"), (":scheme", "http"), (":authority", "gate.example"), (":path", "/v1/items/middle")]
    with Connection.plain(scene.node.port) as connection:
        got = connection.finish(connection.request([*fields, ("x-api-key", API_KEY), ("accept-encoding", "zstd")]))
    assert (got.status, got.ended, dict(got.fields)["content-encoding"]) == (200, True, "zstd")
    assert got.body.startswith(b"\x28\xb5\x2f\xfd")


@pytest.mark.parametrize(
    ("path", "by_default", "always"), [("items", "gzip", "gzip"), ("untold", None, "gzip"), ("never", None, None)]
)
def test_the_contract_and_the_node_say_which_routes_are_compressed(
    scene: Scene, path: str, by_default: str | None, always: str | None
) -> None:
    for node, coded in ((scene.node, by_default), (scene.always, always)):
        got = ask(node.port, f"/v1/{path}/middle", "Accept-Encoding: gzip")
        assert (got.status, coding(got)) == (200, coded)
        assert ("accept-encoding" in (got.header("vary") or "")) == (coded is not None)


def test_routes_that_pass_all_through_are_left_alone(scene: Scene) -> None:
    for node in (scene.node, scene.always):
        got = ask(node.port, "/v1/open/middle", "Accept-Encoding: gzip")
        assert (coding(got), got.body, got.header("vary")) == (None, MIDDLE, "authorization, x-api-key")
