"""docs/cli.md is written from the command line, and leaves nothing out."""

from __future__ import annotations

from portazgo.cli.docs import PAGE, docs_page
from portazgo.cli.exits import Exit
from portazgo.cli.session import FORMATS


def test_the_page_has_every_command_format_and_exit_code() -> None:
    page = docs_page()
    for words in ("portazgo up", "portazgo key revoke", "portazgo node token create", "portazgo completion"):
        assert f"# {words}\n" in page
    assert all(f"| {code.value} | " in page for code in Exit)
    assert all(f"| `{one}` | " in page for one in FORMATS)
    assert "| `--wait` |" in page
    assert "| `--slower-than DURATION` |" in page


def test_the_committed_page_has_the_headings_of_today() -> None:
    committed = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("#")]
    assert committed == [line for line in docs_page().splitlines() if line.startswith("#")]
