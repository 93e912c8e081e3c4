"""docs/your-backend.md, command by command, in an empty folder."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.documents import PROJECT, fenced_lines
from support.reader import Reader

PAGE = PROJECT / "docs" / "your-backend.md"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader.at(tmp_path) as reader:
        yield reader


def commands_of_the_page() -> list[str]:
    lines = [line.text for line in fenced_lines(PAGE) if line.language == "console"]
    return [text.removeprefix("$ ") for text in lines if text.startswith("$ ") and not text.startswith("$ export")]


def test_the_page_leads_from_nothing_to_a_recorded_call(reader: Reader) -> None:
    up, backend, *rest = commands_of_the_page()
    reader.starts(up, "/health", "8081")
    reader.starts(backend, "/openapi.json", "8090")
    printed = {}
    for command in rest:
        if command.startswith("portazgo trace show"):
            time.sleep(2.5)  # "records arrive about a second after the answer"
        output = printed[command.split(" $")[0]] = reader.types(command)
        if found := re.search(r"ptz_live_(\w{10})_\w+", output):
            reader.shown |= {"KEY": found[0], "KID": found[1]}
            reader.settles()
        if found := re.search(r"^x-request-id: (\S+)", output, re.MULTILINE):
            reader.shown["ID"] = found[1]
    call = next(output for command, output in printed.items() if command.startswith("curl"))
    assert call.startswith("HTTP/1.1 200 OK")
    assert '"warehouse_note"' in call
    assert reader.shown["ID"] in printed["portazgo trace show"]
    assert "courier" in printed["portazgo trace list"]
    dead = reader.types(next(command for command in rest if command.startswith("curl")))
    assert dead.startswith("HTTP/1.1 401 ")
