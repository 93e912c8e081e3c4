"""Whoever shows a reader a command of keys runs it in a test: each of these pages is read to its last command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.documents import PROJECT, Line, command_lines
from support.reader import Reader

HERE = Path(__file__).resolve().parent
# A page, the test that reads it, and by which name it knows the page.
PAGES = {
    "hand-out-a-key.md": ("test_hand_out_a_key.py", "PAGE"),
    "rotate-without-downtime.md": ("test_rotate_without_downtime.py", "PAGE"),
    "kill-a-leaked-key.md": ("test_webhooks.py", "LEAKS"),
    "connect-an-untouched-backend.md": ("test_connect_an_untouched_backend.py", "PAGE"),
    "claims.md": ("test_claims.py", "PAGE"),
    "hide-and-rename.md": ("test_contracts.py", "HIDE"),
    "publish-a-new-version.md": ("test_contracts.py", "PUBLISH"),
    "when-the-backend-changes.md": ("test_contracts.py", "CHANGES"),
}


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_read_to_its_last_command(page: str) -> None:
    file, name = PAGES[page]
    source = (HERE / file).read_text("utf-8")
    assert f'{name} = PROJECT / "docs" / "{page}"' in source
    assert re.search(rf"Reader\.at\(tmp_path, (\w+, )*{name}\b", source)
    assert list(command_lines(PROJECT / "docs" / page))


def test_a_command_that_nobody_types_is_found_out(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ echo one\none\n$ echo two --three\n```\n```sh\n# to be read\nNAME=$(echo four)\n```\n"
    )
    shown = [line.text for line in command_lines(page)]
    assert shown == ["echo one", "echo two --three", "NAME=$(echo four)"]
    with Reader.at(tmp_path) as reader:
        reader.types("echo one")
        reader.types("echo two --json --three")
        reader.types("echo four")
        assert all(map(reader.knows, command_lines(page)))
        assert not reader.knows(Line(page, 1, "sh", "echo three"))
    with pytest.raises(AssertionError, match="echo two --three"), Reader.at(tmp_path, page) as reader:
        reader.types("echo one")
