"""docs/connect-an-untouched-backend.md, command by command, in an empty folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.documents import PROJECT, fenced_lines
from support.reader import Reader

PAGE = PROJECT / "docs" / "connect-an-untouched-backend.md"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader.at(tmp_path, PAGE) as reader:
        yield reader


def lines_of(language: str) -> list[str]:
    return [line.text for line in fenced_lines(PAGE) if line.language == language]


def test_the_page_leads_to_a_call_of_a_backend_that_knows_nothing_of_portazgo(reader: Reader) -> None:
    up, backend, *rest = (text.removeprefix("$ ") for text in lines_of("console"))
    reader.starts(up, "/health", "8081")
    reader.environment["PYTHONPATH"] = str(PROJECT / "examples" / "insignia")
    reader.starts(backend.partition(" ")[2], "/api/health/", "8090")
    answer = ""
    for command in rest:
        answer = reader.types(command)
        if found := re.search(r"ptz_live_(\w{10})_\w+", answer):
            reader.shown["KEY"] = found[0]
            reader.settles()
    assert answer.startswith("HTTP/1.1 200 OK")
    for command in lines_of("sh"):
        reader.types(command)
    reader.writes("portazgo.yaml", "\n".join(lines_of("yaml")))
    reader.types("portazgo check")
