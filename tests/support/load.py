"""Steady traffic: a few clients, each at its own pace; every answer is kept."""

from __future__ import annotations

import ssl
import threading
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Self

JOIN_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Call:
    """One call: when it began (monotonic), how long it took, and what came of it."""

    began: float
    seconds: float
    status: int
    request_id: str
    trouble: str


class SteadyLoad:
    """Calls while the `with` lasts. Bounded by its clients, each of which waits for its answer and then pauses."""

    def __init__(
        self,
        port: int,
        api_key: str,
        *,
        path: str = "/v1/issuers/?page_size=1",
        body: bytes | None = None,
        clients: int = 3,
        pause: float = 0.05,
        tls: ssl.SSLContext | None = None,
        calls_per_connection: int | None = None,
    ) -> None:
        """With a body it is POST; connections are kept as long as they last, or for so many calls."""
        self._port = port
        self._headers = {"X-Api-Key": api_key}
        self._path = path
        self._body = body
        self._pause = pause
        self._tls = tls
        self._calls_per_connection = calls_per_connection
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Self:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the last answers."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(JOIN_SECONDS)
            assert not thread.is_alive(), "a call got no answer"

    @property
    def calls(self) -> list[Call]:
        """What has come so far."""
        with self._lock:
            return list(self._calls)

    @property
    def failed(self) -> list[Call]:
        """What was not answered 200, or not whole."""
        return [call for call in self.calls if call.status != 200 or call.trouble]

    def _run(self) -> None:
        connection = self._connection()
        carried = 0
        try:
            while not self._stopping.is_set():
                call = self._call(connection)
                carried += 1
                with self._lock:
                    self._calls.append(call)
                if call.trouble or carried == self._calls_per_connection:
                    # It opens itself anew.
                    connection.close()
                    carried = 0
                self._stopping.wait(self._pause)
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        if self._tls is None:
            return HTTPConnection("127.0.0.1", self._port, timeout=30)
        return HTTPSConnection("127.0.0.1", self._port, timeout=30, context=self._tls)

    def _call(self, connection: HTTPConnection) -> Call:
        began = time.monotonic()
        status, request_id, trouble = 0, "", ""
        try:
            connection.request("GET" if self._body is None else "POST", self._path, self._body, self._headers)
            answer = connection.getresponse()
            status, request_id = answer.status, answer.headers.get("X-Request-Id", "")
            answer.read()
        except (OSError, HTTPException) as problem:
            trouble = repr(problem)
        return Call(began, time.monotonic() - began, status, request_id, trouble)
