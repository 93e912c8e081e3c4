"""A program: imports what a control plane needs, and makes control planes of itself when it is asked to (support.prepared).

Questions come over the socket whose number is its argument, each a JSON object. `{"fork": true}` brings the descriptor that
is the new process's stderr, and is answered with its process id; `{"ended": 123}` with its exit code, or null while it runs.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import threading
import traceback
from importlib import import_module
from typing import NoReturn

from portazgo.control.boot import boot
from portazgo.control.server import serve_control
from portazgo.kit.logs import configure_logs
from portazgo.settings import load

# What is missing here is imported after the fork, by each anew.
IMPORTED = (
    "portazgo.control.internal",
    "portazgo.control.upkeep",
    "portazgo.control.urls",
    "portazgo.control.wsgi",
    "portazgo.contracts.drift_internal",
    "portazgo.contracts.recordings_internal",
    "portazgo.traces.search.process",
    "portazgo.usage.internal",
)


def main(asked: socket.socket) -> int:
    """Answer until nobody asks any more. Returns the exit code."""
    boot(load())
    for name in IMPORTED:
        import_module(name)
    # A fork takes along the thread that forks, and the locks that others hold.
    assert threading.active_count() == 1
    # To look for garbage among what was imported would give each fork pages of its own.
    gc.freeze()
    while True:
        question, descriptors, _, _ = socket.recv_fds(asked, 1_000, 1)
        if not question:
            return 0
        wanted = json.loads(question)
        if "ended" in wanted:
            pid, status = os.waitpid(wanted["ended"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                asked.close()
                be_control_plane(*descriptors)
            os.close(*descriptors)
        asked.send(json.dumps(answer).encode())


def be_control_plane(stderr: int) -> NoReturn:
    """Log there, and end with what was asked for: what was imported need not be torn down by each."""
    os.dup2(stderr, sys.stderr.fileno())
    os.close(stderr)
    exit_code = 1
    try:
        configure_logs("json")
        exit_code = serve_control(load())
    except BaseException:  # noqa: BLE001 - a fork must not go on with its parent's story
        traceback.print_exc()
    finally:
        os._exit(exit_code)


if __name__ == "__main__":
    sys.exit(main(socket.socket(fileno=int(sys.argv[1]))))
