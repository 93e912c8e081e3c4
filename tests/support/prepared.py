"""Control planes forked from a process that has imported what they need: imports are most of what the start of one computes.

Each is a process of its own all the same: it opens databases, listeners and threads after the fork.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("preparing.py")
LOOK_SECONDS = 0.01


class Prepared:
    """Begins with the first fork; `close` ends it. The environment is that of all control planes that come from it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._asking = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ours, self._its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def fork(self, stderr: int) -> Forked:
        """Make a control plane that writes its log there."""
        pid: int = self._ask({"fork": True}, [stderr])
        return Forked(self, pid)

    def ended(self, pid: int) -> int | None:
        """Give the exit code of one that was forked; None while it runs. Ask no more once it was given."""
        exit_code: int | None = self._ask({"ended": pid}, [])
        return exit_code

    def close(self) -> None:
        """End the process; what was forked from it goes on."""
        self._ours.close()
        self._its.close()
        if self._process is not None:
            self._process.wait(timeout=20)

    def _ask(self, question: dict[str, object], descriptors: list[int]) -> Any:
        with self._asking:
            if self._process is None:
                self._process = self._begun()
            socket.send_fds(self._ours, [json.dumps(question).encode()], descriptors)
            answer = self._ours.recv(100)
        if not answer:
            raise RuntimeError("what control planes are forked from has ended: its traceback is above")
        return json.loads(answer)

    def _begun(self) -> subprocess.Popen[bytes]:
        # Without -P the names of this folder would hide packages.
        command = [sys.executable, "-P", str(PROGRAM), str(self._its.fileno())]
        process = subprocess.Popen(command, env=self._environment, pass_fds=[self._its.fileno()], cwd="/")
        self._its.close()
        return process


class Forked:
    """What `subprocess.Popen` is for a child of our own."""

    def __init__(self, prepared: Prepared, pid: int) -> None:
        self.pid = pid
        self._prepared = prepared
        self._exit_code: int | None = None

    def poll(self) -> int | None:
        """Give the exit code; None while it runs."""
        if self._exit_code is None:
            self._exit_code = self._prepared.ended(self.pid)
        return self._exit_code

    def wait(self, timeout: float) -> int:
        """Wait for the exit code. Raises subprocess.TimeoutExpired."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(PROGRAM), timeout)
            time.sleep(LOOK_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)
