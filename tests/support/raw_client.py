"""Sends bytes as they are, in pieces, and reads answers strictly. Each connection has an address of its own on loopback.

So a record's `client_address` names the connection, and thousands can be compared with their records at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PATIENCE_SECONDS = 20.0
QUIET_SECONDS = 0.15
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one connection came to."""

    address: str
    answers: tuple[int, ...]
    closed: bool
    rest: bytes
    """Bytes that are no answer. Empty, or something is wrong."""


class NoAnswer(Exception):
    """The connection ended inside an answer, or before it."""


def next_address() -> str:
    """An address of loopback that no other connection of this run has."""
    number = next(_numbers)
    return f"127.{16 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


async def exchange(
    port: int, pieces: Sequence[bytes], methods: Iterable[str], *, probe: bytes | None = None, leaves: bool = False
) -> Outcome:
    """Send pieces over a new connection; read one answer for each of `methods`.

    With `probe` the connection must still be good: it is sent, and answered too. Without, the end is awaited.
    """
    address = next_address()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
    answers: list[int] = []
    try:
        sending = asyncio.ensure_future(_send(writer, pieces))
        try:
            if leaves:
                await sending
                return Outcome(address, (), closed=True, rest=b"")
            async with asyncio.timeout(PATIENCE_SECONDS):
                answers += [await read_answer(reader, method) for method in methods]
                if probe is not None:
                    await _send(writer, [probe])
                    answers.append(await read_answer(reader, "GET"))
                    return Outcome(address, tuple(answers), closed=False, rest=b"")
                return Outcome(address, tuple(answers), closed=True, rest=await _rest(reader))
        except (TimeoutError, NoAnswer, ConnectionError):
            return Outcome(address, tuple(answers), closed=reader.at_eof(), rest=b"")
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await sending
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def pour(port: int, stream: bytes) -> None:
    """Send a stream over a connection of its own, and leave when nothing more comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(next_address(), 0))
    try:
        await _send(writer, [stream])
        with contextlib.suppress(TimeoutError, ConnectionError):
            while await asyncio.wait_for(reader.read(1 << 16), QUIET_SECONDS):
                pass
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def dechunked(text: bytes) -> tuple[bytes, bool]:
    """Join chunks. Returns the data, and whether the last chunk came whole."""
    data = b""
    while True:
        size, separator, text = text.partition(b"\r\n")
        if not separator:
            return data, False
        length = int(size, 16)
        if length == 0:
            return data, text == b"\r\n"
        data += text[:length]
        if len(text) < length + 2:
            return data, False
        text = text[length + 2 :]


async def _send(writer: asyncio.StreamWriter, pieces: Sequence[bytes]) -> None:
    # A refused client may lose its connection while it still sends.
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            if len(pieces) > 1:
                await asyncio.sleep(0.0005)


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def read_answer(reader: asyncio.StreamReader, method: str) -> int:
    """Read one whole answer, interim ones aside. Returns its status. Raises NoAnswer."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status = int(head[9:12])
            if status >= 200:
                break
        fields = dict(line.lower().split(": ", 1) for line in head[:-4].split("\r\n")[1:])
        if method == "HEAD" or status in {204, 304}:
            return status
        if "transfer-encoding" in fields:
            while size := int(await reader.readuntil(b"\r\n"), 16):
                await reader.readexactly(size + 2)
            await reader.readexactly(2)
        else:
            await reader.readexactly(int(fields["content-length"]))
    except (asyncio.IncompleteReadError, ValueError, KeyError) as problem:
        raise NoAnswer(repr(problem)) from None
    return status
