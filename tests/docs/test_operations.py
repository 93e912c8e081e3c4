"""docs/operations.md: what its consoles show is what a reader gets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from support.documents import PROJECT, fenced_lines
from support.group import Group, wait_for
from support.ports import free_port
from support.reader import nodes_are_current

PAGE = PROJECT / "docs" / "operations.md"
ANYTHING = "…"


@dataclass
class Example:
    """A command of the page, and the lines that it shows."""

    command: str
    shown: list[str] = field(default_factory=list)


def examples() -> list[Example]:
    found: list[Example] = []
    for line in fenced_lines(PAGE):
        if line.language == "console" and line.text.startswith("$ "):
            found.append(Example(line.text.removeprefix("$ ")))
        elif line.language == "console":
            found[-1].shown.append(line.text)
    return found


def matches(shown: str, printed: str) -> bool:
    """Compare a line of the page, in which … stands for anything."""
    return re.fullmatch(".+".join(map(re.escape, shown.split(ANYTHING))), printed) is not None


def test_every_console_example_is_true(tmp_path: Path) -> None:
    ports = {"8080": str(free_port()), "8081": str(free_port())}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PORTAZGO_")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}",
        "PORTAZGO_GATEWAY_PORT": ports["8080"],
        "PORTAZGO_CONTROL_PORT": ports["8081"],
    }
    told = examples()
    assert [one.command.split("portazgo ")[1].split()[0] for one in told] == [
        "up",
        "doctor",
        "backup",
        "restore",
        "snapshot",
    ]
    with Group("up", environment, tmp_path) as group:
        group.wait_ready()
        # The doctor tells of the node's first receipt, which comes a moment after it is ready.
        wait_for(lambda: nodes_are_current(tmp_path, ports["8081"]), "the receipt")
        for example in told:
            done = subprocess.run(
                ["/bin/bash", "-c", example.command],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            printed = (done.stdout or done.stderr).replace("sqlite:////", "sqlite:///")
            for usual, free in ports.items():
                printed = printed.replace(f":{free}", f":{usual}")
            lines = printed.splitlines()
            differing = [pair for pair in zip(example.shown, lines, strict=False) if not matches(*pair)]
            assert (differing, len(lines)) == ([], len(example.shown)), printed
