"""What docs/how-fast.md tells is what was measured last."""

from __future__ import annotations

import subprocess
import sys

from support.documents import PROJECT


def test_the_page_tells_the_committed_results() -> None:
    command = [sys.executable, str(PROJECT / "bench" / "peers" / "how_fast.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
