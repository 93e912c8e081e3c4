"""One thread of another process, held still: what others wait for does not come until it is let go."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SEIZE, _INTERRUPT, _DETACH = 0x4206, 0x4207, 17
_WALL = 0x40000000
"""Threads of others are waited for with it (waitpid(2))."""


@contextmanager
def halted(process: int, name: str) -> Iterator[None]:
    """Hold the thread of this name while the `with` lasts (ptrace(2)); enter and leave it in the same thread."""
    tasks = Path(f"/proc/{process}/task")
    (thread,) = (int(task.name) for task in tasks.iterdir() if (task / "comm").read_text().strip() == name)
    _trace(_SEIZE, thread)
    try:
        _trace(_INTERRUPT, thread)
        os.waitpid(thread, _WALL)
        yield
    finally:
        _trace(_DETACH, thread)


def _trace(request: int, thread: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long] * 4
    libc.ptrace.restype = ctypes.c_long
    if libc.ptrace(request, thread, 0, 0) == -1:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
