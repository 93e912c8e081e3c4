"""A contender's processes: started on a core of their own, their processor time and memory read from /proc."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PROXY_CORE, LOAD_CORE = "0", "1"
START_SECONDS, STOP_SECONDS = 90.0, 10.0
TASKSET = shutil.which("taskset") or "taskset"
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
LOG = "output.log"
MOST_OPEN_FILES = 16_384


class DidNotStart(Exception):
    """A contender ended, or did not listen in time."""


@dataclass(frozen=True, slots=True)
class CoreTime:
    """What a core has done since the machine started, seconds."""

    busy: float
    stolen: float


class Started:
    """A program and all that it starts, as one session on one core; ended by its id."""

    def __init__(
        self, command: Sequence[str], folder: Path, port: int, environment: Mapping[str, str], core: str
    ) -> None:
        self.port = port
        self._log = folder / LOG
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                pinned(core, command),
                cwd=folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + START_SECONDS
        while not is_listening(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise DidNotStart(self._log.read_text(errors="replace")[-2000:])
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(STOP_SECONDS)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self._process.wait()

    def processor_seconds(self) -> float:
        """Add up what all processes and threads of the session have computed."""
        return sum(_processor_seconds(fields) for _, fields in self._session())

    def processor_seconds_of_threads(self) -> dict[str, float]:
        """Tell the same thread by thread, by name."""
        spent: dict[str, float] = {}
        for pid, _ in self._session():
            for task in Path(f"/proc/{pid}/task").iterdir():
                stat = (task / "stat").read_text()
                name = stat[stat.index("(") + 1 : stat.rindex(")")]
                spent[name] = spent.get(name, 0.0) + _processor_seconds(_fields(stat))
        return spent

    def resident_bytes(self) -> int:
        """Add up the memory of the session's processes."""
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE for pid, _ in self._session())

    def processes(self) -> list[int]:
        """Tell which processes there are."""
        return [pid for pid, _ in self._session()]

    def _session(self) -> Iterator[tuple[int, list[str]]]:
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = _fields((entry / "stat").read_text())
            except OSError:  # it has ended
                continue
            if int(fields[3]) == self._process.pid:
                yield int(entry.name), fields


def _fields(stat: str) -> list[str]:
    """Split what follows the name: state, parent, group, session and so on."""
    return stat.rpartition(")")[2].split()


def _processor_seconds(fields: Sequence[str]) -> float:
    return (int(fields[11]) + int(fields[12])) / TICKS


def pinned(core: str, command: Sequence[str]) -> list[str]:
    """Give the command that runs another on one core."""
    return [TASKSET, "--cpu-list", core, *command]


def core_time(core: str) -> CoreTime:
    """Read what a core has done."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *numbers = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _waiting, irq, softirq, stolen = (int(number) for number in numbers[:8])
            return CoreTime((user + nice + system + irq + softirq) / TICKS, stolen / TICKS)
    raise RuntimeError(f"there is no core {core}")


def is_listening(port: int) -> bool:
    """Tell whether something accepts connections there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 0.5):
            return True
    except OSError:
        return False
