"""Children that must not outlive the process that started them.

PR_SET_PDEATHSIG fires when the *thread* that forked ends, and is lost when the parent died before the call; so the
supervisor starts children from its main thread, and the child compares its parent with the one it was promised.
Source: prctl(2), PR_SET_PDEATHSIG.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading

PARENT_VARIABLE = "PORTAZGO_PARENT_PID"
_PR_SET_PDEATHSIG = 1


SUPERVISED = threading.Event()
"""Set in a process that a supervisor started, and would start again."""


def die_with_parent() -> None:
    """Have the kernel send SIGTERM here when the supervisor dies; nothing happens in a process started by hand."""
    promised = os.environ.pop(PARENT_VARIABLE, "")
    if not promised.isdigit():
        return
    SUPERVISED.set()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(promised):
        os.kill(os.getpid(), signal.SIGTERM)
