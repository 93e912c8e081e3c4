"""`portazgo control`: the control plane alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.control.server import serve_control
from portazgo.kit.memory import with_few_arenas, without_huge_pages

if TYPE_CHECKING:
    from portazgo.settings import Settings


def run_control(settings: Settings) -> int:
    """Serve until told to end. Returns the exit code; raises StartRefused."""
    without_huge_pages()
    with_few_arenas()
    return serve_control(settings)
