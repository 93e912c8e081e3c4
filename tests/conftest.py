"""What holds for every suite: programs under test take no terminal for theirs because a test runner has one."""

from __future__ import annotations

import os

# pytest-xdist tells its processes how wide the terminal is, and the command line would fold its tables to that.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)
