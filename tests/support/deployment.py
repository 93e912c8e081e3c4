"""A whole deployment as processes of their own on free ports: control plane, gateway, demo backend; embedded default."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any, ClassVar, Self

from support.migrated import Migrated
from support.ports import free_port

from portazgo.client.admin import AdminClient
from portazgo.kit.secret import Secret
from portazgo.roles.demo_setup import set_up
from portazgo.roles.parts import portazgo_command
from portazgo.roles.ports import answers

PROJECT = Path(__file__).resolve().parents[2]
INSIGNIA = PROJECT / "examples" / "insignia"
START_SECONDS = 90.0
READY_SECONDS = 30.0
STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer of the gateway."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def request_id(self) -> str:
        """Ours."""
        return self.headers["x-request-id"]

    def json(self) -> Any:
        """Read the body."""
        return json.loads(self.body)


class Deployment:
    """Start it with `with`; every part is ended by its process id. `tls`: how partners trust a gateway that speaks TLS."""

    migrated: ClassVar[Migrated | None] = None
    """What deployments begin with; None: each with no database at all, as a new user's."""

    def __init__(self, folder: Path, *, tls: ssl.SSLContext | None = None, **environment: str) -> None:
        self.folder = folder
        self.tls = tls
        self.data = folder / "data"
        self.answer_log = folder / "answers.jsonl"
        self.fault_file = folder / "fault"
        self.gateway_port, self.control_port, self.backend_port = free_port(), free_port(), free_port()
        self._admin_port = free_port()
        internal = f"127.0.0.1:{free_port()}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PORTAZGO_")},
            "PORTAZGO_DATA_DIR": str(self.data),
            "PORTAZGO_GATEWAY_PORT": str(self.gateway_port),
            "PORTAZGO_CONTROL_PORT": str(self.control_port),
            "PORTAZGO_INTERNAL_LISTEN": internal,
            "PORTAZGO_INTERNAL_URL": f"http://{internal}",
            "PORTAZGO_ADMIN_LISTEN": f"127.0.0.1:{self._admin_port}",
            **environment,
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.key: dict[str, Any] = {}

    def __enter__(self) -> Self:
        """Start all parts, and make what the demo makes."""
        self._lay_out()
        if Deployment.migrated is not None:
            Deployment.migrated.lay_out_insignia(self.folder / "insignia")
        try:
            self._migrate_and_start_backend()
            self.start_control()
            self.start_gateway()
            self.key = set_up(self.admin, self.backend_url, "insignia")
            self.wait_for(lambda: self.call().status == 200, "the first call")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End all parts, the gateway first."""
        for name in ("worker", "gateway", "control", "backend"):
            if name in self.processes:
                self.stop(name)

    def begin(self) -> None:
        """Make what `portazgo migrate` makes, and run nothing."""
        self._lay_out()
        subprocess.run(portazgo_command("migrate"), env=self.environment, cwd=self.folder, check=True)

    @property
    def admin(self) -> AdminClient:
        """The admin API, with every scope."""
        return AdminClient(self.control_url, Secret((self.data / "admin-token").read_text().strip()))

    @property
    def control_url(self) -> str:
        """Where the admin API is."""
        return f"http://127.0.0.1:{self.control_port}"

    @property
    def backend_url(self) -> str:
        """Where the demo backend is."""
        return f"http://127.0.0.1:{self.backend_port}"

    @property
    def health_url(self) -> str:
        """Where the node tells about itself."""
        return f"http://127.0.0.1:{self._admin_port}"

    def start_backend(self) -> None:
        """Start the demo backend, which can be told to fail and logs what it answered."""
        command = [sys.executable, "-m", "insignia", "serve", "--port", str(self.backend_port)]
        command += ["--data", str(self.folder / "insignia"), "--issuer", self.control_url, "--audience", "insignia"]
        command += ["--jwks-url", f"{self.control_url}/.well-known/jwks.json"]
        environment = {
            "PYTHONPATH": str(INSIGNIA),
            "INSIGNIA_FAULTS": "1",
            "INSIGNIA_FAULT_FILE": str(self.fault_file),
            "INSIGNIA_ANSWER_LOG": str(self.answer_log),
        }
        self._start("backend", command, environment, lambda: answers(f"{self.backend_url}/api/health/"))

    def start_control(self) -> None:
        """Start the control plane."""
        self._start("control", portazgo_command("control"), {}, lambda: answers(f"{self.control_url}/health"))

    def start_gateway(self) -> None:
        """Start the gateway node."""
        self._start("gateway", portazgo_command("gateway"), {}, lambda: answers(f"{self.health_url}/health/ready"))

    def start_worker(self) -> None:
        """Start the background jobs, which no test needs that doesn't say so."""
        log = self.folder / "worker.log"
        before = log.read_text().count("worker works") if log.exists() else 0
        self._start("worker", portazgo_command("worker"), {}, lambda: log.read_text().count("worker works") > before)

    def spawn_gateway(self) -> None:
        """Start the gateway node, and wait for no more than its admin port."""
        self._start("gateway", portazgo_command("gateway"), {}, lambda: answers(f"{self.health_url}/health/live"))

    def begin_gateway(self) -> None:
        """Start the gateway node, and wait for nothing."""
        self._start("gateway", portazgo_command("gateway"), {}, lambda: True)

    def stop(self, name: str) -> int:
        """End a part by SIGTERM. Returns its exit code."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            return process.wait(STOP_SECONDS)
        finally:
            process.kill()

    def kill(self, name: str) -> None:
        """End a part by SIGKILL."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def call(self, path: str = "/v1/badges/", *, method: str = "GET", body: str | None = None, **headers: str) -> Reply:
        """Call the gateway with the demo's key, on a connection of its own."""
        connection = (
            HTTPConnection("127.0.0.1", self.gateway_port, timeout=30)
            if self.tls is None
            else HTTPSConnection("127.0.0.1", self.gateway_port, timeout=30, context=self.tls)
        )
        try:
            sent = {
                "X-Api-Key": self.key["api_key"],
                **{name.replace("_", "-"): value for name, value in headers.items()},
            }
            connection.request(method, path, body, {name: value for name, value in sent.items() if value})
            answer = connection.getresponse()
            lower = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, lower, answer.read())
        finally:
            connection.close()

    def trace(self, request_id: str, within_seconds: float = 10.0) -> dict[str, Any]:
        """Wait for the record of a request."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            page = self.admin.get("/traces", {"limit": 200})
            found[:] = [item for item in page["items"] if item["request_id"] == request_id]
            return bool(found)

        self.wait_for(look, f"the record of {request_id}", within_seconds)
        return found[0]

    def fail(self, fault: str | None) -> None:
        """Tell the backend how to fail from now on; None: not at all."""
        if fault is None:
            self.fault_file.unlink(missing_ok=True)
        else:
            self.fault_file.write_text(f"{fault} /api/badges\n")

    def log(self, name: str) -> str:
        """All that a part has said."""
        return (self.folder / f"{name}.log").read_text()

    def wait_for(self, done: Callable[[], bool], what: str, within_seconds: float = READY_SECONDS) -> None:
        """Look again and again until it is so. Raises TimeoutError."""
        deadline = time.monotonic() + within_seconds
        while not done():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} did not come within {within_seconds} s")
            time.sleep(0.05)

    def _lay_out(self) -> None:
        self.data.mkdir(mode=0o700, parents=True)
        if Deployment.migrated is not None:
            Deployment.migrated.lay_out(self.data, self.environment)

    def _migrate_and_start_backend(self) -> None:
        """Do both at once: the backend knows nothing of the databases."""
        with subprocess.Popen(portazgo_command("migrate"), env=self.environment, cwd=self.folder) as migrating:
            self.start_backend()
        if migrating.returncode:
            raise subprocess.CalledProcessError(migrating.returncode, migrating.args)

    def _start(
        self, name: str, command: list[str] | tuple[str, ...], environment: dict[str, str], ready: Callable[[], bool]
    ) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        process = subprocess.Popen(
            command, env={**self.environment, **environment}, stdout=log, stderr=log, cwd=self.folder
        )
        log.close()
        self.processes[name] = process
        self.wait_for(lambda: ready() or process.poll() is not None, f"the {name}", START_SECONDS)
        if process.poll() is not None:
            raise RuntimeError(f"the {name} ended: {(self.folder / f'{name}.log').read_text()[-2000:]}")
