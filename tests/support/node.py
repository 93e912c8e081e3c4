"""One more gateway node of a deployment: a folder, ports and a process of its own."""

from __future__ import annotations

import json
import subprocess
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from support.deployment import STOP_SECONDS, Deployment
from support.ports import free_port

from portazgo.roles.parts import portazgo_command
from portazgo.roles.ports import answers


class ExtraNode:
    """Start it with `start`, end it with `stop` or `kill`; its process is ended by its id."""

    def __init__(self, deployment: Deployment, folder: Path, **environment: str) -> None:
        self._deployment = deployment
        self.data = folder / "data"
        self.log = folder / "gateway.log"
        self.port, self._admin_port = free_port(), free_port()
        self._environment = {
            **deployment.environment,
            # A node needs nothing of the control plane's folder but the wrapping key and a token.
            "PORTAZGO_DATA_DIR": str(self.data),
            "PORTAZGO_WRAPPING": f"local:{deployment.data / 'master.key'}",
            "PORTAZGO_NODE_TOKEN_FILE": str(deployment.data / "node-token"),
            "PORTAZGO_GATEWAY_PORT": str(self.port),
            "PORTAZGO_ADMIN_LISTEN": f"127.0.0.1:{self._admin_port}",
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def node_id(self) -> str:
        """Its id, from its folder."""
        text: str = json.loads((self.data / "node" / "node.json").read_text())["node"]
        return text

    @property
    def kept(self) -> Path:
        """The node's folder: last known good, dead keys."""
        return self.data / "node"

    def start(self, *, wait: bool = True) -> None:
        """Start; `wait` until it is ready."""
        self.data.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            process = subprocess.Popen(portazgo_command("gateway"), env=self._environment, stdout=log, stderr=log)
        self._process = process
        if wait:
            ready = f"http://127.0.0.1:{self._admin_port}/health/ready"
            self._deployment.wait_for(lambda: answers(ready) or process.poll() is not None, "the extra node")
            assert process.poll() is None, self.log.read_text()[-2000:]

    def stop(self) -> int | None:
        """End it by SIGTERM. Returns its exit code; None when it did not run."""
        if self._process is None:
            return None
        self._process.terminate()
        try:
            return self._process.wait(STOP_SECONDS)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def call(self, api_key: str, path: str = "/v1/issuers/?page_size=1") -> tuple[int, Any]:
        """Call it. Returns status and the read body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers={"X-Api-Key": api_key})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def ready(self) -> dict[str, Any]:
        """What `/health/ready` says while it is green."""
        with urlopen(f"http://127.0.0.1:{self._admin_port}/health/ready", timeout=10) as answer:
            document: dict[str, Any] = json.load(answer)
        return document

    def metric(self, name: str) -> float:
        """Read one figure of `/metrics`."""
        with urlopen(f"http://127.0.0.1:{self._admin_port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return float(next(line.split()[1] for line in lines if line.split()[0] == name))
