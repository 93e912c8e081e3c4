"""Exit codes, the same in every command (docs/cli.md)."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a command's exit code says."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DIFFERENCES = 3
    LOGIN = 4
    CONFLICT = 5
    REFUSED = 6
    UNHEALTHY = 7
    INTERRUPTED = 130
