"""docs/what-is-recorded.md names every member of a record, and no other; and each thing that is never recorded has its test."""

from __future__ import annotations

import re
from pathlib import Path

from support.segments import PATH, recorded

from portazgo._native import decode_segment

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "what-is-recorded.md").read_text()
MEMBERS = PAGE.partition("## Every member")[2].partition("## What callers write themselves")[0]
NEVER = PAGE.partition("## What is never recorded")[2].partition("## Who called")[0]


def test_the_page_names_every_member_of_a_record_and_no_other() -> None:
    (_, content), *_ = recorded().segments
    (record, *_) = decode_segment(content)
    named = [
        name for row in re.findall(r"^\| (`.*?) \|", MEMBERS, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    ]
    assert sorted(named) == sorted(record)


def test_a_record_has_no_member_for_what_is_never_recorded() -> None:
    for _, content in recorded().segments:
        for record in decode_segment(content):
            assert not {"path", "query", "headers", "cookies", "body", "host"} & set(record)
            assert record["client_port"] is None
            assert PATH not in str(record)


def test_each_thing_that_is_never_recorded_names_a_test_that_there_is() -> None:
    rows = [row for row in NEVER.splitlines() if row.startswith("| ") and "the test that says so" not in row]
    assert len(rows) == 7
    for row in rows:
        files = re.findall(r"`([\w./-]+)`", row.split("|")[2])
        assert files, row
        assert [file for file in files if not (PROJECT / file).is_file()] == []
