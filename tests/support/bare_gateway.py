"""A gateway node alone: the real process over a snapshot file, with one key and one route; no control plane."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from support.ports import free_port
from support.sealed import data_keys, opened

from portazgo._native import decode_segment
from portazgo.keys.domain import digest, format_key, inner
from portazgo.kit.secret import Secret
from portazgo.kit.wrapping.local import LocalWrapper
from portazgo.roles.parts import portazgo_command
from portazgo.roles.ports import answers

START_SECONDS = 30.0
STOP_SECONDS = 20.0
KID = "Kid0000001"
SECRET = "NotARealSecret00000000000000001A"
API_KEY = format_key("ptz", "live", KID, Secret(SECRET))  # type: ignore[arg-type]
HISTORY = "01990000-0000-7000-8000-0000000000ff"
PARTNER, APPLICATION, PLAN, BACKEND, API, ROUTE, POST_ROUTE = (
    f"01990000-0000-7000-8000-00000000000{n}" for n in range(1, 8)
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the origin saw it."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The one value of a header."""
        values = [value for known, value in self.headers if known.lower() == name.lower()]
        assert len(values) <= 1, (name, values)
        return values[0] if values else None


@dataclass
class Origin:
    """A backend in this process that notes what it is asked. `prepare` may wrap its socket (TLS)."""

    answer: bytes = b'{"ok": true}'
    prepare: Callable[[ThreadingHTTPServer], None] | None = None
    seen: list[Seen] = field(default_factory=list)

    def __enter__(self) -> Self:
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                if self.headers.get("transfer-encoding"):
                    body = _chunked(self.rfile)
                else:
                    body = self.rfile.read(int(self.headers.get("content-length", "0")))
                origin.seen.append(Seen(self.command, self.path, list(self.headers.items()), body))
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(origin.answer)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(origin.answer)

            do_GET = do_POST = do_HEAD = handle_any  # noqa: N815 - http.server finds them by these names

            def log_message(self, *_: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A client that leaves, or a handshake that fails, is what some tests are about."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        if self.prepare is not None:
            self.prepare(self._server)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def _chunked(stream: Any) -> bytes:
    body = b""
    while size := int(stream.readline().split(b";")[0], 16):
        body += stream.read(size)
        stream.readline()
    while stream.readline().strip():
        pass
    return body


class BareGateway:
    """Start it with `with`; it is ended by its process id.

    `get`: further members of the route for GET. `further`: resources beside the usual ones; a key among them has SECRET.
    """

    def __init__(
        self,
        folder: Path,
        backend: Mapping[str, Any],
        *,
        key: Mapping[str, Any] | None = None,
        get: Mapping[str, Any] | None = None,
        requires: Sequence[str] = ("backend.http1.1", "credential.none.1"),
        further: Sequence[dict[str, Any]] = (),
        **environment: str,
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port, self.admin_port = free_port(), free_port()
        self._resources = [*_resources(backend, key or {}, get or {}, requires), *further]
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PORTAZGO_")},
            "PORTAZGO_DATA_DIR": str(self.data),
            "PORTAZGO_GATEWAY_PORT": str(self.port),
            "PORTAZGO_ADMIN_LISTEN": f"127.0.0.1:{self.admin_port}",
            "PORTAZGO_THREADS": "1",
            "PORTAZGO_PROFILE": "production",
            "PORTAZGO_REVOCATION_MAX_STALENESS": "off",
            "PORTAZGO_DRAIN_WAIT": "0s",
            "PORTAZGO_DRAIN_TIME": "4s",
            "PORTAZGO_LOG_FORMAT": "json",
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.data.mkdir(parents=True, mode=0o700, exist_ok=True)
        wrapper = LocalWrapper.open(self.data / "master.key", create=True)
        pepper = b"p" * 32
        secret = {"slot": "current", "digest": digest(pepper, inner(Secret(SECRET))), "pepper": 1, "ends_at_us": None}
        for resource in self._resources:
            if resource["kind"] == "key":
                resource["body"]["secrets"] = [secret]
        lines: list[dict[str, Any]] = [
            {"format": 1, "history": HISTORY, "revision": 1, "hash": "0" * 64},
            {"kind": "pepper", "id": "1", "requires": [], "body": {"wrapped": wrapper.wrap("pepper/1", pepper)}},
            *data_keys(wrapper, PARTNER),
            *self._resources,
        ]
        lines.append({"end": True, "count": len(lines) - 1})
        snapshot = self.folder / "snapshot.ndjson"
        snapshot.write_text("".join(json.dumps(line) + "\n" for line in lines))
        with self.log.open("ab") as log:
            command = [*portazgo_command("gateway"), "--snapshot", str(snapshot)]
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log, cwd=self.folder)
        ready = f"http://127.0.0.1:{self.admin_port}/health/ready"
        try:
            wait_for(lambda: answers(ready) or self.has_ended, "the gateway", START_SECONDS)
            assert not self.has_ended, self.log.read_text()[-2000:]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def log(self) -> Path:
        return self.folder / "gateway.log"

    @property
    def has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None: it runs."""
        assert self._process is not None
        return self._process.poll()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def resident_bytes(self) -> int:
        """What the process holds in memory now."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmRSS")

    def records(self) -> list[dict[str, Any]]:
        """All records of sealed segments, in order."""
        files = sorted(
            (self.data / "node" / "segments").glob("*/*.seg"), key=lambda path: (path.parent.name, int(path.stem))
        )
        return opened(record for path in files for record in decode_segment(path.read_bytes()))

    def record_of(self, request_id: str) -> dict[str, Any]:
        """Wait for the record of a request, and see that it is the only one."""
        (record,) = self.wait_for_records(1, lambda one: one["request_id"] == request_id)
        return record

    def wait_for_records(
        self, count: int, wanted: Callable[[dict[str, Any]], bool] | None = None
    ) -> list[dict[str, Any]]:
        """Wait until there are as many records that are wanted; more are an error of the test."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            found[:] = [record for record in self.records() if wanted is None or wanted(record)]
            return len(found) >= count

        wait_for(look, f"{count} records")
        assert len(found) == count, found
        return found


def wait_for(done: Callable[[], bool], what: str, within_seconds: float = 10.0) -> None:
    """Look again and again until it is so. Raises TimeoutError."""
    deadline = time.monotonic() + within_seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {within_seconds} s")
        time.sleep(0.02)


def backend_to(target: str, **more: Any) -> dict[str, Any]:
    """The live environment of a backend without credentials."""
    timeouts = {"connect_ms": 2000, "first_byte_ms": 5000, "idle_ms": 5000, "total_ms": 20000}
    return {"targets": [target], "timeouts": timeouts, "credential": {"kind": "none"}, **more}


def _resources(
    backend: Mapping[str, Any], key: Mapping[str, Any], get: Mapping[str, Any], requires: Sequence[str]
) -> list[dict[str, Any]]:
    def resource(kind: str, identifier: str, body: dict[str, Any], needs: Sequence[str] = ()) -> dict[str, Any]:
        return {"kind": kind, "id": identifier, "requires": list(needs), "body": body}

    def route(identifier: str, method: str, further: Mapping[str, Any]) -> dict[str, Any]:
        body = {
            "api": API, "api_name": "things", "name": method.lower(), "hosts": None, "method": method,
            "path": "/v1/things/{id}", "backend": BACKEND, "backend_method": method, "backend_path": "/api/things/{id}",
            "environments": ["live"], "scopes": [], "passthrough": True, "max_request_bytes": 1_000_000,
            "max_response_bytes": None, "query": "all", "request_headers": [], "response_headers": [], **further,
        }  # fmt: skip
        return resource("route", identifier, body, ["route.passthrough.1"])

    return [
        resource("partner", PARTNER, {"name": "northwind", "status": "active", "metadata": {}}),
        resource(
            "application",
            APPLICATION,
            {"name": "crm", "partner": PARTNER, "environment": "live", "status": "active", "plan": PLAN, "metadata": {}},
        ),
        resource("plan", PLAN, {"name": "all", "apis": [API], "scopes": None, "throttles": []}),
        resource("backend", BACKEND, {"name": "origin", "environments": {"live": dict(backend)}}, requires),
        resource(
            "key",
            KID,
            {
                "application": APPLICATION, "status": "active", "name": "server", "secrets": [], "expires_at_us": None,
                "scopes": None, "networks": None, **key,
            },
        ),
        route(ROUTE, "GET", get),
        route(POST_ROUTE, "POST", {}),
    ]  # fmt: skip
