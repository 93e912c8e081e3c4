"""Whatever a backend answers under a contract, the partner gets what is shown, a problem, or an answer that is cut off.

Never the backend's own bytes. Each condition comes before anything was sent and, where it can, after the first bytes went out.
What the partner gets in each case is written to docs/what-partners-receive.md, which a test compares with what happened here:
PORTAZGO_TEST_WRITE=1 writes it anew.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pytest
from support import served_contracts as contracts
from support.bare_gateway import BareGateway
from support.hostile_backend import HostileBackend, Script, bytes_then, slowly
from support.served_contracts import HEAD, HOLD, MOST_RESPONSE_BYTES, NEEDLE, SHOW, Got, ask

PAGE = Path(__file__).resolve().parents[2] / "docs" / "what-partners-receive.md"
PAUSE = 0.15
GOOD = {
    "id": 9007199254740993123,
    "ssn": NEEDLE,
    "name": "Ñandú \ud83d\ude00 \\ud800",
    "items": [{"id": 1, "ssn": NEEDLE, "name": "a"}],
}
SHOWN = (
    b'{"id":9007199254740993123,"title":"\\u00d1and\\u00fa \\ud83d\\ude00 \\\\ud800","items":[{"id":1,"title":"a"}]}'
)
LONG = (
    b'{"id":7,"ssn":"'
    + NEEDLE.encode()
    + b'","items":['
    + b",".join(
        b'{"id":%d,"ssn":"%s","name":"item number %d"}' % (number, NEEDLE.encode(), number) for number in range(2000)
    )
)
LONG_SHOWN = b'{"id":7,"items":[' + b",".join(b'{"id":%d,"title":"item number %d"}' % (n, n) for n in range(2000))
BEFORE, AFTER = "before", "after"


def chunked(*pieces: bytes, last: bytes = b"0\r\n\r\n") -> bytes:
    """Write chunks, and the last one."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + last


def head(status: str = "200 OK", kind: str | None = "application/json", *lines: str) -> bytes:
    """Write the head of an answer in chunks, with what partners must not see."""
    told = [
        f"HTTP/1.1 {status}",
        "Transfer-Encoding: chunked",
        "Server: inside/1.0",
        f"X-Debug: {NEEDLE}",
        "Set-Cookie: a=b",
    ]
    told += [f"Content-Type: {kind}"] if kind else []
    return "\r\n".join([*told, *lines, "", ""]).encode()


def whole(body: bytes, *lines: str, status: str = "200 OK", kind: str | None = "application/json") -> Script:
    """Answer with this body in one go."""
    return bytes_then(head(status, kind, *lines) + chunked(*([body] if body else [])))


def late(rest: bytes, *, last: bytes = b"0\r\n\r\n", stays: bool = True) -> Script:
    """Answer with more than is held, and after a pause with this."""
    return slowly(
        head() + chunked(LONG, last=b""), chunked(*([rest] if rest else []), last=last), pause=PAUSE, stays=stays
    )


def late_coded(body: bytes, coding: str) -> Script:
    """Answer with the first nine tenths, and after a pause with the last."""
    cut = len(body) * 9 // 10
    first = head("200 OK", "application/json", f"Content-Encoding: {coding}") + chunked(body[:cut], last=b"")
    return slowly(first, chunked(body[cut:]), pause=PAUSE)


def coded(coding: str, text: bytes) -> bytes:
    """Give the text in a coding."""
    match coding:
        case "gzip":
            return gzip.compress(text)
        case "deflate":
            return zlib.compress(text)
        case "br" | "zstd":
            codec = {"br": "brotli", "zstd": "zstd"}[coding]
            return bytes(pa.compress(text, codec=codec, asbytes=True))
        case _:
            raise ValueError(coding)


def text(value: Any) -> bytes:
    """Write JSON as `json` does."""
    return json.dumps(value).encode()


@dataclass(frozen=True)
class Case:
    """A condition, and what comes of it `before` and `after` the first bytes were sent; None: it can't come then."""

    title: str
    before: Script
    gets: tuple[int, str | None]
    fault: str | None = None
    after: Script | None = None
    after_fault: str | None = None
    method: str = "GET"
    shows: bytes | None = None
    after_shows: bytes | None = None
    lines: tuple[str, ...] = ()
    sound: bool = False
    """The backend's connection may carry another call."""


FAULT, CODING = "contract_violation_response", "backend_encoding_invalid"
REFUSED = (502, "backend_failed")
RANDOM = os.urandom(64).hex().encode()
CODED_LONG = {coding: coded(coding, LONG + b"]}") for coding in ("gzip", "br", "zstd", "deflate")}
BOMB = b'{"id":1,"ssn":"' + b"a" * (64 << 20) + b'"}'
LATE_BOMB = LONG + b'],"free":"' + b"a" * (64 << 20) + b'"}'
DEEP = b"[" * 5000 + b"]" * 5000


def codings() -> Iterator[tuple[str, Case]]:
    """Each coding sound, and broken."""
    names = {"gzip": "gzip", "br": "Brotli", "zstd": "Zstandard", "deflate": "deflate"}
    for coding, name in names.items():
        line = f"Content-Encoding: {coding}"
        yield (
            f"{coding}",
            Case(
                f"A body in {name}",
                whole(coded(coding, text(GOOD)), line),
                (200, None),
                shows=SHOWN,
                sound=True,
                after=late_coded(CODED_LONG[coding], coding),
                after_shows=LONG_SHOWN + b"]}",
            ),
        )
        broken = CODED_LONG[coding]
        yield (
            f"{coding}-cut",
            Case(
                f"A body in {name} that breaks off",
                whole(coded(coding, text(GOOD))[:-6], line),
                REFUSED,
                CODING,
                after=late_coded(broken[: len(broken) - 12], coding),
                after_fault=CODING,
            ),
        )


CASES: dict[str, Case] = {
    "good": Case(
        "An answer that fits",
        whole(text(GOOD)),
        (200, None),
        shows=SHOWN,
        sound=True,
        after=late(b"]}"),
        after_shows=LONG_SHOWN + b"]}",
    ),
    **dict(codings()),
    "coding-unknown": Case(
        "An unknown content coding", whole(text(GOOD), "Content-Encoding: compress"), REFUSED, CODING
    ),
    "coding-twice": Case(
        "Two codings, one over the other", whole(text(GOOD), "Content-Encoding: gzip, br"), REFUSED, CODING
    ),
    "not-coded": Case(
        "A body that is not in the coding that it says", whole(text(GOOD), "Content-Encoding: gzip"), REFUSED, CODING
    ),
    "bomb": Case(
        "A decompression bomb",
        whole(coded("gzip", BOMB), "Content-Encoding: gzip"),
        REFUSED,
        CODING,
        after=whole(coded("gzip", LATE_BOMB), "Content-Encoding: gzip"),
        after_fault=CODING,
    ),
    "json-invalid": Case(
        "Invalid JSON",
        whole(b'{"id":1,"name":"a",}'),
        REFUSED,
        FAULT,
        after=late(b',{"id":x}]}'),
        after_fault=FAULT,
    ),
    "json-invalid-hidden": Case(
        "Invalid JSON in what is hidden",
        whole(b'{"id":1,"ssn":nul}'),
        REFUSED,
        FAULT,
        after=late(b',{"id":1,"ssn":tru}]}'),
        after_fault=FAULT,
    ),
    "utf-8-invalid": Case(
        "Bytes that are no UTF-8",
        whole(b'{"id":1,"name":"\xff\xfe"}'),
        REFUSED,
        FAULT,
        after=late(b',{"id":1,"name":"\xc0\x80"}]}'),
        after_fault=FAULT,
    ),
    "json-truncated": Case(
        "JSON that ends too early, in a body that is whole",
        whole(b'{"id":1,"name":"a"'),
        REFUSED,
        FAULT,
        after=late(b',{"id":1'),
        after_fault=FAULT,
    ),
    "body-truncated": Case(
        "A body that breaks off",
        bytes_then(head() + chunked(text(GOOD), last=b""), stays=False),
        REFUSED,
        "backend_truncated",
        after=late(b"]}", last=b"", stays=False),
        after_fault="backend_truncated",
    ),
    "empty": Case("No body where one was promised", whole(b""), REFUSED, FAULT),
    "type-html": Case("Another content type", whole(b"<html>" + NEEDLE.encode(), kind="text/html"), REFUSED, FAULT),
    "type-none": Case("No content type", whole(text(GOOD), kind=None), REFUSED, FAULT),
    "type-json-otherwise": Case(
        "JSON under a type that the contract does not name", whole(text(GOOD), kind="text/json"), REFUSED, FAULT
    ),
    "type-charset": Case(
        "A charset that is not UTF-8", whole(text(GOOD), kind="application/json; charset=latin-1"), REFUSED, FAULT
    ),
    "type-other-named": Case(
        "A `+json` type that the contract names",
        whole(text(GOOD), kind="application/vnd.items+json; v=1"),
        (200, None),
        shows=SHOWN,
        sound=True,
    ),
    "root-array": Case("An array where an object was promised", whole(text([GOOD])), REFUSED, FAULT),
    "root-scalar": Case("A scalar where an object was promised", whole(text(NEEDLE)), REFUSED, FAULT),
    "wrong-type": Case(
        "A selected field of another type",
        whole(b'{"id":1,"name":{"ssn":"' + NEEDLE.encode() + b'"}}'),
        REFUSED,
        FAULT,
        after=late(b',{"id":1,"name":["' + NEEDLE.encode() + b'"]}]}'),
        after_fault=FAULT,
    ),
    "number-for-integer": Case("A fraction where an integer was promised", whole(b'{"id":1.5}'), REFUSED, FAULT),
    "missing": Case("A required field that is not there", whole(b'{"name":"a"}'), REFUSED, FAULT),
    "oversize": Case(
        "More than the route allows",
        whole(b'{"id":1,"ssn":"' + b"x" * MOST_RESPONSE_BYTES + b'"}'),
        REFUSED,
        "backend_response_too_large",
        after=late(b'],"ssn":"' + b"x" * MOST_RESPONSE_BYTES + b'"}'),
        after_fault="backend_response_too_large",
    ),
    "deep": Case(
        "A depth bomb, in what is hidden too",
        whole(b'{"id":1,"ssn":' + DEEP + b"}"),
        REFUSED,
        FAULT,
        after=late(b'],"ssn":' + DEEP + b"}"),
        after_fault=FAULT,
    ),
    "duplicate": Case(
        "A selected field twice",
        whole(b'{"id":1,"name":"a","name":"b"}'),
        REFUSED,
        FAULT,
        after=late(b',{"id":1,"id":2}]}'),
        after_fault=FAULT,
    ),
    "duplicate-escaped": Case(
        "A selected field twice, in two spellings",
        whole(b'{"id":1,"name":"a","n\\u0061me":"b"}'),
        REFUSED,
        FAULT,
        after=late(b',{"id":1,"\\u0069d":2}]}'),
        after_fault=FAULT,
    ),
    "escaped-hidden": Case(
        "A hidden field in another spelling",
        whole(b'{"id":1,"\\u0073sn":"' + NEEDLE.encode() + b'"}'),
        (200, None),
        shows=b'{"id":1}',
        sound=True,
        after=late(b',{"id":1,"\\u0073sn":"' + NEEDLE.encode() + b'"}]}'),
        after_shows=LONG_SHOWN + b',{"id":1}]}',
    ),
    "escaped-selected": Case(
        "A selected field in another spelling",
        whole(b'{"\\u0069d":1,"nam\\u0065":"a"}'),
        (200, None),
        shows=b'{"id":1,"title":"a"}',
        sound=True,
    ),
    "ndjson": Case(
        "Several lines of JSON",
        whole(text(GOOD) + b"\n" + text(GOOD) + b"\n"),
        REFUSED,
        FAULT,
        after=late(b"]}\n" + text(GOOD)),
        after_fault=FAULT,
    ),
    "trailing-space": Case(
        "White space after the value",
        whole(text(GOOD) + b"\n \t\r\n"),
        (200, None),
        shows=SHOWN,
        sound=True,
        after=late(b"]}\n\n"),
        after_shows=LONG_SHOWN + b"]}",
    ),
    "byte-order-mark": Case("A byte order mark", whole(b"\xef\xbb\xbf" + text(GOOD)), REFUSED, FAULT),
    "trailers": Case(
        "Chunks with trailers",
        bytes_then(head() + chunked(text(GOOD), last=b"0\r\nX-Debug: " + NEEDLE.encode() + b"\r\n\r\n")),
        (200, None),
        shows=SHOWN,
        sound=True,
        after=late(b"]}", last=b"0\r\nX-Debug: " + NEEDLE.encode() + b"\r\n\r\n"),
        after_shows=LONG_SHOWN + b"]}",
    ),
    "status-404": Case(
        "404 with a text of the backend's",
        whole(b'{"detail":"' + NEEDLE.encode() + b'"}', status="404 Not Found"),
        (404, "backend_refused"),
        sound=True,
    ),
    "status-409": Case(
        "4xx that the contract does not name",
        whole(NEEDLE.encode(), status="409 Conflict", kind="text/plain"),
        (409, "backend_refused"),
        sound=True,
    ),
    "status-500": Case(
        "5xx with a stack trace",
        whole(NEEDLE.encode(), status="500 Internal Server Error", kind="text/html"),
        (500, "backend_failed"),
        "backend_5xx",
        sound=True,
    ),
    "status-202": Case("2xx that the contract does not name", whole(text(GOOD), status="202 Accepted"), REFUSED, FAULT),
    "status-302": Case(
        "A redirect",
        whole(b"", "Location: http://inside.example/login", status="302 Found"),
        REFUSED,
        FAULT,
    ),
    "status-201": Case(
        "A status that the contract makes another one",
        whole(text(GOOD), status="201 Created"),
        (200, None),
        shows=SHOWN,
        sound=True,
    ),
    "status-206": Case(
        "A part of the document",
        whole(text(GOOD), "Content-Range: bytes 0-9/100", status="206 Partial Content"),
        REFUSED,
        FAULT,
        lines=("Range: bytes=0-9", 'If-Range: "x"'),
    ),
    "status-204": Case(
        "204", bytes_then(b"HTTP/1.1 204 No Content\r\nX-Debug: x\r\n\r\n"), (204, None), shows=b"", sound=True
    ),
    "status-304": Case(
        "304",
        bytes_then(b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\nX-Debug: x\r\n\r\n'),
        (304, None),
        shows=b"",
        sound=True,
    ),
    "head": Case(
        "HEAD",
        bytes_then(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\nX-Debug: x\r\n\r\n"),
        (200, None),
        method="HEAD",
        shows=b"",
        sound=True,
    ),
    "pass": Case(
        "A body that passes by its type",
        whole(b"\x89PNG" + RANDOM, status="203 Non-Authoritative Information", kind="image/png"),
        (203, None),
        shows=b"\x89PNG" + RANDOM,
        sound=True,
    ),
    "pass-other": Case(
        "A body that may pass, of another type",
        whole(text(GOOD), status="203 Non-Authoritative Information"),
        REFUSED,
        FAULT,
    ),
}


class Stage:
    """A node before a hostile backend; the records are compared when it has ended, the page when all cases were played."""

    def __init__(self, folder: Path) -> None:
        self.backend = HostileBackend()
        self.folder = folder
        self.rows: dict[str, dict[str, str]] = {}
        self.records: dict[str, tuple[str, int, str | None, str, bool]] = {}

    def __enter__(self) -> Self:
        self.backend.__enter__()
        inside = f"http://127.0.0.1:{self.backend.port}"
        views = {SHOW: contracts.shown(inside), HEAD: contracts.shown(inside)}
        resources = [
            contracts.version(views),
            contracts.route(SHOW, "GET", "/v1/items/{id}", "/api/items/{id}"),
            contracts.route(HEAD, "HEAD", "/v1/items/{id}", "/api/items/{id}"),
        ]
        self.node: BareGateway = contracts.node(self.folder, self.backend.port, resources).__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.node.__exit__()
        self.backend.__exit__()

    def play(self, name: str, script: Script, case: Case, *, version: str = "1.1") -> Got:
        """Ask once."""
        self.backend.scripts[name] = script
        got = ask(self.node.port, f"/v1/items/{name}", *case.lines, method=case.method, version=version)
        self.hides(got)
        return got

    def hides(self, got: Got) -> None:
        """Nothing of the backend's own is in it."""
        seen = repr(got.headers) + got.body.decode("utf-8", "replace")
        for inside in (NEEDLE, f"127.0.0.1:{self.backend.port}", "inside", "ssn"):
            assert inside not in seen, (inside, seen[:500])
        names = {name for name, _ in got.headers}
        assert not names & {
            "server",
            "x-debug",
            "set-cookie",
            "content-encoding",
            "content-range",
            "accept-ranges",
            "trailer",
        }

    def expect(self, got: Got, name: str, fault: str | None, delivery: str) -> None:
        """Note what the record must say."""
        self.records[got.request_id] = (name, got.status, fault, delivery, fault is None)

    def used_again(self, name: str) -> bool:
        """Whether the connection that carried this script carried anything after it."""
        place = next(index for index, (_, known) in enumerate(self.backend.carried) if known == name)
        connection = self.backend.carried[place][0]
        return any(other == connection for other, _ in self.backend.carried[place + 1 :])


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One node for all cases."""
    with Stage(tmp_path_factory.mktemp("contract")) as running:
        yield running
        wanted = running.records
        found = running.node.wait_for_records(len(wanted), lambda one: one["request_id"] in wanted)
    told = {one["request_id"]: one for one in found}
    for request_id, (name, status, fault, delivery, billable) in wanted.items():
        record = told[request_id]
        got = (record["status_sent"], record["fault"], record["delivery"], record["billable"])
        assert got == (status, fault, delivery, billable), (name, record)


def said(got: Got) -> str:
    """Say for the page what a partner got."""
    if got.code is not None:
        return f"{got.status}, a problem `{got.code}`"
    if not got.body:
        return f"{got.status} without a body"
    kind = "the body as it is" if (got.header("content-type") or "").startswith("image/") else "what the contract shows"
    return f"{got.status}, {kind}"


@pytest.mark.parametrize("name", CASES)
def test_before_the_head_is_sent_an_answer_becomes_what_is_shown_or_a_problem(stage: Stage, name: str) -> None:
    case = CASES[name]
    got = stage.play(name, case.before, case)
    assert (got.status, got.code if case.method != "HEAD" else None, got.whole) == (*case.gets, True), got
    if case.shows is not None:
        assert got.body == case.shows
    stage.expect(got, name, case.fault, "complete")
    after = stage.play("good", CASES["good"].before, CASES["good"])
    assert after.body == SHOWN
    assert stage.used_again(name) == case.sound
    stage.rows.setdefault(name, {})[BEFORE] = said(got)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.after is not None])
def test_after_the_head_was_sent_an_answer_goes_on_or_is_cut_off(stage: Stage, name: str) -> None:
    case = CASES[name]
    assert case.after is not None
    got = stage.play(f"{name}-after", case.after, case)
    assert got.status == 200
    if case.after_fault is None:
        assert (got.body, got.whole) == (case.after_shows, True)
        row = said(got)
    else:
        # What was shown before stays shown; not one byte of what does not fit.
        assert not got.whole
        assert len(got.body) >= HOLD
        assert LONG_SHOWN.startswith(got.body[: len(LONG_SHOWN)])
        assert len(got.body) <= len(LONG_SHOWN) + len(b',{"id":1,"title":')
        row = f"{got.status}, cut off"
    stage.expect(got, name, case.after_fault, "complete" if case.after_fault is None else "aborted")
    stage.play("good", CASES["good"].before, CASES["good"])
    assert stage.used_again(f"{name}-after") == (case.after_fault is None)
    stage.rows.setdefault(name, {})[AFTER] = row


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.after is not None])
def test_a_client_of_http_1_0_gets_a_whole_answer_or_a_problem(stage: Stage, name: str) -> None:
    """It could not tell an answer that was cut off from one that is whole."""
    case = CASES[name]
    assert case.after is not None
    got = stage.play(f"{name}-old", case.after, case, version="1.0")
    if case.after_fault is None:
        assert (got.status, got.body, got.whole) == (200, case.after_shows, True)
    else:
        assert (got.status, got.code, got.whole) == (502, "backend_failed", True)
    stage.expect(got, name, case.after_fault, "complete")


def test_the_page_says_what_happened(stage: Stage) -> None:
    if os.environ.get("PORTAZGO_TEST_WRITE"):
        PAGE.write_text(page(stage.rows), encoding="utf-8")
    stale = "docs/what-partners-receive.md is stale: run this file with PORTAZGO_TEST_WRITE=1"
    told = PAGE.read_text("utf-8")
    # Where only some cases were played, those rows can be compared.
    assert [line for line in lines(stage.rows) if line not in told.splitlines()] == [], stale
    assert set(stage.rows) != set(CASES) or told == page(stage.rows), stale


def lines(rows: dict[str, dict[str, str]]) -> list[str]:
    """Write the rows of the cases that were played whole."""
    played = [name for name, case in CASES.items() if len(rows.get(name, {})) == 1 + (case.after is not None)]
    told = "told by its beginning"
    return [
        f"| {CASES[name].title} | {rows[name][BEFORE]} | {rows[name].get(AFTER, told)} | {faults(CASES[name])} |"
        for name in played
    ]


def page(rows: dict[str, dict[str, str]]) -> str:
    """Write the page."""
    return "\n".join(
        [
            "# What partners receive",
            "",
            "<!-- Generated from tests/blackbox/test_contract_answers.py (PORTAZGO_TEST_WRITE=1); do not edit. -->",
            "",
            "What becomes of a backend's answer under a [contract](programs.md), whatever the backend does. Each row was",
            "played by a real backend against a real gateway: first before anything was sent to the partner, then, where it",
            "can happen, after the first bytes went out.",
            "",
            "- *Before*: the head of an answer is held until the answer is whole, or as much of it as the contract's `hold`",
            "  says was made.",
            "- *Cut off*: nothing more is written. HTTP/1.1 ends the connection without the last chunk, HTTP/2 sends",
            "  `RST_STREAM`. The record has the status that was sent, the fault, and `delivery: aborted`; the call is not",
            "  billed, and the backend's connection is not used again.",
            "- A client of HTTP/1.0 could not tell: it gets the whole answer or the problem.",
            "",
            "| the backend sends | before the head is sent | after the first bytes | fault |",
            "|---|---|---|---|",
            *lines(rows),
            "",
        ]
    )


def faults(case: Case) -> str:
    """Say which faults the records have."""
    named = dict.fromkeys(fault for fault in (case.fault, case.after_fault) if fault)
    return ", ".join(f"`{fault}`" for fault in named) or "none"
