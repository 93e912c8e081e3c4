"""An S3 to call: moto's server on a free port, ended by its process id, and a way to it on which things go wrong."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from support.kms import CREDENTIALS, REGION, START_SECONDS
from support.loopback import LoopbackServer, QuietHandler
from support.ports import free_port

from portazgo.kit.objects.uri import S3, parse_objects_url
from portazgo.roles.ports import answers

BUCKET = "records"
PREFIX = "portazgo"
_PROGRAM = "from moto.server import main\nmain()"


class ObjectsServer:
    """Start it with `with`. It has the bucket `records`."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._log = folder / "objects.log"

    def __enter__(self) -> Self:
        """Start."""
        command = [sys.executable, "-c", _PROGRAM, "-H", "127.0.0.1", "-p", str(self.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **CREDENTIALS})
        deadline = time.monotonic() + START_SECONDS
        while not answers(f"{self.url}/moto-api/"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"moto did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.1)
        self.make_bucket(BUCKET)
        return self

    def __exit__(self, *_: object) -> None:
        """End by the process id."""
        self._process.kill()
        self._process.wait()

    @property
    def url(self) -> str:
        """Where it is called."""
        return f"http://127.0.0.1:{self.port}"

    def objects_url(self, *, way: str | None = None, prefix: str = PREFIX, bucket: str = BUCKET, **options: str) -> str:
        """Name a place in it as PORTAZGO_OBJECTS_URL does; `way`: through which it is called."""
        told = {"region": REGION, "endpoint": way or self.url, **options}
        return f"s3://{bucket}/{prefix}?" + "&".join(f"{name}={value}" for name, value in told.items())

    def place(self, **options: str) -> S3:
        """Give the same, parsed."""
        place = parse_objects_url(self.objects_url(**options))
        assert isinstance(place, S3)
        return place

    @property
    def client(self) -> Any:
        """A client of its own, for what operators do."""
        import boto3

        return boto3.session.Session().client(
            "s3",
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )

    def make_bucket(self, bucket: str) -> None:
        """Make a bucket."""
        self.client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})

    def keys(self, prefix: str = "") -> list[str]:
        """Name all objects of the bucket whose keys begin so."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


Trouble = Callable[["Handler", bytes, Callable[[], tuple[HTTPResponse, bytes]]], None]
"""What befalls a call: it gets the caller's connection, the request's body, and how the store would answer."""


class BadWay(LoopbackServer):
    """A way to a server: passes everything on, but what `troubles` holds befalls the next calls, one each.

    `always` befalls every call for which nothing else is due.
    """

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url).netloc
        self.troubles: deque[Trouble] = deque()
        self.always: Trouble | None = None
        self.calls: list[str] = []
        self.released = threading.Event()
        super().__init__(type("HandlerOfThis", (Handler,), {"way": self}))

    def __exit__(self, *_: object) -> None:
        """End, and let go who hangs."""
        self.released.set()
        super().__exit__()

    def answer(self, caller: Handler, body: bytes) -> tuple[HTTPResponse, bytes]:
        """Have the server answer."""
        connection = HTTPConnection(self._target, timeout=60)
        try:
            connection.request(caller.command, caller.path, body or None, _forwarded(caller))
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()


class Handler(QuietHandler):
    """One caller's connection."""

    way: BadWay

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server looks for
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.way.calls.append(f"{self.command} {urlsplit(self.path).path}")
        trouble = self.way.troubles.popleft() if self.way.troubles else self.way.always or passed_on
        with suppress(OSError, HTTPException):  # the caller has gone
            trouble(self, body, lambda: self.way.answer(self, body))

    do_PUT = do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815 - names that http.server looks for


def _forwarded(caller: Handler) -> dict[str, str]:
    return {name: value for name, value in caller.headers.items() if name.lower() not in {"expect", "connection"}}


def passed_on(caller: Handler, _body: bytes, answer: Callable[[], tuple[HTTPResponse, bytes]]) -> None:
    """Nothing goes wrong."""
    told, content = answer()
    send_head(caller, told, len(content))
    caller.wfile.write(content)


def refused(status: int, code: str) -> Trouble:
    """The store refuses, in the words of S3."""

    def trouble(caller: Handler, _body: bytes, _answer: object) -> None:
        content = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>by the test</Message></Error>".encode()
        if caller.command == "HEAD":
            content = b""
        caller.send_response(status)
        caller.send_header("Content-Length", str(len(content)))
        caller.end_headers()
        caller.wfile.write(content)

    return trouble


def silence(caller: Handler, _body: bytes, _answer: object) -> None:
    """No answer comes, and the connection stays."""
    caller.way.released.wait(60)
    caller.close_connection = True


def lost_answer(caller: Handler, _body: bytes, answer: Callable[[], tuple[HTTPResponse, bytes]]) -> None:
    """The store does what it was asked for, and nobody hears of it."""
    answer()
    reset(caller, b"", answer)


def reset(caller: Handler, _body: bytes, _answer: object) -> None:
    """The connection is reset once the request was read."""
    caller.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    caller.close_connection = True
    caller.connection.close()


def cut_off(after: int) -> Trouble:
    """The answer ends after so many bytes of its body."""

    def trouble(caller: Handler, _body: bytes, answer: Callable[[], tuple[HTTPResponse, bytes]]) -> None:
        told, content = answer()
        send_head(caller, told, len(content))
        caller.wfile.write(content[:after])
        caller.wfile.flush()
        caller.close_connection = True

    return trouble


def altered(caller: Handler, _body: bytes, answer: Callable[[], tuple[HTTPResponse, bytes]]) -> None:
    """A bit of the answer's body is another."""
    told, content = answer()
    send_head(caller, told, len(content))
    caller.wfile.write(bytes([content[0] ^ 1]) + content[1:] if content else content)


def send_head(caller: Handler, told: HTTPResponse, length: int) -> None:
    """Repeat the head of an answer."""
    caller.send_response_only(told.status)
    for name, value in told.getheaders():
        if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
            caller.send_header(name, value)
    head = caller.command == "HEAD"
    caller.send_header("Content-Length", told.getheader("Content-Length") or "0" if head else str(length))
    caller.end_headers()
