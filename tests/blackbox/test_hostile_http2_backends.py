"""Whatever a backend of HTTP/2 sends, the partner gets a clean answer, a clean problem or a clean abort.

The line is given no more requests after a broken rule, those of others on it end cleanly, and the record has the right fault.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest
from support.certificates import Identity, trusting
from support.hostile_http2 import ENABLE_PUSH, FRAME_BYTES, Asked, HostileHttp2, Script, good
from support.http2 import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
)
from support.partners import Got, call
from support.snapshot_node import SnapshotNode

# A flood keeps the thread of the hostile server busy, and the next handshake waits for it.
TIMEOUTS = {"connect_ms": 5000, "first_byte_ms": 700, "idle_ms": 700, "total_ms": 5000}
MOST_RESPONSE_BYTES = 1 << 20
MOST_GROWN_BYTES = 64 << 20
ABORTED = "aborted"
# A problem where the break is seen before the head was sent on, an abort where it is seen later: chance decides.
REFUSED = "a problem or an abort"
BAD, LARGE, RESET, CUT = (
    "backend_bad_response",
    "backend_head_too_large",
    "backend_reset_before_headers",
    "backend_truncated",
)
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, CANCEL = 0, 1, 2, 8
ENDLESS = 20_000
"""Frames of a flood, at most: a test must end."""


def head(*fields: tuple[str, str], status: int | str = 200, end: bool = False) -> Script:
    """Send a head, and nothing after it."""

    async def script(asked: Asked) -> None:
        asked.head(status, *fields, end=end)

    return script


def block(*fields: tuple[str, str]) -> Script:
    """Send a head of exactly these fields, and a body."""

    async def script(asked: Asked) -> None:
        asked.line.send(frame(HEADERS, END_HEADERS, asked.stream, asked.line.block(fields)))
        asked.data(b"good", end=True)

    return script


def answer(*fields: tuple[str, str], status: int = 200, data: bytes = b"good", pause: float = 0) -> Script:
    """Send a head, and after a pause a body."""

    async def script(asked: Asked) -> None:
        asked.head(status, *fields)
        await asyncio.sleep(pause)
        asked.data(data, end=True)

    return script


def at_once(status: int) -> Script:
    """Send head and body in one piece."""

    async def script(asked: Asked) -> None:
        written = frame(HEADERS, END_HEADERS, asked.stream, asked.line.block([(":status", str(status))]))
        asked.line.send(written + frame(DATA, END_STREAM, asked.stream, b"good"))

    return script


def then(first: Script, *what: Callable[[Asked], None], pause: float = 0.1) -> Script:
    """Begin, then do something to the stream or the line."""

    async def script(asked: Asked) -> None:
        await first(asked)
        for one in what:
            await asyncio.sleep(pause)
            one(asked)

    return script


def flood(make: Callable[[Asked, int], bytes], *, after: Script | None = None) -> Script:
    """Send frames until the gateway has had enough."""

    async def script(asked: Asked) -> None:
        if after is not None:
            await after(asked)
        for number in range(ENDLESS):
            asked.line.send(make(asked, number))
            if number % 50 == 0:
                await asked.line.writer.drain()
                # The loop learns of the end of a line only in its turn, and other lines wait for theirs.
                await asyncio.sleep(0)
                if asked.line.writer.is_closing():
                    return

    return script


def reset(reason: int) -> Callable[[Asked], None]:
    return lambda asked: asked.reset(reason)


def leave(reason: int, *, last: int | None = None) -> Callable[[Asked], None]:
    return lambda asked: asked.line.leave(asked.stream if last is None else last, reason)


def close(asked: Asked) -> None:
    asked.line.writer.close()


def raw(data: bytes) -> Callable[[Asked], None]:
    return lambda asked: asked.line.send(data)


async def nothing(_: Asked) -> None:
    """Keep silent."""


async def push(asked: Asked) -> None:
    """Push an answer that nobody asked for, by all the rules of a server that may, and then the one that was."""
    asked.push("good", b"evil")
    await good(asked)


async def drip(asked: Asked) -> None:
    asked.head(200)
    for _ in range(100):
        asked.data(b"x")
        await asyncio.sleep(0.1)


async def endless(asked: Asked) -> None:
    asked.head(200)
    await asked.pour(b"x" * (64 << 20))


async def beyond_the_windows(asked: Asked) -> None:
    asked.head(200)
    for _ in range(4000):
        asked.data(b"x" * FRAME_BYTES)
        await asked.line.writer.drain()
        if asked.is_over:
            return


async def large_head(asked: Asked) -> None:
    fields = [(f"x-note-{number}", "v" * 4000) for number in range(25)]
    await in_continuations(asked, asked.line.block([(":status", "200"), *fields]))


async def endless_head(asked: Asked) -> None:
    """One head that never ends: CONTINUATION after CONTINUATION."""
    asked.line.send(frame(HEADERS, 0, asked.stream, asked.line.block([(":status", "200")])))
    piece = b"\x00\x06x-note\x40" + b"v" * 64
    for _ in range(ENDLESS):
        asked.line.send(frame(CONTINUATION, 0, asked.stream, piece))
        await asked.line.writer.drain()
        if asked.line.writer.is_closing():
            return


async def in_continuations(asked: Asked, written: bytes) -> None:
    pieces = [written[at : at + FRAME_BYTES] for at in range(0, len(written), FRAME_BYTES)]
    for number, piece in enumerate(pieces):
        flags = END_HEADERS if number == len(pieces) - 1 else 0
        asked.line.send(frame(CONTINUATION if number else HEADERS, flags, asked.stream, piece))
    asked.data(b"good", end=True)


async def bomb(asked: Asked) -> None:
    """A field of 4,000 bytes in the table, and a byte for each time that it is meant: 64 MB out of 20 KB."""
    asked.line.send(frame(HEADERS, 0, asked.stream, asked.line.block([(":status", "200"), ("x-note", "v" * 3900)])))
    asked.line.send(frame(CONTINUATION, END_HEADERS, asked.stream, b"\xbe" * FRAME_BYTES))
    asked.data(b"good", end=True)


async def split_value(asked: Asked) -> None:
    await block((":status", "200"), ("x-note", "a\r\nset-cookie: b=c"))(asked)


def interim(number: int) -> Script:
    async def script(asked: Asked) -> None:
        for _ in range(number):
            asked.head(103, ("x-note", "y"))
        await good(asked)

    return script


LENGTH = ("content-length", "10")
# Script, what the partner sees (a status, or an abort), the record's fault.
SCRIPTS: dict[str, tuple[Script, int | str, str | None]] = {
    "closes": (then(nothing, close), 502, RESET),
    "closes-in-body": (then(head(), raw(b""), close), ABORTED, CUT),
    "resets": (then(nothing, reset(INTERNAL_ERROR)), 502, RESET),
    "resets-without-error": (then(nothing, reset(NO_ERROR)), 502, RESET),
    "resets-in-body": (then(head(), reset(INTERNAL_ERROR)), ABORTED, CUT),
    "cancels-in-body": (then(head(), reset(CANCEL)), ABORTED, CUT),
    "cancels-without-error-in-body": (then(head(), lambda asked: asked.data(b"go"), reset(NO_ERROR)), ABORTED, CUT),
    "cancels-short-of-its-length": (then(head(LENGTH), lambda asked: asked.data(b"go"), reset(NO_ERROR)), ABORTED, CUT),
    "whole-and-then-reset": (then(good, reset(NO_ERROR), pause=0), 200, None),
    "whole-and-then-reset-for-an-error": (then(good, reset(INTERNAL_ERROR), pause=0), 200, None),
    "leaves-and-closes": (then(nothing, leave(NO_ERROR), close), 502, RESET),
    "leaves-before-an-error": (then(nothing, leave(INTERNAL_ERROR, last=0)), 502, RESET),
    "leaves-and-answers": (then(nothing, leave(NO_ERROR), lambda asked: asked.head(200, end=True)), 200, None),
    "leaves-in-body-and-goes-on": (then(head(), leave(NO_ERROR), lambda asked: asked.data(b"x", end=True)), 200, None),
    "leaves-in-body-and-closes": (then(head(), leave(NO_ERROR), close), ABORTED, CUT),
    "silent": (nothing, 504, "backend_first_byte_timeout"),
    "interim-for-ever": (then(nothing, *[lambda asked: asked.head(103)] * 8), 504, "backend_first_byte_timeout"),
    "stops-in-body": (then(head(), lambda asked: asked.data(b"x")), ABORTED, "backend_idle_timeout"),
    "body-drip": (drip, ABORTED, "backend_total_timeout"),
    "endless": (endless, REFUSED, "backend_response_too_large"),
    "endless-by-length": (answer(("content-length", "999999999999")), 502, "backend_response_too_large"),
    "beyond-the-windows": (beyond_the_windows, REFUSED, None),
    "no-status": (block(("x-note", "y")), 502, BAD),
    "two-statuses": (block((":status", "200"), (":status", "404")), 502, BAD),
    "status-after-fields": (block(("x-note", "y"), (":status", "200")), 502, BAD),
    "status-of-letters": (head(status="abc", end=True), 502, BAD),
    "status-of-two-digits": (head(status="20", end=True), 502, BAD),
    "status-600": (head(status=600, end=True), 502, BAD),
    "status-099": (head(status="099", end=True), 502, BAD),
    # The library drops it, and so nobody gets it.
    "pseudo-header-of-a-request": (block((":status", "200"), (":path", "/")), 200, None),
    "unknown-pseudo-header": (block((":status", "200"), (":note", "y")), 502, BAD),
    "connection": (block((":status", "200"), ("connection", "close")), 502, BAD),
    "transfer-encoding": (block((":status", "200"), ("transfer-encoding", "chunked")), 502, BAD),
    "upgrade": (block((":status", "200"), ("upgrade", "h2c")), 502, BAD),
    "upper-case": (block((":status", "200"), ("X-Note", "y")), 502, BAD),
    "name-with-space": (block((":status", "200"), ("x note", "y")), 502, BAD),
    "empty-name": (block((":status", "200"), ("", "y")), 502, BAD),
    "split-value": (split_value, 502, BAD),
    "nul-in-value": (block((":status", "200"), ("x-note", "a\0b")), 502, BAD),
    "space-around-value": (block((":status", "200"), ("x-note", " y")), 502, BAD),
    "two-lengths": (block((":status", "200"), ("content-length", "4"), ("content-length", "5")), 502, BAD),
    "the-same-length-twice": (block((":status", "200"), ("content-length", "4"), ("content-length", "4")), 502, BAD),
    "length-of-letters": (answer(("content-length", "abc")), 502, BAD),
    "negative-length": (answer(("content-length", "-4")), 502, BAD),
    "more-than-length": (answer(LENGTH, data=b"hello world", pause=0.1), ABORTED, BAD),
    "less-than-length": (answer(LENGTH, pause=0.1), ABORTED, BAD),
    "length-and-no-body": (head(LENGTH, end=True), 502, BAD),
    "204-with-length": (head(LENGTH, status=204), 502, BAD),
    "204-with-body": (at_once(204), 502, BAD),
    "304-with-body": (at_once(304), 502, BAD),
    "204-with-body-later": (answer(status=204, pause=0.2), 204, None),
    "101": (head(status=101), 502, BAD),
    "101-and-an-answer": (then(head(status=101), lambda asked: asked.head(200, end=True), pause=0), 502, BAD),
    "interim-that-ends": (head(status=103, end=True), 502, BAD),
    "eight-interim": (interim(8), 200, None),
    "many-interim": (interim(30), 502, BAD),
    "large-head": (large_head, 502, LARGE),
    "many-fields": (block((":status", "200"), *[("x-note", "y")] * 101), 502, LARGE),
    "header-bomb": (bomb, 502, BAD),
    "endless-head": (endless_head, 502, LARGE),
    "data-before-head": (then(nothing, lambda asked: asked.data(b"x", end=True), pause=0), 502, BAD),
    "trailers-that-go-on": (
        then(head(), lambda asked: asked.head(200), pause=0.1),
        ABORTED,
        BAD,
    ),
    "push": (push, 502, BAD),
    "push-in-body": (then(head(), lambda asked: asked.push("good", b"evil")), ABORTED, BAD),
    "push-of-nothing": (then(nothing, raw(frame(5, END_HEADERS, 1, struct.pack(">I", 2))), pause=0), 502, BAD),
    "no-frames": (then(nothing, raw(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), pause=0), 502, BAD),
    "too-large-a-frame": (then(nothing, raw(frame(DATA, 0, 1, b"x" * 20_000)), pause=0), 502, BAD),
    "settings-of-nonsense": (then(nothing, raw(frame(SETTINGS, 0, 0, b"abc")), pause=0), 502, BAD),
    "window-beyond-bounds": (
        then(nothing, raw(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7FFFFFFF))), pause=0),
        502,
        BAD,
    ),
    "window-of-nothing": (then(nothing, raw(frame(WINDOW_UPDATE, 0, 0, bytes(4))), pause=0), 502, BAD),
    "ping-flood": (flood(lambda *_: frame(PING, 0, 0, b"12345678")), 502, BAD),
    "settings-flood": (flood(lambda *_: frame(SETTINGS, 0, 0)), 502, BAD),
    "leave-flood": (flood(lambda asked, _: frame(GOAWAY, 0, 0, struct.pack(">II", asked.stream, 0))), 502, BAD),
    "priority-flood": (flood(lambda asked, _: frame(2, 0, asked.stream, bytes(5))), 502, BAD),
    "unknown-flood": (flood(lambda *_: frame(200, 0, 0, b"x")), 502, BAD),
    "window-flood": (flood(lambda *_: frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1))), 502, BAD),
    "reset-flood": (flood(lambda *_: frame(3, 0, 1, struct.pack(">I", 8)), after=head()), REFUSED, None),
    "empty-data-flood": (flood(lambda asked, _: frame(DATA, 0, asked.stream), after=head()), REFUSED, BAD),
    "head-flood-for-nobody": (
        flood(lambda asked, _: frame(HEADERS, END_HEADERS | END_STREAM, 1, asked.line.block([("x-note", "y")]))),
        502,
        BAD,
    ),
    "ping-flood-in-body": (flood(lambda *_: frame(PING, 0, 0, b"12345678"), after=head()), REFUSED, BAD),
}
# Nothing is wrong with the line after these.
SOUND = {
    "resets", "resets-without-error", "resets-in-body", "cancels-in-body", "cancels-without-error-in-body",
    "cancels-short-of-its-length", "whole-and-then-reset", "whole-and-then-reset-for-an-error", "interim-for-ever",
    "stops-in-body", "body-drip", "endless", "endless-by-length", "eight-interim",
    "pseudo-header-of-a-request", "204-with-body-later",
}  # fmt: skip


# Two rules are broken at once, and which is seen first is chance.
EITHER = {"beyond-the-windows", "reset-flood"}

# What the frames say is judged alike under TLS. These are about the line itself: how it ends, fills, floods.
UNDER_TLS = [
    "closes", "closes-in-body", "resets", "resets-in-body", "leaves-and-closes", "leaves-in-body-and-goes-on", "silent",
    "stops-in-body", "endless", "beyond-the-windows", "less-than-length", "large-head", "header-bomb", "endless-head",
    "no-frames", "too-large-a-frame", "ping-flood", "empty-data-flood", "ping-flood-in-body",
]  # fmt: skip


class Stage:
    """A node of one thread before hostile backends; records are compared at the end, since a running node keeps them."""

    def __init__(self, folder: Path, *, tls: bool = False) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._authority = Identity.authority() if tls else None
        self.backend = HostileHttp2(tls=None if self._authority is None else _speaking_http2(self._authority, folder))
        self.expected: list[tuple[str, int, str | None, str]] = []

    def __enter__(self) -> Self:
        self._stack.enter_context(self.backend)
        scheme, http2 = ("http", "prior_knowledge") if self._authority is None else ("https", "alpn")
        live = {
            "targets": [f"{scheme}://127.0.0.1:{self.backend.port}"],
            "timeouts": TIMEOUTS,
            "forwarding": {"http2": http2, "retry": {"attempts": 1}, "pool": {"idle_ms": 20_000}},
            **({} if self._authority is None else {"tls": trusting(self._authority)}),
        }
        self.node = SnapshotNode(
            self._folder,
            "127.0.0.1:1",
            threads=1,
            further={"many": live},
            most_response_bytes=MOST_RESPONSE_BYTES,
        )
        self._stack.enter_context(self.node)
        return self

    def __exit__(self, *_: object) -> None:
        self.node.stop()
        self._stack.close()
        assert self.backend.trouble == []

    def good(self) -> None:
        """Ask for something good."""
        got = call(self.node, "many/good")
        assert (got.status, got.body) == (200, b"good"), got
        self.expected.append(("good", 200, None, "complete"))

    def play(self, name: str, script: Script, sees: int | str, fault: str | None, method: str = "GET") -> Got:
        """Ask once."""
        self.backend.scripts[name] = script
        got = call(self.node, f"many/{name}", method)
        if sees == REFUSED:
            sees = 502 if got.status == 502 else ABORTED
        if sees == ABORTED:
            # What was not sent yet when the answer broke off is not sent at all.
            assert (got.status in (0, 200), got.whole) == (True, False), (name, got)
        else:
            assert (got.status, got.whole) == (sees, True), (name, got)
        if sees not in (ABORTED, 200, 204):
            assert json.loads(got.body)["code"] == "backend_failed" or sees == 504, got
        self.expected.append((name, got.status or 200, fault, "aborted" if sees == ABORTED else "complete"))
        return got


def _speaking_http2(authority: Identity, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.server("127.0.0.1").write(folder, "backend"))
    context.set_alpn_protocols(["h2"])
    return context


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("hostile")) as running:
        yield running
    _compare_records(running)


@pytest.fixture(scope="module")
def secure_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("hostile-tls"), tls=True) as running:
        yield running
    _compare_records(running)


def _compare_records(running: Stage) -> None:
    found = [(record["status_sent"], record["fault"], record["delivery"]) for record in running.node.records()]
    wrong = [
        (expected, got)
        for expected, got in zip(running.expected, found, strict=False)
        if (expected[1], expected[3]) != (got[0], got[2]) or (expected[2] != got[1] and expected[0] not in EITHER)
    ]
    assert wrong == [], [(expected, got) for expected, got in zip(running.expected, found, strict=False)][:60]
    assert len(found) == len(running.expected)


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_answer_is_passed_on_whole_or_not_at_all(stage: Stage, name: str) -> None:
    _is_passed_on_whole_or_not_at_all(stage, name)


@pytest.mark.parametrize("name", UNDER_TLS)
def test_tls_changes_nothing_of_it(secure_stage: Stage, name: str) -> None:
    _is_passed_on_whole_or_not_at_all(secure_stage, name)


def test_backends_are_told_that_no_pushes_are_taken(stage: Stage) -> None:
    stage.good()
    assert {line.settings.get(ENABLE_PUSH) for line in stage.backend.lines} == {0}


def _is_passed_on_whole_or_not_at_all(stage: Stage, name: str) -> None:
    script, sees, fault = SCRIPTS[name]
    before = _resident(stage)
    stage.play(name, script, sees, fault)
    assert _resident(stage) - before < MOST_GROWN_BYTES
    if name in EITHER:
        # What is still on its way may end the line, and may not.
        time.sleep(0.3)
    stage.good()
    again = stage.backend.asked[-1].line.number in stage.backend.lines_of(name)
    assert again == (name in SOUND) or name in EITHER, name


def _resident(stage: Stage) -> int:
    for line in Path(f"/proc/{stage.node.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmRSS")
