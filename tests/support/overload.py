"""Load and its measure: a generator built from C, and an origin that is never what is slow."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.bare_gateway import API, API_KEY, SECRET, BareGateway
from support.ports import free_port
from support.server_process import ServerProcess, program

from portazgo.keys.domain import format_key
from portazgo.kit.secret import Secret

PATH = "/v1/things/1"
# Eight megabytes.
LARGE = "/v1/things/large"
# All but its end.
HEAD = f"GET {PATH} HTTP/1.1\r\nHost: gateway.example\r\nX-Api-Key: {API_KEY}\r\n".encode()
SOURCE = Path(__file__).with_name("open_loop.c")
STOP_SECONDS = 10.0
NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off; keepalive_requests 100000000; keepalive_timeout 75s;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 ok; }}
        location = /api/things/large {{ alias {folder}/large; }} }}
}}
"""


LIMITED_KID = "Kid0000002"
LIMITED_KEY = format_key("ptz", "live", LIMITED_KID, Secret(SECRET))  # type: ignore[arg-type]


def limited_partner(per_second: int) -> list[dict[str, Any]]:
    """Another partner, whose plan lets it call so often; LIMITED_KEY is its key."""
    partner, application, plan = (f"01990000-0000-7000-8000-00000000010{n}" for n in range(3))
    bodies: list[tuple[str, str, dict[str, Any]]] = [
        ("partner", partner, {"name": "greedy", "status": "active", "metadata": {}}),
        (
            "application",
            application,
            {
                "name": "loop", "partner": partner, "environment": "live", "status": "active", "plan": plan,
                "metadata": {},
            },
        ),
        (
            "plan",
            plan,
            {
                "name": "limited", "apis": [API], "scopes": None,
                "throttles": [
                    {"name": "second", "per": "key", "quota": per_second, "window_seconds": 1, "burst": None}
                ],
            },
        ),
        (
            "key",
            LIMITED_KID,
            {
                "application": application, "status": "active", "name": "loop", "secrets": [], "expires_at_us": None,
                "scopes": None, "networks": None,
            },
        ),
    ]  # fmt: skip
    return [{"kind": kind, "id": name, "requires": [], "body": body} for kind, name, body in bodies]


class FastOrigin(ServerProcess):
    """nginx that answers everything with 200; things/large are large."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, free_port())

    def command(self) -> list[str]:
        """Say what starts it."""
        self.folder.mkdir(parents=True)
        (self.folder / "large").write_bytes(b"x" * 8 * 1024 * 1024)
        configuration = self.folder / "nginx.conf"
        configuration.write_text(NGINX.format(folder=self.folder, port=self.place))
        return [program("nginx"), "-p", str(self.folder), "-c", str(configuration)]

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.address}"


@dataclass(frozen=True, slots=True)
class Load:
    """What a generator saw."""

    seconds: float
    good: int
    refused: int
    errors: int
    turned_back: int
    p50_us: int
    p99_us: int

    @property
    def goodput(self) -> float:
        """Answers with a status of 2xx per second."""
        return self.good / self.seconds


class Generator:
    """The built generator."""

    def __init__(self, folder: Path) -> None:
        self._program = folder / "open_loop"
        subprocess.run(["/usr/bin/env", "cc", "-O2", "-o", str(self._program), str(SOURCE), "-lm"], check=True)

    def start(
        self,
        port: int,
        *,
        connections: int,
        seconds: float,
        rate: float = 0,
        patience: float = 0,
        key: str = API_KEY,
        path: str = PATH,
    ) -> subprocess.Popen[str]:
        """Begin; `rate` 0 is a closed loop, `patience` for how long refused connections are left alone."""
        words = [port, key, path, connections, seconds, rate, patience]
        return subprocess.Popen([str(self._program), *map(str, words)], stdout=subprocess.PIPE, text=True)

    def run(self, port: int, *, connections: int, seconds: float, rate: float = 0, patience: float = 0) -> Load:
        """Run it to its end."""
        running = self.start(port, connections=connections, seconds=seconds, rate=rate, patience=patience)
        return result(running, seconds)


def result(process: subprocess.Popen[str], seconds: float) -> Load:
    """Wait for a generator, and give what it saw."""
    try:
        said, _ = process.communicate(timeout=seconds + 30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, said
    return Load(**json.loads(said))


def connected(gateway: BareGateway) -> socket.socket:
    """Connect to a gateway."""
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=20)


def cpu_seconds(pid: int) -> float:
    """What a process has worked so far, in all its threads."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def place(pids: Sequence[int], cores: set[int]) -> None:
    """Keep processes, with all their threads, on these cores."""
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)
