"""The control plane as a process of its own, and a node's view of its internal listener."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.prepared import Forked, Prepared

from portazgo.kit.http import Answer, JsonClient
from portazgo.kit.ids import uuid7
from portazgo.kit.secret import Secret
from portazgo.settings import Settings

START_SECONDS = 30

_PROGRAM = """
import sys
from portazgo.control.server import serve_control
from portazgo.kit.logs import configure_logs
from portazgo.settings import load
configure_logs("json")
sys.exit(serve_control(load()))
"""


def environment_of(settings: Settings, state_url: str | None) -> dict[str, str]:
    """Say what a control plane on free ports, over the databases of the tests, is told."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PORTAZGO_")},
        "PORTAZGO_DATA_DIR": str(settings.data_dir),
        "PORTAZGO_CONTROL_PORT": "0",
        "PORTAZGO_INTERNAL_LISTEN": "127.0.0.1:0",
        **({"PORTAZGO_STATE_URL": state_url} if state_url else {}),
    }


class ControlProcess:
    """`serve_control` in a process, on free ports, over the databases of the tests.

    `prelude` is Python that the process runs first: for what can't be brought about from outside.
    """

    def __init__(self, settings: Settings, state_url: str | None, *, prelude: str = "", **environment: str) -> None:
        self._program = prelude + _PROGRAM
        self._environment = {**environment_of(settings, state_url), **environment}
        self._process: subprocess.Popen[bytes] | Forked | None = None
        self.log: list[dict[str, Any]] = []
        self.control_url = self.internal_url = ""

    def start(self, prepared: Prepared | None = None) -> ControlProcess:
        """Start it, of its own or from what is prepared, and wait until both ports answer."""
        log, stderr = os.pipe()
        try:
            self._process = prepared.fork(stderr) if prepared else self._started(stderr)
        finally:
            os.close(stderr)
        ready = threading.Event()
        threading.Thread(target=self._read, args=(log, ready), daemon=True).start()
        if not ready.wait(START_SECONDS) or not self.control_url:
            self.stop()
            raise RuntimeError(f"the control plane did not start: {self.log}")
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> int:
        """Send SIGTERM; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait until it has ended; returns the exit code. One that does not end is killed: TimeoutExpired is raised."""
        assert self._process is not None
        try:
            return self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
            raise

    def _started(self, stderr: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", self._program], env=self._environment, stderr=stderr, cwd="/")

    def _read(self, log: int, ready: threading.Event) -> None:
        with os.fdopen(log, "rb") as lines:
            for line in lines:
                try:
                    entry = json.loads(line)
                except ValueError:
                    entry = {"message": line.decode(errors="replace")}
                self.log.append(entry)
                if entry["message"] == "the control plane is ready":
                    self.control_url = f"http://{entry['control']}"
                    self.internal_url = f"http://127.0.0.1:{entry['internal']}"
                    ready.set()
        ready.set()


@dataclass
class FeedClient:
    """Speaks to the internal listener as a node does."""

    url: str
    token: str
    node: str = field(default_factory=lambda: str(uuid7()))
    epoch: str = field(default_factory=lambda: str(uuid7()))

    def __post_init__(self) -> None:
        self._client = JsonClient(self.url, Secret(self.token))

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Portazgo-Node": self.node, "X-Portazgo-Epoch": self.epoch}

    def snapshot(self) -> Answer:
        return self._client.request("GET", "/internal/v1/snapshot", headers=self.headers)

    def changes(self, history: str, after: int, digest: str, security: int = 0, wait: int = 0) -> Answer:
        query = {"history": history, "after": after, "hash": digest, "security_after": security, "wait": wait}
        return self._client.request("GET", "/internal/v1/changes", query=query, headers=self.headers)

    def get(self, path: str, query: dict[str, Any]) -> Answer:
        return self._client.request("GET", path, query=query, headers=self.headers)

    def post(self, path: str, query: dict[str, Any]) -> Answer:
        return self._client.request("POST", path, query=query, headers=self.headers)

    def receipt(self, **members: Any) -> Answer:
        body = {
            "epoch": self.epoch,
            "history": "",
            "revision": 0,
            "hash": "0" * 64,
            "security": 0,
            "applied_at": "2026-11-24T12:00:00.000000Z",
            "threads": 2,
            "refused": None,
            "version": "0.1.0",
            "features": [],
            "label": "test",
            **members,
        }
        return self._client.request("POST", "/internal/v1/receipts", body=body, headers=self.headers)

    def logins(self, *failing: dict[str, Any]) -> Answer:
        body = {"epoch": self.epoch, "failing": failing}
        return self._client.request("POST", "/internal/v1/logins", body=body, headers=self.headers)

    def end(self, report: dict[str, Any]) -> Answer:
        return self._client.request("POST", "/internal/v1/epochs", body=report, headers=self.headers)

    def close(self) -> None:
        self._client.close()


def lines_of(answer: Answer) -> list[dict[str, Any]]:
    """Read NDJSON."""
    return [json.loads(line) for line in answer.body.splitlines()]


def pss_megabytes(pid: int) -> float:
    """Read a process's proportional set size."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no Pss")


def pss_of_role(pid: int) -> float:
    """Sum the proportional set sizes of a role: its process and all that came from it."""
    children = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _children(task)]
    return pss_megabytes(pid) + sum(pss_of_role(child) for child in children)


def _children(task: Path) -> list[str]:
    return (task / "children").read_text().split()
