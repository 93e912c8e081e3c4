"""docs/your-backend.md, command by command, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.documents import PROJECT, fenced_lines

from portazgo.roles.ports import answers, free_port

PAGE = PROJECT / "docs" / "your-backend.md"
SHELL = "/bin/bash"
READY_SECONDS = 60
STOP_SECONDS = 20


@dataclass
class Reader:
    """Types what the page says, with ports that are free and the values that earlier commands showed."""

    folder: Path
    ports: dict[str, str]
    environment: dict[str, str]
    cleaning: ExitStack
    shown: dict[str, str] = field(default_factory=dict)

    def types(self, command: str) -> str:
        """Run a command to its end. Returns what it printed on stdout."""
        done = subprocess.run(
            [SHELL, "-c", self._here(command)],
            cwd=self.folder,
            env=self.environment | self.shown,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def starts(self, command: str, url: str) -> None:
        """Leave a command running, as in a terminal of its own."""
        process = subprocess.Popen([SHELL, "-c", f"exec {self._here(command)}"], cwd=self.folder, env=self.environment)
        self.cleaning.callback(process.wait, STOP_SECONDS)
        self.cleaning.callback(process.terminate)
        deadline = time.monotonic() + READY_SECONDS
        while not answers(url):
            assert process.poll() is None, f"{command} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{command} is not ready"
            time.sleep(0.1)

    def _here(self, command: str) -> str:
        for usual, free in self.ports.items():
            command = command.replace(f":{usual}", f":{free}").replace(f"--port {usual}", f"--port {free}")
        return command.replace("examples/", f"{PROJECT}/examples/")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    ports = {usual: str(free_port()) for usual in ("8080", "8081", "8090")}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PORTAZGO_")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}",
        "PORTAZGO_GATEWAY_PORT": ports["8080"],
        "PORTAZGO_CONTROL_PORT": ports["8081"],
    }
    with ExitStack() as cleaning:
        yield Reader(tmp_path, ports, environment, cleaning)


def commands_of_the_page() -> list[str]:
    lines = [line.text for line in fenced_lines(PAGE) if line.language == "console"]
    return [text.removeprefix("$ ") for text in lines if text.startswith("$ ") and not text.startswith("$ export")]


def test_the_page_leads_from_nothing_to_a_recorded_call(reader: Reader) -> None:
    up, backend, *rest = commands_of_the_page()
    reader.starts(up, f"http://127.0.0.1:{reader.ports['8081']}/health")
    reader.starts(backend, f"http://127.0.0.1:{reader.ports['8090']}/openapi.json")
    printed = {}
    for command in rest:
        if command.startswith("portazgo trace show"):
            time.sleep(2.5)  # "records arrive about a second after the answer"
        output = printed[command.split(" $")[0]] = reader.types(command)
        if found := re.search(r"ptz_live_(\w{10})_\w+", output):
            reader.shown |= {"KEY": found[0], "KID": found[1]}
            time.sleep(1)  # the node hears of the key
        if found := re.search(r"^x-request-id: (\S+)", output, re.MULTILINE):
            reader.shown["ID"] = found[1]
    call = next(output for command, output in printed.items() if command.startswith("curl"))
    assert call.startswith("HTTP/1.1 200 OK")
    assert '"warehouse_note"' in call
    assert reader.shown["ID"] in printed["portazgo trace show"]
    assert "courier" in printed["portazgo trace list"]
    dead = reader.types(next(command for command in rest if command.startswith("curl")))
    assert dead.startswith("HTTP/1.1 401 ")
