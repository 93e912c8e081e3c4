"""HTTP/2 to backends: many calls share a line, and each partner gets what it would get over HTTP/1.1."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest
from support.bare_gateway import wait_for
from support.hostile_http2 import MAX_CONCURRENT_STREAMS, Asked, HostileHttp2, Script, good
from support.http2 import RST_STREAM, SETTINGS, Connection, frame
from support.partners import Got, ask, call, calls, until
from support.snapshot_node import TIMEOUTS, SnapshotNode

PRIOR: dict[str, Any] = {"http2": "prior_knowledge", "ejection": None}
REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 7, 8, 11


async def late(asked: Asked) -> None:
    """Answer after a while."""
    await asyncio.sleep(0.3)
    await good(asked)


@dataclass
class Stage:
    """Backends of HTTP/2 by name before one node with one thread, and what its records must say when it has ended."""

    folder: Path
    backends: dict[str, HostileHttp2]
    forwarding: dict[str, dict[str, Any]] = field(default_factory=dict)
    expected: list[tuple[int, str | None, str]] = field(default_factory=list)
    timeouts: dict[str, int] = field(default_factory=lambda: dict(TIMEOUTS))
    most_response_bytes: int | None = None
    whole: list[str] = field(default_factory=list)
    """Requests whose records must say that all went well."""
    broken: list[str] = field(default_factory=list)
    """Requests whose bodies broke under their answers: their records must not blame the backend."""
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        for backend in self.backends.values():
            self._stack.enter_context(backend)
        further = {
            name: {
                "targets": [f"http://127.0.0.1:{backend.port}"],
                "forwarding": {**PRIOR, **self.forwarding.get(name, {})},
                "timeouts": self.timeouts,
            }
            for name, backend in self.backends.items()
        }
        self.node = SnapshotNode(
            self.folder, "127.0.0.1:1", threads=1, further=further, most_response_bytes=self.most_response_bytes
        )
        self._stack.enter_context(self.node)
        return self

    def __exit__(self, *_: object) -> None:
        self.node.stop()
        self._stack.close()
        for backend in self.backends.values():
            assert backend.trouble == []
        records = {record["request_id"]: record for record in self.node.records()}
        found = [(records[one]["fault"], records[one]["delivery"]) for one in self.whole]
        assert found == [(None, "complete")] * len(found)
        found = [(records[one]["fault"], records[one]["delivery"]) for one in self.broken]
        assert found == [("body_framing_invalid", "aborted")] * len(found)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    few = {MAX_CONCURRENT_STREAMS: 5}
    backends = {
        "usual": HostileHttp2(),
        "few": HostileHttp2(settings=few),
        "none": HostileHttp2(settings={MAX_CONCURRENT_STREAMS: 0}),
        "capped": HostileHttp2(),
    }
    forwarding = {"capped": {"pool": {"connections": 3, "waiting": 50, "wait_ms": 20_000}}}
    timeouts = {**TIMEOUTS, "first_byte_ms": 3000}
    with Stage(tmp_path_factory.mktemp("stage"), backends, forwarding, timeouts=timeouts) as running:
        for backend in backends.values():
            backend.scripts["late"] = late
        yield running


def test_a_request_is_what_http_2_wants_and_its_answer_what_the_partner_knows(stage: Stage) -> None:
    backend = stage.backends["usual"]
    got = call(stage.node, "usual/good?a=b", "GET", b"", "TE: trailers", "Keep-Alive: 5", "User-Agent: test")
    assert (got.status, got.body) == (200, b"good")
    assert got.fields["content-length"] == "4"
    assert got.fields["content-type"] == "text/plain"
    asked = backend.asked[-1]
    names = [name for name, _ in asked.fields]
    assert names[:4] == [":method", ":scheme", ":authority", ":path"]
    said = dict(asked.fields)
    assert said[":method"] == "GET"
    assert said[":scheme"] == "http"
    assert said[":authority"] == f"127.0.0.1:{backend.port}"
    assert said[":path"] == "/api/items/good?a=b"
    assert said["x-request-id"] == got.fields["x-request-id"]
    assert said["x-forwarded-host"] == "gate.example"
    forbidden = {
        "host",
        "connection",
        "te",
        "keep-alive",
        "transfer-encoding",
        "content-length",
        "upgrade",
        "x-api-key",
    }
    assert not forbidden & set(names)


def test_bodies_have_their_length_where_it_is_known(stage: Stage) -> None:
    backend = stage.backends["usual"]
    for body in (b"", b"x" * 300_000):
        assert call(stage.node, "usual/good", "POST", body).status == 200
        asked = backend.asked[-1]
        assert (asked.field("content-length"), asked.body) == (str(len(body)), body)
    assert call(stage.node, "usual/good", "PUT", b"5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked").status == 200
    asked = backend.asked[-1]
    assert (asked.field("content-length"), asked.field("transfer-encoding"), asked.body) == (None, None, b"hello")


def test_calls_share_one_line_that_one_dial_made(stage: Stage) -> None:
    backend = stage.backends["usual"]
    wait_for(lambda: stage.node.metric("portazgo_backend_idle") == 0, "the end of lines of the tests before")
    before, connects = len(backend.lines), stage.node.metric("portazgo_backend_connects_total")
    answers = calls(stage.node, ["usual/late"] * 80)
    assert Counter((got.status, got.body) for got in answers) == {(200, b"good"): 80}
    assert len(backend.lines) == before + 1
    assert backend.lines[-1].most_streams > 40
    assert stage.node.metric("portazgo_backend_connects_total") == connects + 1
    assert stage.node.metric("portazgo_backend_idle") == 1
    reuses = stage.node.metric("portazgo_backend_reuses_total")
    assert call(stage.node, "usual/good").status == 200
    assert len(backend.lines) == before + 1
    assert stage.node.metric("portazgo_backend_reuses_total") == reuses + 1


def test_an_idle_line_is_closed_politely(stage: Stage) -> None:
    backend = stage.backends["usual"]
    assert call(stage.node, "usual/good").status == 200
    line = backend.lines[-1]
    wait_for(lambda: line.goaway is not None, "the end of an idle line")
    assert line.goaway == 0
    wait_for(lambda: stage.node.metric("portazgo_backend_idle") == 0, "no idle line")


def test_a_backend_gets_no_more_streams_than_it_allows(stage: Stage) -> None:
    backend = stage.backends["few"]
    answers = calls(stage.node, ["few/late"] * 23)
    assert Counter((got.status, got.body) for got in answers) == {(200, b"good"): 23}
    assert max(line.most_streams for line in backend.lines) <= 5
    assert 5 <= len(backend.lines) <= 23


def test_a_backend_that_allows_none_for_now_is_waited_for_and_told_apart(stage: Stage) -> None:
    backend = stage.backends["none"]
    got = call(stage.node, "none/good")
    assert got.status == 504
    assert (len(backend.asked), len(backend.lines)) == (0, 1)
    allowed = struct.pack(">HI", MAX_CONCURRENT_STREAMS, 10)

    def allow() -> None:
        for line in backend.lines:
            line.send(frame(SETTINGS, 0, 0, allowed))

    async def wait_for_leave() -> Got:
        asking = asyncio.create_task(ask(stage.node, "none/good"))
        await asyncio.sleep(0.5)
        assert backend.asked == []
        backend.call_soon(allow)
        return await asking

    assert asyncio.run(wait_for_leave()).status == 200


def test_a_cap_holds_for_calls_that_share_a_line(stage: Stage) -> None:
    backend = stage.backends["capped"]
    answers = calls(stage.node, ["capped/late"] * 9)
    assert Counter((got.status, got.body) for got in answers) == {(200, b"good"): 9}
    assert max(line.most_streams for line in backend.lines) <= 3
    wait_for(lambda: all(line.goaway is not None for line in backend.lines), "the end of an idle line")


async def _bodiless(asked: Asked) -> None:
    asked.head(int(asked.name), *([("content-length", "4")] if asked.name == "304" else []), end=True)


async def _trailers(asked: Asked) -> None:
    asked.head(200)
    asked.data(b"good")
    block = asked.line.block([("x-sum", "1")])
    asked.line.send(frame(1, 5, asked.stream, block))


async def _interim(asked: Asked) -> None:
    asked.head(100)
    asked.head(103, ("link", "</a.css>"))
    await good(asked)


async def _in_pieces(asked: Asked) -> None:
    asked.head(200)
    for piece in (b"go", b"", b"od"):
        asked.data(piece)
        await asyncio.sleep(0.05)
    asked.data(b"", end=True)


def _ends_later(length: int) -> Script:
    """As many servers do: the end of the stream is a frame of its own."""

    async def script(asked: Asked) -> None:
        asked.head(200, ("content-length", str(length)))
        if length:
            asked.data(b"good")
        await asyncio.sleep(0.1)
        asked.data(b"", end=True)

    return script


async def _204_ends_later(asked: Asked) -> None:
    asked.head(204)
    await asyncio.sleep(0.1)
    asked.data(b"", end=True)


async def _refuses_the_rest(asked: Asked) -> None:
    """RFC 9113, section 8.1: an answer before the request is whole, and no wish for its rest."""
    await good(asked)
    asked.reset(0)


def test_answers_of_every_form_are_whole(stage: Stage) -> None:
    backend = stage.backends["usual"]
    backend.scripts |= {"204": _bodiless, "304": _bodiless, "trailers": _trailers, "interim": _interim}
    backend.scripts |= {"in-pieces": _in_pieces, "early": _refuses_the_rest, "204-later": _204_ends_later}
    backend.scripts |= {"empty-later": _ends_later(0), "later": _ends_later(4)}
    backend.early.add("early")
    before = len(backend.lines)
    for name, status, body in [
        ("204", 204, b""), ("304", 304, b""), ("trailers", 200, b"good"), ("interim", 200, b"good"),
        ("in-pieces", 200, b"good"), ("later", 200, b"good"), ("empty-later", 200, b""), ("204-later", 204, b""),
    ]:  # fmt: skip
        got = call(stage.node, f"usual/{name}")
        assert (got.status, got.body, got.whole) == (status, body, True), name
        stage.whole.append(got.fields["x-request-id"])
        assert not {"x-sum", "link", "trailer"} & got.fields.keys()
    for _ in range(3):
        got = call(stage.node, "usual/early", "POST", b"y" * 500_000)
        assert (got.status, got.body, got.whole) == (200, b"good", True)
    assert len(backend.lines) <= before + 1
    time.sleep(0.3)
    # Nobody resets a stream that ends by itself.
    reset = {asked.name for asked in backend.asked if asked.stream in asked.line.resets}
    assert reset <= {"early"}


def test_a_partner_of_http_2_gets_the_same(stage: Stage) -> None:
    fields = [
        (":method", "GET"), (":scheme", "http"), (":authority", "gate.example"), (":path", "/v1/usual/trailers"),
        ("x-api-key", stage.node.key),
    ]  # fmt: skip
    with Connection.plain(stage.node.port) as connection:
        answer = connection.finish(connection.request(fields))
        assert (answer.status, answer.body, answer.ended) == (200, b"good", True)


def test_a_partner_that_takes_nothing_holds_up_nobody_else(stage: Stage) -> None:
    backend = stage.backends["usual"]

    async def large(asked: Asked) -> None:
        asked.head(200)
        await asked.pour(b"z" * (8 << 20))
        asked.data(b"", end=True)

    backend.scripts["large"] = large

    async def together() -> tuple[Got, float, int]:
        stalled = []
        for _ in range(6):
            reader, writer = await asyncio.open_connection("127.0.0.1", stage.node.port, limit=1 << 14)
            writer.write(
                f"GET /v1/usual/large HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {stage.node.key}\r\n\r\n".encode()
            )
            stalled.append((reader, writer))
        await asyncio.sleep(1)
        began = time.monotonic()
        got = await ask(stage.node, "usual/good")
        took = time.monotonic() - began
        # Whoever begins to take gets all of it.
        reader = stalled[0][0]
        taken = 0
        while taken < 8 << 20:
            piece = await asyncio.wait_for(reader.read(1 << 16), 20)
            assert piece
            taken += len(piece)
        for _, writer in stalled:
            writer.transport.abort()
        return got, took, taken

    got, took, _ = asyncio.run(together())
    assert (got.status, got.body) == (200, b"good")
    assert took < 1.0
    assert len(backend.lines_of("large")) == 1
    assert backend.lines_of("large") == {backend.asked[-1].line.number}


def test_a_partner_that_leaves_cancels_its_stream_and_no_other(stage: Stage) -> None:
    backend = stage.backends["usual"]
    backend.scripts["never"] = lambda _: asyncio.sleep(20)

    async def leave() -> None:
        waiting = asyncio.create_task(ask(stage.node, "usual/late"))
        _, writer = await asyncio.open_connection("127.0.0.1", stage.node.port)
        writer.write(
            f"GET /v1/usual/never HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {stage.node.key}\r\n\r\n".encode()
        )
        await until(lambda: any(asked.name == "never" for asked in backend.asked))
        writer.transport.abort()
        assert (await waiting).body == b"good"

    asyncio.run(leave())
    never = next(asked for asked in backend.asked if asked.name == "never")
    wait_for(lambda: never.line.resets.get(never.stream) == CANCEL, "the reset of a stream that nobody wants")


def _has_come_to(count: Callable[[], int], wanted: int) -> bool:
    return count() == wanted


def test_who_cancels_much_costs_a_line_and_nobody_elses_call(stage: Stage) -> None:
    """Backends end a line over many resets, with everybody's calls: it is left before that."""
    backend = stage.backends["usual"]
    fields = [
        (":method", "GET"), (":scheme", "http"), (":authority", "gate.example"), (":path", "/v1/usual/never"),
        ("x-api-key", stage.node.key),
    ]  # fmt: skip

    def asked() -> int:
        return sum(one.name == "never" for one in backend.asked)

    before = len(backend.lines)
    for _ in range(8):
        seen = asked()
        with Connection.plain(stage.node.port) as connection:
            streams = [connection.request(fields) for _ in range(30)]
            wait_for(partial(_has_come_to, asked, seen + 30), "the requests at the backend")
            for stream in streams:
                connection.send(frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))
            connection.read()
        assert call(stage.node, "usual/good").status == 200
    assert len(backend.lines) > before
    assert max(len(line.resets) for line in backend.lines) <= 130


async def _answers_at_once(asked: Asked) -> None:
    asked.head(200, ("content-type", "text/plain"))
    asked.data(b"part")
    await asyncio.sleep(20)


def test_bodies_that_break_under_an_answer_count_as_cancelled(stage: Stage) -> None:
    backend = stage.backends["usual"]
    backend.scripts["at-once"] = _answers_at_once
    backend.early.add("at-once")
    head = f"POST /v1/usual/at-once HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {stage.node.key}\r\n"

    async def break_off() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.node.port)
        writer.write(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        begun = await asyncio.wait_for(reader.readuntil(b"part"), 20)
        _, _, rest = begun.lower().partition(b"x-request-id: ")
        stage.broken.append(rest.split(b"\r\n")[0].decode())
        writer.write(b"no length\r\n")
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(-1), 20)
        writer.transport.abort()

    async def again_and_again() -> None:
        for _ in range(140):
            await break_off()

    asyncio.run(again_and_again())
    assert call(stage.node, "usual/good").status == 200
    wait_for(lambda: sum(len(line.resets) for line in backend.lines) >= 140, "the resets at the backend")
    assert max(len(line.resets) for line in backend.lines) <= 130
