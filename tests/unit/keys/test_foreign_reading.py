"""Files to import are read to their end or told of, whatever is in them, and what is told quotes no key."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portazgo.keys.foreign import ImportFormat, KeyFile, Scheme
from portazgo.keys.foreign_reading import MOST_KEYS, Read, read_keys

NOW = datetime(2026, 11, 26, tzinfo=UTC)
KEY = "NotARealKeyOfAnApiGateway00001"
PRESENTABLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=16, max_size=512)
NAMES = st.text(st.characters(min_codepoint=0x20, exclude_categories=("Cs", "Cc")), max_size=63)
ENDS = st.sampled_from(["\n", "\r\n"])


def read(content: str, form: ImportFormat = ImportFormat.AWS) -> Read:
    return read_keys(KeyFile(content, form), NOW)


def table(end: str, *rows: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator=end).writerows(rows)
    return out.getvalue()


@given(keys=st.lists(st.tuples(NAMES, PRESENTABLE), min_size=1, max_size=5, unique_by=lambda row: row[1]), end=ENDS)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_what_a_writer_of_csv_writes_is_read_back(mark: str, keys: list[tuple[str, str]], end: str) -> None:
    found = read(mark + table(end, ("Name", "key", "Enabled"), *((name, key, "true") for name, key in keys)))
    assert found.wrong == []
    expected = [(name.strip(), hashlib.sha256(key.encode()).digest()) for name, key in keys]
    assert [(one.name, one.inner) for one in found.keys] == expected
    assert [one.line for one in found.keys] == list(range(2, len(keys) + 2))
    assert {one.scheme for one in found.keys} == {Scheme.SHA256}


@given(content=st.text(max_size=300), form=st.sampled_from(ImportFormat))
def test_any_text_is_read_or_told_of(content: str, form: ImportFormat) -> None:
    found = read(content, form)
    assert found.keys or found.left_out or found.wrong
    assert all(one.line >= 1 and one.why for one in [*found.left_out, *found.wrong])


@given(
    before=st.text(alphabet='",\n\r x\t\0\ufeff\u2028é{}[]:', max_size=40),
    after=st.text(alphabet='",\n\r x\t\0é{}[]:', max_size=40),
    head=st.sampled_from(["", "Name,key\n", "key,key\n", '[{"key": "', "[" * 5000, '{"']),
    form=st.sampled_from(ImportFormat),
)
def test_what_is_told_of_a_broken_file_quotes_no_key(before: str, after: str, head: str, form: ImportFormat) -> None:
    found = read(head + before + KEY + after, form)
    told = repr(found)
    assert KEY not in told
    assert hashlib.sha256(KEY.encode()).hexdigest() not in told


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        ("", 1, "names no column key or value"),
        ("Name,key\n", 1, "no key in the file"),
        (f"Name,key\nx,{KEY}\ny,\0\n", 3, "NUL"),
        ('Name,key\nx,"never closed\n', 2, "well-formed"),
        (f'Name,key\nx,"{KEY}" more\n', 2, "well-formed"),
        ("Name,key\nx," + "k" * 200_000 + "\n", 2, "well-formed"),
        (f"Name,key\nx,{KEY},z\n", 2, "more values"),
        ("Name,key,Name\n", 1, "twice"),
        ("[1]", 1, "no object"),
        ('[{"key": ', 1, "well-formed"),
        ("[" * 100_000, 1, "well-formed"),
        ("Name,key,Enabled\nx," + KEY + ",perhaps\n", 2, "neither true nor false"),
    ],
)
def test_a_file_that_is_wrong_is_told_of_by_its_line(content: str, line: int, why: str) -> None:
    found = read(content)
    assert [one.line for one in found.wrong] == [line]
    assert why in found.wrong[0].why


def test_a_file_is_not_longer_than_one_transaction_may_be() -> None:
    rows = "\n".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(MOST_KEYS + 1))
    found = read(rows, ImportFormat.SHA256)
    assert [(one.line, "split the file" in one.why) for one in found.wrong] == [(MOST_KEYS + 1, True)]
    assert read(rows.rpartition("\n")[0], ImportFormat.SHA256).wrong == []


def test_a_value_that_goes_over_lines_counts_from_its_first() -> None:
    found = read(table("\n", ("Name", "description", "key"), ("x", "two\nlines", KEY), ("y", "", "short")))
    assert ([one.line for one in found.keys], [one.line for one in found.wrong]) == ([2], [4])
