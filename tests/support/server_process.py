"""A real server as a process of its own, ended by its process id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

START_SECONDS, STOP_SECONDS = 20.0, 10.0
PLACES = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"


def program(*names: str) -> str:
    """Find a server's program. A missing one is an error, never a reason to test less."""
    for name in names:
        found = shutil.which(name, path=PLACES)
        if found is not None:
            return found
    raise RuntimeError(f"{' or '.join(names)} is not installed: run scripts/test-services")


class ServerProcess:
    """Start it with `with`: it listens then. What it prints goes into its folder."""

    works_in: Path | None = None
    """None: in its folder."""

    def __init__(self, folder: Path, place: int | Path) -> None:
        self.folder, self.place = folder, place

    def command(self) -> Sequence[str]:
        """Say what starts it."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """Say what it is to know beside the environment of the tests."""
        return {}

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.place}"

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def __enter__(self) -> Self:
        command, environment = self.command(), {**os.environ, **self.environment()}
        with (self.folder / "output.log").open("ab") as output:
            self._process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=output, cwd=self.works_in or self.folder
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._end(signal.SIGKILL)
                told = (self.folder / "output.log").read_text()[-2000:]
                raise RuntimeError(f"{Path(command[0]).name} did not start: {told}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        # Servers with workers end them on SIGTERM.
        self._end(signal.SIGTERM)

    def _end(self, by: signal.Signals) -> None:
        self._process.send_signal(by)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listens(self) -> bool:
        try:
            if isinstance(self.place, Path):
                with socket.socket(socket.AF_UNIX) as connected:
                    connected.connect(str(self.place))
            else:
                socket.create_connection(("127.0.0.1", self.place), 1).close()
        except OSError:
            return False
        return True
