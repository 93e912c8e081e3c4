"""Ports for servers: no two get the same, not even when several processes look at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.ports import free_port

from portazgo.roles.ports import free_ports

TESTS = Path(__file__).parents[1]
ASK = "import sys; sys.path[:0] = sys.argv[1:]; from support.ports import free_port; print(*(free_port() for _ in range(50)))"


def test_ports_that_are_found_together_differ() -> None:
    found = free_ports(200)

    assert len(set(found)) == 200


def test_tests_of_several_processes_get_ports_of_their_own() -> None:
    command = (sys.executable, "-c", ASK, str(TESTS), str(TESTS.parent / "src"))
    asking = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]

    given = [int(port) for process in asking for port in process.communicate()[0].split()]

    assert len(given) == 150
    assert len({*given, free_port()}) == 151
