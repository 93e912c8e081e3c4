"""`portazgo gateway`: a gateway node alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.kit.memory import without_huge_pages

if TYPE_CHECKING:
    from pathlib import Path

    from portazgo.settings import Settings


def run_gateway(settings: Settings, *, snapshot_file: Path | None, take_over: bool) -> int:
    """Serve until told to end. Returns the exit code; raises StartRefused."""
    if settings.embedded:
        # 16 MB that small machines have other uses for; a busy data thread is a little faster with them.
        without_huge_pages()
    from portazgo.node import process  # noqa: PLC0415 - it loads the native module, whose allocator asks for them

    return process.run_gateway(settings, snapshot_file=snapshot_file, take_over=take_over)
