"""docs/portazgo-yaml.md: its files are right, its commands lead from nothing to a call, and print what the page shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import jsonschema
import pytest
from support.documents import PROJECT, fenced_lines

from portazgo.declarative.file.yaml import read_yaml
from portazgo.roles.ports import answers, free_port

PAGE = PROJECT / "docs" / "portazgo-yaml.md"
READY_SECONDS = 60
STOP_SECONDS = 20
DIFFERENCES = 3


def blocks(language: str) -> list[str]:
    """The page's fenced blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def files() -> dict[str, str]:
    """The page's files, by the name in their first line."""
    return {block.splitlines()[0].removeprefix("# "): block for block in blocks("yaml")}


def test_the_files_are_right_by_the_schema_for_editors() -> None:
    schema = json.loads((PROJECT / "schema" / "portazgo.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    for name, text in files().items():
        parsed = read_yaml(text, Path(name))
        assert parsed.findings == []
        jsonschema.Draft202012Validator(schema).validate(parsed.tree)


def test_the_schema_marks_what_check_would_refuse() -> None:
    schema = json.loads((PROJECT / "schema" / "portazgo.json").read_text("utf-8"))
    wrong = {
        "$.name": {"name": "Acme Ltd"},
        "$": {"plnas": {}},
        "$.plans": {"plans": {"Not A Name": {}}},
        "$.settings": {"settings": {"log_formt": "json"}},
        "$.partners.a.applications.b": {"partners": {"a": {"applications": {"b": {}}}}},
    }
    for place, tree in wrong.items():
        errors = jsonschema.Draft202012Validator(schema).iter_errors(tree)
        assert [error.json_path for error in errors] == [place]


@dataclass
class Reader:
    """Types what the page says, with ports that are free and the key that was shown."""

    folder: Path
    ports: dict[str, str]
    environment: dict[str, str]
    cleaning: ExitStack
    shown: dict[str, str] = field(default_factory=dict)

    def writes(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(self._here(text))

    def types(self, command: str) -> str:
        """Run a command to its end. Returns what it printed, as the page would show it."""
        done = subprocess.run(
            ["/bin/bash", "-c", self._here(command)],
            cwd=self.folder,
            env=self.environment | self.shown,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        differs = command == "portazgo diff"
        assert done.returncode == (DIFFERENCES if differs else 0), f"{command}\n{done.stdout}\n{done.stderr}"
        output = done.stdout
        for usual, free in self.ports.items():
            output = output.replace(f":{free}", f":{usual}")
        return output

    def starts(self, command: str, path: str, port: str) -> None:
        """Leave a command running, as in a terminal of its own."""
        shell = ["/bin/bash", "-c", f"exec {self._here(command)}"]
        process = subprocess.Popen(shell, cwd=self.folder, env=self.environment)
        self.cleaning.callback(process.wait, STOP_SECONDS)
        self.cleaning.callback(process.terminate)
        deadline = time.monotonic() + READY_SECONDS
        while not answers(f"http://127.0.0.1:{self.ports[port]}{path}"):
            assert process.poll() is None, f"{command} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{command} is not ready"
            time.sleep(0.1)

    def _here(self, text: str) -> str:
        for usual, free in self.ports.items():
            text = text.replace(f":{usual}", f":{free}").replace(f"--port {usual}", f"--port {free}")
        return text.replace("examples/", f"{PROJECT}/examples/")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    ports = {usual: str(free_port()) for usual in ("8080", "8081", "8090")}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PORTAZGO_")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}",
        "PORTAZGO_GATEWAY_PORT": ports["8080"],
        "PORTAZGO_CONTROL_PORT": ports["8081"],
        "PORTAZGO_INTERNAL_LISTEN": f"127.0.0.1:{free_port()}",
        "PORTAZGO_ADMIN_LISTEN": f"127.0.0.1:{free_port()}",
    }
    with ExitStack() as cleaning:
        yield Reader(tmp_path, ports, environment, cleaning)


def test_the_page_leads_from_nothing_to_a_call_and_back(reader: Reader) -> None:
    for name, text in files().items():
        reader.writes(name, text)
    lines = [line.text.removeprefix("$ ") for line in fenced_lines(PAGE) if line.language == "console"]
    up, backend, *rest = lines
    reader.starts(up, "/health", "8081")
    reader.starts(backend, "/openapi.json", "8090")
    printed = []
    for command in rest:
        if command.startswith("curl --include"):
            time.sleep(1)  # the node hears of the key
        output = reader.types(command)
        printed.append((command, output))
        if found := re.search(r"ptz_live_(\w{10})_\w+", output):
            reader.shown["KEY"] = found[0]
    assert [output for command, output in printed if command == "portazgo diff"] == blocks("text")
    call = next(output for command, output in printed if command.startswith("curl --include"))
    assert call.startswith("HTTP/1.1 200 OK")
    assert '"warehouse_note"' in call
    assert [output for command, output in printed if command.endswith("exported.yaml")][-1].endswith(
        "No differences.\n"
    )
