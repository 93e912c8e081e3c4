"""What is in the native module that is installed, and what is not."""

from __future__ import annotations

import re
from pathlib import Path

from portazgo import _native

SERVER = Path(__file__).resolve().parents[2] / "native" / "crates" / "server" / "src" / "lib.rs"


def test_the_hook_that_provokes_a_panic_is_not_in_what_is_shipped() -> None:
    found = re.search(r'pub const PROVOKED: &str = "([^"]+)"', SERVER.read_text("utf-8"))
    assert found is not None
    assert _native.__file__ is not None
    library = Path(_native.__file__).read_bytes()
    assert b"portazgo_requests_total" in library, "the words of the data plane can be found at all"
    assert found[1].encode() not in library
    assert b"x-provoke-panic" not in library
