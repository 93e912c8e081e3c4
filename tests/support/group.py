"""`portazgo up` or `demo` as a group of processes, watched from outside through /proc."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from portazgo.roles.parts import portazgo_command

READY_SECONDS = 60.0
END_SECONDS = 15.0
"""What the group is given to end, all of it."""


class Group:
    """Start it with `with`; whatever is left at the end is killed by its process id."""

    def __init__(self, role: str, environment: Mapping[str, str], folder: Path) -> None:
        self._role = role
        self._environment = dict(environment)
        self._folder = folder
        self.log = folder / f"{role}.log"
        self.process: subprocess.Popen[bytes]
        self._seen: dict[int, str] = {}

    def __enter__(self) -> Self:
        """Start it, in a session of its own as a shell's job has a group of its own."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                portazgo_command(self._role),
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind."""
        self.parts()
        self.process.kill()
        self.process.wait()
        for pid in self.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def parts(self) -> dict[str, int]:
        """The parts that run now: role to process id."""
        found = {}
        for pid in children(self.process.pid):
            words = command_line(pid)
            if words:
                found[words[-1] if "portazgo" in words else "backend"] = pid
        for pid in descendants(self.process.pid):
            self._seen.setdefault(pid, life_of(pid))
        return found

    def left(self) -> list[int]:
        """Whatever of all that was ever seen still runs; a later process with its number is another life."""
        return [pid for pid, life in self._seen.items() if life and life_of(pid) == life]

    def lines(self) -> list[dict[str, Any]]:
        """What was logged, every line of it JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def said(self, message: str) -> bool:
        """Tell whether a line with this message was logged."""
        return any(f'"message": "{message}"' in line for line in self.log.read_text().splitlines())

    def wait_ready(self) -> None:
        """Wait until it says so."""
        wait_for(lambda: self.said("ready") or self.process.poll() is not None, "the group")
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        self.parts()

    def end(self, number: signal.Signals) -> tuple[int, float]:
        """Send a signal to the whole group, as a terminal does. Returns the exit code and the seconds it took."""
        self.parts()
        began = time.monotonic()
        os.killpg(self.process.pid, number)
        code = self.process.wait(END_SECONDS + 10)
        return code, time.monotonic() - began


def wait_for(done: Callable[[], bool], what: str, within_seconds: float = READY_SECONDS) -> None:
    """Wait for something, looking often."""
    deadline = time.monotonic() + within_seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {within_seconds} s")
        time.sleep(0.1)


def children(pid: int) -> list[int]:
    """The children of a process, whichever of its threads started them."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(word) for word in task.read_text().split()]
        except OSError:
            continue
    return found


def descendants(pid: int) -> set[int]:
    """All that came of a process."""
    found: set[int] = set()
    for child in children(pid):
        found |= {child, *descendants(child)}
    return found


def life_of(pid: int) -> str:
    """When a process was started, in the kernel's ticks; empty when it is gone, or a zombie. Source: proc_pid_stat(5)."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if after_name[0] == "Z" else after_name[19]


def command_line(pid: int) -> list[str]:
    """The words with which a process was started; empty when it is gone, or a zombie."""
    try:
        text = Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return []
    return text.split("\0")[:-1]
