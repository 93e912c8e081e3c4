"""How often a node hears from the control plane, against what readiness calls silence."""

from __future__ import annotations

import re
from pathlib import Path

from portazgo.node.follow import LONGEST_WAIT_SECONDS

ADMIN = Path(__file__).resolve().parents[3] / "native/crates/server/src/admin.rs"


def test_an_idle_node_is_never_taken_for_a_deaf_one() -> None:
    found = re.search(r"const STALE_MS: u64 = ([\d_]+);", ADMIN.read_text("utf-8"))
    assert found is not None
    # A contact counts from the sending of its poll: just before the next answer it is two whole waits old.
    assert int(found[1]) >= 2 * LONGEST_WAIT_SECONDS * 1000 + 5000
