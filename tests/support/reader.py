"""Somebody who reads a page and types what it says, in an empty folder, on ports that are free."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from support.documents import PROJECT, Line, command_lines
from support.ports import free_port

from portazgo.client.admin import AdminClient
from portazgo.kit.secret import Secret
from portazgo.roles.ports import answers

SHELL = "/bin/bash"
USUAL_PORTS = ("8080", "8081", "8090")
"""What the pages say: gateway, control plane, the reader's backend."""
READY_SECONDS = 60
STOP_SECONDS = 20


@dataclass
class Reader:
    """`ports` maps what the page says to what is free; `shown` holds what earlier commands showed, as variables."""

    folder: Path
    ports: dict[str, str]
    environment: dict[str, str]
    cleaning: ExitStack
    shown: dict[str, str] = field(default_factory=dict)
    typed: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def at(cls, folder: Path, *pages: Path) -> Iterator[Self]:
        """Begin in this folder; what the reader left running is ended. By then every command of the pages was typed."""
        ports = {usual: str(free_port()) for usual in USUAL_PORTS}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PORTAZGO_")}
        environment |= {
            "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}",
            "PORTAZGO_GATEWAY_PORT": ports["8080"],
            "PORTAZGO_CONTROL_PORT": ports["8081"],
        }
        with ExitStack() as cleaning:
            reader = cls(folder, ports, environment, cleaning)
            yield reader
            shown = [line for page in pages for line in command_lines(page)]
            left = [f"{line.number}: {line.text}" for line in shown if not reader.knows(line)]
            assert left == [], f"shown to readers, and not typed here: {left}"

    def writes(self, name: str, text: str) -> None:
        """Put a file of the page beside the others."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(self._here(text))

    def knows(self, line: Line) -> bool:
        """Tell whether a command of a page was typed: as it stands there, or with something added."""
        return any(_is_in(_words(line.text), _words(typed)) for typed in self.typed)

    def types(self, command: str, exit_code: int = 0) -> str:
        """Run a command to its end. Returns what it printed on stdout, with the page's ports."""
        self.typed.append(command)
        done = subprocess.run(
            [SHELL, "-c", self._here(command)],
            cwd=self.folder,
            env=self.environment | self.shown,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == exit_code, f"{command}\n{done.stdout}\n{done.stderr}"
        output = done.stdout
        for usual, free in self.ports.items():
            output = output.replace(f":{free}", f":{usual}")
        return output

    def starts(self, command: str, path: str, port: str) -> None:
        """Leave a command running, as in a terminal of its own, and wait until it answers at this path and port."""
        self.typed.append(command)
        process = subprocess.Popen([SHELL, "-c", f"exec {self._here(command)}"], cwd=self.folder, env=self.environment)
        self.cleaning.callback(process.wait, STOP_SECONDS)
        self.cleaning.callback(process.terminate)
        deadline = time.monotonic() + READY_SECONDS
        while not answers(f"http://127.0.0.1:{self.ports[port]}{path}"):
            assert process.poll() is None, f"{command} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{command} is not ready"
            time.sleep(0.1)

    def demo(self) -> dict[str, Any]:
        """Wait until the demo that was started is ready, its partner and key made. Returns what it tells programs."""
        file = self.folder / ".portazgo" / "demo.json"
        deadline = time.monotonic() + READY_SECONDS
        while not (file.exists() and json.loads(file.read_text()).get("ready")):
            assert time.monotonic() < deadline, "the demo is not ready"
            time.sleep(0.2)
        shown: dict[str, Any] = json.loads(file.read_text())
        return shown

    def settles(self) -> None:
        """Wait until the nodes serve what was changed before."""
        deadline = time.monotonic() + READY_SECONDS
        while not nodes_are_current(self.folder, self.ports["8081"]):
            assert time.monotonic() < deadline, "the nodes don't serve the newest revision"
            time.sleep(0.1)

    def _here(self, text: str) -> str:
        for usual, free in self.ports.items():
            text = text.replace(f":{usual}", f":{free}").replace(f"--port {usual}", f"--port {free}")
        return text.replace("examples/", f"{PROJECT}/examples/")


def nodes_are_current(folder: Path, control_port: str) -> bool:
    """Tell whether there are nodes, and all of them have told that they serve the newest revision."""
    token = (folder / ".portazgo" / "admin-token").read_text().strip()
    nodes = AdminClient(f"http://127.0.0.1:{control_port}", Secret(token)).get("/nodes")["items"]
    return bool(nodes) and all(node["current"] for node in nodes)


def _words(command: str) -> list[str]:
    # The reader keeps variables and the environment: what is set is typed without that.
    assigned = re.fullmatch(r"[A-Z]+=\$\((.+)\)", command)
    words = re.sub(r"^(?:[A-Z_]+=\S+ )+", "", assigned[1] if assigned else command).split()
    return [word for word in words if word != "\\"]


def _is_in(wanted: list[str], typed: list[str]) -> bool:
    rest = iter(typed)
    return all(word in rest for word in wanted)
