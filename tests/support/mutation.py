"""Mutates streams of HTTP/1.1 bytes: cuts, repeats, swaps, and the fragments that desynchronise servers."""

from __future__ import annotations

import random
from collections.abc import Sequence

FRAGMENTS = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"\x0b",
    b"\xa0",
    b"\r\n\r\n",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: 50\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding:\x0bchunked\r\n",
    b"Host: gate.example\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Expect: 100-continue\r\n",
    b"HTTP/1.0",
    b"HTTP/1.1",
    b"GET /v1/items/7 HTTP/1.1\r\n",
    b"POST /v1/items HTTP/1.1\r\n",
    b"%2e%2e/",
    b"%0d%0a",
]
MOST_BYTES = 16_000


def mutated(chance: random.Random, streams: Sequence[bytes]) -> bytes:
    """One stream, or two joined, with one to four changes."""
    stream = bytearray(chance.choice(streams))
    if chance.random() < 0.3:
        stream += chance.choice(streams)
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(stream))
        end = min(len(stream), at + chance.randint(1, 12))
        match chance.randrange(6):
            case 0:
                stream[at:at] = chance.choice(FRAGMENTS)
            case 1:
                del stream[at:end]
            case 2:
                stream[at:at] = stream[at:end]
            case 3:
                stream[at:end] = chance.choice(FRAGMENTS)
            case 4:
                other = chance.choice(streams)
                cut = chance.randint(0, len(other))
                stream[at:at] = other[cut : cut + chance.randint(1, 40)]
            case _:
                if at < len(stream):
                    stream[at] = chance.randrange(256)
    return bytes(stream[:MOST_BYTES])
