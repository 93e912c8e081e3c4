"""docs/hand-out-a-key.md, command by command, on the demo."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.documents import PROJECT, fenced_lines
from support.ports import free_port
from support.reader import Reader

from portazgo.keys.domain import parse_key

PAGE = PROJECT / "docs" / "hand-out-a-key.md"
ASSIGNED = re.compile(r"(KEY|KID)=\$\((.+)\)")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader.at(tmp_path, PAGE) as reader:
        reader.environment["PORTAZGO_BACKEND_PORT"] = str(free_port())
        yield reader


def commands_of_the_page() -> list[str]:
    lines = [line.text for line in fenced_lines(PAGE) if line.language == "console"]
    return [text.removeprefix("$ ") for text in lines if text.startswith("$ ")]


def test_the_page_leads_from_a_key_to_its_end(reader: Reader) -> None:
    demo, *rest = commands_of_the_page()
    reader.starts(demo, "/health", "8081")
    reader.demo()
    printed: dict[str, list[str]] = {}
    for command in rest:
        assigned = ASSIGNED.fullmatch(command)
        if command.startswith("curl"):
            reader.settles()
        output = reader.types(assigned[2] if assigned else command)
        if assigned:
            reader.shown[assigned[1]] = output.strip()
        printed.setdefault(" ".join(command.split(" ")[:3]), []).append(output)
    made = printed["portazgo key create"][0]
    assert parse_key(made.removesuffix("\n")) is not None
    kid = reader.shown["KID"]
    opened, refused = printed["curl --include --header"]
    assert opened.startswith("HTTP/1.1 200 OK")
    assert refused.startswith("HTTP/1.1 403 ")
    assert '"scope_missing"' in refused
    *live, deleted = printed["portazgo key list"]
    by_tag, by_partner, ending, unused = live
    assert kid in by_tag
    assert kid in by_partner
    assert (kid in ending, kid in unused) == (False, False)
    assert kid in deleted
    plain = printed["portazgo key scanner-rules"][0].strip()
    assert re.fullmatch(plain, reader.shown["KEY"])
    assert json.loads(printed["portazgo key scanner-rules"][-1])["secret_types"]
    assert plain in (reader.folder / "gitleaks.toml").read_text()
    assert plain in (reader.folder / "trufflehog.yaml").read_text()
    assert reader.types("portazgo key list --text billing --json").count('"kid"') == 1
