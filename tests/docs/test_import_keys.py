"""docs/import-keys.md: what it shows works as it stands there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.documents import PROJECT, fenced_lines
from support.reader import Reader

PAGE = PROJECT / "docs" / "import-keys.md"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader.at(tmp_path) as reader:
        yield reader


def test_the_files_and_commands_of_the_page_do_what_it_says(reader: Reader) -> None:
    text = PAGE.read_text("utf-8")
    aws, ours = re.findall(r"^```csv\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    consoles = [line.text.removeprefix("$ ") for line in fenced_lines(PAGE) if line.language == "console"]
    tried, done, deleted = consoles
    reader.starts("portazgo up", "/health", "8081")
    reader.types("portazgo partner create acme")
    reader.types("portazgo application create orders --partner acme --environment live")
    reader.writes("keys.csv", aws)
    reader.writes("ours.csv", ours)
    assert [row["kid"] for row in json.loads(reader.types(f"{tried} --json"))["keys"]] == [None]
    (made,) = json.loads(reader.types(f"{done} --json"))["keys"]
    assert (made["name"], made["status"]) == ("crm", "active")
    again = "portazgo key import ours.csv --format portazgo --application acme/orders"
    assert json.loads(reader.types(f"portazgo key show {made['kid']} --json"))["expires_at"] is None
    reader.types(again, exit_code=2)
    reader.types(f"portazgo key revoke {made['kid']} --yes")
    reader.types(deleted)
    assert not (reader.folder / "keys.csv").exists()
