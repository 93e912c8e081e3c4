"""docs/portazgo-yaml.md: its files are right, its commands lead from nothing to a call, and print what the page shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from support.documents import PROJECT, fenced_lines
from support.reader import Reader

from portazgo.declarative.file.yaml import read_yaml

PAGE = PROJECT / "docs" / "portazgo-yaml.md"
DIFFERENCES = 3


def blocks(language: str) -> list[str]:
    """The page's fenced blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def files() -> dict[str, str]:
    """The page's files, by the name in their first line."""
    return {block.splitlines()[0].removeprefix("# "): block for block in blocks("yaml")}


def test_the_files_are_right_by_the_schema_for_editors() -> None:
    schema = json.loads((PROJECT / "schema" / "portazgo.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    for name, text in files().items():
        parsed = read_yaml(text, Path(name))
        assert parsed.findings == []
        jsonschema.Draft202012Validator(schema).validate(parsed.tree)


def test_the_schema_marks_what_check_would_refuse() -> None:
    schema = json.loads((PROJECT / "schema" / "portazgo.json").read_text("utf-8"))
    wrong = {
        "$.name": {"name": "Acme Ltd"},
        "$": {"plnas": {}},
        "$.plans": {"plans": {"Not A Name": {}}},
        "$.settings": {"settings": {"log_formt": "json"}},
        "$.partners.a.applications.b": {"partners": {"a": {"applications": {"b": {}}}}},
    }
    for place, tree in wrong.items():
        errors = jsonschema.Draft202012Validator(schema).iter_errors(tree)
        assert [error.json_path for error in errors] == [place]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader.at(tmp_path) as reader:
        yield reader


def test_the_page_leads_from_nothing_to_a_call_and_back(reader: Reader) -> None:
    for name, text in files().items():
        reader.writes(name, text)
    lines = [line.text.removeprefix("$ ") for line in fenced_lines(PAGE) if line.language == "console"]
    up, backend, *rest = lines
    reader.starts(up, "/health", "8081")
    reader.starts(backend, "/openapi.json", "8090")
    printed = []
    for command in rest:
        if command.startswith("curl --include"):
            reader.settles()
        output = reader.types(command, DIFFERENCES if command == "portazgo diff" else 0)
        printed.append((command, output))
        if found := re.search(r"ptz_live_(\w{10})_\w+", output):
            reader.shown["KEY"] = found[0]
    assert [output for command, output in printed if command == "portazgo diff"] == blocks("text")
    call = next(output for command, output in printed if command.startswith("curl --include"))
    assert call.startswith("HTTP/1.1 200 OK")
    assert '"warehouse_note"' in call
    assert [output for command, output in printed if command.endswith("exported.yaml")][-1].endswith(
        "No differences.\n"
    )
