"""What a backend may answer under a contract, and what partners get of it before and after the first bytes were sent."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from support.hostile_backend import Script, bytes_then, slowly
from support.served_contracts import MOST_RESPONSE_BYTES, NEEDLE

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


def misfit(title: str, before: Script, *, after: Script | None = None) -> Case:
    """Give the condition that an answer is not what the contract says."""
    return Case(title, before, REFUSED, FAULT, after=after, after_fault=None if after is None else FAULT)


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
    "json-invalid": misfit(
        "Invalid JSON",
        whole(b'{"id":1,"name":"a",}'),
        after=late(b',{"id":x}]}'),
    ),
    "json-invalid-hidden": misfit(
        "Invalid JSON in what is hidden",
        whole(b'{"id":1,"ssn":nul}'),
        after=late(b',{"id":1,"ssn":tru}]}'),
    ),
    "utf-8-invalid": misfit(
        "Bytes that are no UTF-8",
        whole(b'{"id":1,"name":"\xff\xfe"}'),
        after=late(b',{"id":1,"name":"\xc0\x80"}]}'),
    ),
    "json-truncated": misfit(
        "JSON that ends too early, in a body that is whole",
        whole(b'{"id":1,"name":"a"'),
        after=late(b',{"id":1'),
    ),
    "body-truncated": Case(
        "A body that breaks off",
        bytes_then(head() + chunked(text(GOOD), last=b""), stays=False),
        REFUSED,
        "backend_truncated",
        after=late(b"]}", last=b"", stays=False),
        after_fault="backend_truncated",
    ),
    "empty": misfit("No body where one was promised", whole(b"")),
    "type-html": misfit("Another content type", whole(b"<html>" + NEEDLE.encode(), kind="text/html")),
    "type-none": misfit("No content type", whole(text(GOOD), kind=None)),
    "type-json-otherwise": misfit(
        "JSON under a type that the contract does not name", whole(text(GOOD), kind="text/json")
    ),
    "type-charset": misfit("A charset that is not UTF-8", whole(text(GOOD), kind="application/json; charset=latin-1")),
    "type-other-named": Case(
        "A `+json` type that the contract names",
        whole(text(GOOD), kind="application/vnd.items+json; v=1"),
        (200, None),
        shows=SHOWN,
        sound=True,
    ),
    "root-array": misfit("An array where an object was promised", whole(text([GOOD]))),
    "root-scalar": misfit("A scalar where an object was promised", whole(text(NEEDLE))),
    "wrong-type": misfit(
        "A selected field of another type",
        whole(b'{"id":1,"name":{"ssn":"' + NEEDLE.encode() + b'"}}'),
        after=late(b',{"id":1,"name":["' + NEEDLE.encode() + b'"]}]}'),
    ),
    "number-for-integer": misfit("A fraction where an integer was promised", whole(b'{"id":1.5}')),
    "missing": misfit("A required field that is not there", whole(b'{"name":"a"}')),
    "oversize": Case(
        "More than the route allows",
        whole(b'{"id":1,"ssn":"' + b"x" * MOST_RESPONSE_BYTES + b'"}'),
        REFUSED,
        "backend_response_too_large",
        after=late(b'],"ssn":"' + b"x" * MOST_RESPONSE_BYTES + b'"}'),
        after_fault="backend_response_too_large",
    ),
    "deep": misfit(
        "A depth bomb, in what is hidden too",
        whole(b'{"id":1,"ssn":' + DEEP + b"}"),
        after=late(b'],"ssn":' + DEEP + b"}"),
    ),
    "duplicate": misfit(
        "A selected field twice",
        whole(b'{"id":1,"name":"a","name":"b"}'),
        after=late(b',{"id":1,"id":2}]}'),
    ),
    "duplicate-escaped": misfit(
        "A selected field twice, in two spellings",
        whole(b'{"id":1,"name":"a","n\\u0061me":"b"}'),
        after=late(b',{"id":1,"\\u0069d":2}]}'),
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
    "ndjson": misfit(
        "Several lines of JSON",
        whole(text(GOOD) + b"\n" + text(GOOD) + b"\n"),
        after=late(b"]}\n" + text(GOOD)),
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
    "byte-order-mark": misfit("A byte order mark", whole(b"\xef\xbb\xbf" + text(GOOD))),
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
    "status-202": misfit("2xx that the contract does not name", whole(text(GOOD), status="202 Accepted")),
    "status-302": misfit(
        "A redirect",
        whole(b"", "Location: http://inside.example/login", status="302 Found"),
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
    "pass-other": misfit(
        "A body that may pass, of another type",
        whole(text(GOOD), status="203 Non-Authoritative Information"),
    ),
}
