"""A terminal of 100 columns for commands that look whether somebody is there."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from portazgo.roles.parts import portazgo_command

COLUMNS = 100
SECONDS = 60


@dataclass(frozen=True, slots=True)
class Shown:
    """What stood on the terminal, stdout and stderr together, and the exit code."""

    code: int
    text: str


def on_terminal(environment: Mapping[str, str], cwd: Path, *words: str, typed: str = "") -> Shown:
    """Run a command as a person does who types `typed`."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    settings = {**environment, "TERM": "xterm-256color"}
    settings.pop("COLUMNS", None)
    process = subprocess.Popen(
        portazgo_command(*words), env=settings, cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
    )
    os.close(theirs)
    try:
        if typed:
            os.write(ours, typed.encode())
        text = _read_to_end(ours)
        return Shown(process.wait(SECONDS), text.replace("\r\n", "\n"))
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _read_to_end(descriptor: int) -> str:
    deadline, read = time.monotonic() + SECONDS, b""
    while time.monotonic() < deadline:
        if not select.select([descriptor], [], [], 1.0)[0]:
            continue
        try:
            chunk = os.read(descriptor, 65_536)
        except OSError:  # the other end is closed: Linux says EIO
            break
        if not chunk:
            break
        read += chunk
    return read.decode("utf-8", "replace")
