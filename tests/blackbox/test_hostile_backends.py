"""Whatever a backend answers, the partner gets a clean answer, a clean problem or a clean abort.

The connection is never used again, and the record has the right fault. The answers are data (tests/cases/answers.json,
which cargo test reads too); what needs time or a close is a script here.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest
from support.hostile_backend import HostileBackend, Script, bytes_then, for_ever, reset_after, slowly
from support.raw_client import dechunked
from support.snapshot_node import SnapshotNode

CASES = json.loads((Path(__file__).resolve().parents[1] / "cases" / "answers.json").read_text("utf-8"))["cases"]
TIMEOUTS = {"connect_ms": 2000, "first_byte_ms": 700, "idle_ms": 700, "total_ms": 2500}
MOST_RESPONSE_BYTES = 1 << 20
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"
ABORTED = "aborted"
# A problem where the break is seen before the head was sent on, an abort where it is seen later: chance decides.
REFUSED = "a problem or an abort"

# Script, what the partner sees (a status, or an abort), the record's fault.
SCRIPTS: dict[str, tuple[Script, int | str, str | None]] = {
    "closes-at-once": (bytes_then(b"", stays=False), 502, "backend_reset_before_headers"),
    "closes-until-close": (bytes_then(UNTIL_CLOSE + b"hello", stays=False), 200, None),
    "resets-at-once": (reset_after(b""), 502, "backend_reset_before_headers"),
    "resets-in-head": (reset_after(HEAD[:20]), 502, "backend_reset_before_headers"),
    "resets-in-body": (reset_after(HEAD + b"he"), ABORTED, "backend_truncated"),
    "resets-in-chunks": (reset_after(CHUNKED + b"5\r\nhello\r\n"), ABORTED, "backend_truncated"),
    "resets-until-close": (reset_after(UNTIL_CLOSE + b"hello"), ABORTED, "backend_truncated"),
    "bad-chunk-later": (slowly(CHUNKED + b"5\r\nhello\r\n", b"zz\r\n", pause=0.1), ABORTED, "backend_bad_response"),
    "too-long-chunk-later": (
        slowly(CHUNKED + b"5\r\nhello\r\n", b"3\r\nhello\r\n", pause=0.1),
        ABORTED,
        "backend_bad_response",
    ),
    "more-than-length-in-one-piece-later": (
        slowly(HEAD + b"hello", b"world!", pause=0.1),
        ABORTED,
        "backend_bad_response",
    ),
    "bytes-long-after-the-end": (slowly(HEAD + b"helloworld", b"HTTP/1.1 200 OK\r\n", pause=0.1), 200, None),
    "an-answer-after-204": (
        slowly(b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad", pause=0.05),
        204,
        None,
    ),
    "silent": (slowly(b"", pause=3.0), 504, "backend_first_byte_timeout"),
    "head-drip": (slowly(*(bytes([byte]) for byte in HEAD), pause=0.1), 504, "backend_first_byte_timeout"),
    "interim-drip": (slowly(*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 20, pause=0.15), 504, "backend_first_byte_timeout"),
    "stops-in-body": (slowly(HEAD + b"he", pause=3.0), ABORTED, "backend_idle_timeout"),
    "body-drip": (
        slowly(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", *[b"x"] * 100, pause=0.1),
        ABORTED,
        "backend_total_timeout",
    ),
    "chunk-drip": (slowly(CHUNKED, *[b"1\r\nx\r\n"] * 100, pause=0.1), ABORTED, "backend_total_timeout"),
    "endless-chunks": (for_ever(CHUNKED, b"10000\r\n" + b"x" * 65536 + b"\r\n"), REFUSED, "backend_response_too_large"),
    "endless-until-close": (for_ever(UNTIL_CLOSE, b"x" * 65536), REFUSED, "backend_response_too_large"),
    "endless-by-length": (
        for_ever(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", b"x" * 65536),
        502,
        "backend_response_too_large",
    ),
    "endless-head": (for_ever(b"HTTP/1.1 200 OK\r\n", b"X-Note: y\r\n" * 100), 502, "backend_head_too_large"),
    "endless-interim": (for_ever(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100), 502, "backend_bad_response"),
    "endless-size-line": (for_ever(CHUNKED, b"0" * 1000), REFUSED, "backend_bad_response"),
    "endless-trailers": (for_ever(CHUNKED + b"0\r\n", b"X-Note: y\r\n" * 100), REFUSED, "backend_bad_response"),
}

# What comes between two requests can be told from an answer only when it is there before the next request.
LATER = {"bytes-long-after-the-end", "an-answer-after-204"}


@dataclass(frozen=True, slots=True)
class Got:
    """What the partner got, read to the end of the connection."""

    status: int
    code: str | None
    body: bytes
    whole: bool


def call(node: SnapshotNode, name: str, method: str = "GET") -> Got:
    """Ask for `/v1/items/NAME` over a connection of its own."""
    with socket.create_connection(("127.0.0.1", node.port), 15) as connection:
        connection.sendall(
            f"{method} /v1/items/{name} HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {node.key}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        received = b""
        while piece := connection.recv(1 << 16):
            received += piece
    return read(received, method)


def read(received: bytes, method: str) -> Got:
    """Read one answer; `whole` tells whether it ended as it said."""
    head, separator, body = received.partition(b"\r\n\r\n")
    assert separator, received[:200]
    status = int(head[9:12])
    fields = dict(line.lower().split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])
    assert "x-note" not in fields
    assert "set-cookie" not in fields
    if method == "HEAD" or status in {204, 304}:
        return Got(status, None, body, whole=not body)
    if "transfer-encoding" in fields:
        body, whole = dechunked(body)
    else:
        whole = len(body) == int(fields["content-length"])
    problem = fields.get("content-type") == "application/problem+json"
    return Got(status, json.loads(body)["code"] if problem else None, body, whole)


class Stage:
    """A node before a hostile backend; records are compared at the end, since a running node keeps them."""

    def __init__(self, folder: Path) -> None:
        self.backend = HostileBackend()
        self._folder = folder
        self.expected: list[tuple[str, int, str | None, str]] = []

    def __enter__(self) -> Self:
        self.backend.__enter__()
        self.node = SnapshotNode(
            self._folder,
            f"127.0.0.1:{self.backend.port}",
            timeouts=TIMEOUTS,
            most_response_bytes=MOST_RESPONSE_BYTES,
            threads=1,
        )
        self.node.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.node.stop()
        self.backend.__exit__()

    def play(self, name: str, script: Script, sees: int | str, fault: str | None, method: str = "GET") -> Got:
        """Ask once; then ask for something good, which must come over another connection."""
        self.backend.scripts[name] = script
        got = call(self.node, name, method)
        if sees == REFUSED:
            sees = 502 if got.whole else ABORTED
        if sees == ABORTED:
            assert (got.status, got.whole) == (200, False), (name, got)
        else:
            assert (got.status, got.whole) == (sees, True), (name, got)
        if name in LATER:
            time.sleep(0.4)
        delivery = "aborted" if sees == ABORTED else "complete"
        self.expected.append((name, got.status, fault, delivery))
        after = call(self.node, "good")
        assert (after.status, after.body) == (200, b"good"), (name, after)
        self.expected.append(("good", 200, None, "complete"))
        return got

    def used_again(self, name: str) -> bool:
        """Whether the connection that carried this script carried something after it."""
        carriers = self.backend.connections_of(name)
        return any(
            connection in carriers
            for connection, other in self.backend.carried[self.backend.carried.index(_first(self.backend, name)) + 1 :]
            if other != name
        )


def _first(backend: HostileBackend, name: str) -> tuple[int, str]:
    return next(entry for entry in backend.carried if entry[1] == name)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One node for all cases; its records are compared when it has ended."""
    with Stage(tmp_path_factory.mktemp("hostile")) as running:
        yield running
        refusals = running.node.metric("portazgo_library_refusals_total")
    found = [(record["status_sent"], record["fault"], record["delivery"]) for record in running.node.records()]
    wanted = [(status, fault, delivery) for _, status, fault, delivery in running.expected]
    wrong = [(expected, got) for expected, got in zip(running.expected, found, strict=False) if expected[1:] != got]
    assert wrong == []
    assert found == wanted
    assert refusals == 0


def _bytes(send: str | list[Any]) -> bytes:
    pieces = [send] if isinstance(send, str) else send
    return "".join(piece if isinstance(piece, str) else piece["text"] * piece["times"] for piece in pieces).encode(
        "latin-1"
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_an_answer_is_passed_on_whole_or_not_at_all(stage: Stage, case: dict[str, Any]) -> None:
    name = f"case-{CASES.index(case)}"
    got = stage.play(name, bytes_then(_bytes(case["send"])), case["status"], case["fault"], case["request"])
    if case["fault"]:
        assert got.code == ("backend_failed" if case["request"] != "HEAD" else None)
        assert not stage.used_again(name)
    elif "body" in case:
        assert got.body == case["body"].encode()


@pytest.mark.parametrize("name", SCRIPTS)
def test_time_and_early_ends_are_told_apart(stage: Stage, name: str) -> None:
    script, sees, fault = SCRIPTS[name]
    stage.play(name, script, sees, fault)
    assert not stage.used_again(name)


@pytest.mark.parametrize(
    "answer", [HEAD + b"helloworld", CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"], ids=["by length", "in chunks"]
)
def test_an_answer_that_breaks_off_at_any_byte_is_never_taken_for_whole(stage: Stage, answer: bytes) -> None:
    head = answer.index(b"\r\n\r\n") + 4
    for cut in range(len(answer)):
        name = f"cut-{len(answer)}-{cut}"
        sees = REFUSED if cut >= head else 502
        fault = "backend_truncated" if cut >= head else "backend_reset_before_headers"
        stage.play(name, bytes_then(answer[:cut], stays=False), sees, fault)
        assert not stage.used_again(name)


def test_a_sound_connection_is_used_again(stage: Stage) -> None:
    """Without it the others prove nothing."""
    before = len(stage.backend.carried)
    for _ in range(5):
        assert call(stage.node, "good").body == b"good"
        stage.expected.append(("good", 200, None, "complete"))
    assert len({connection for connection, _ in stage.backend.carried[before:]}) == 1
