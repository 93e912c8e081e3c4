"""YAML is read by 1.2 rules, with places, bounded, and everything wrong is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portazgo.declarative.file.places import Finding, Place
from portazgo.declarative.file.writing import write_yaml
from portazgo.declarative.file.yaml import LARGEST_WEIGHT, Parsed, read_yaml

FILE = Path("portazgo.yaml")


def read(text: str) -> Parsed:
    return read_yaml(text, FILE)


def said(parsed: Parsed) -> list[str]:
    return [str(finding) for finding in parsed.findings]


def test_words_that_mean_something_in_yaml_1_1_stay_text() -> None:
    parsed = read("on: NO\nyes: 12:30\nn: [off, Yes, 1_000, 2026-01-01, 0b11, =, <<]\n")
    assert parsed.findings == []
    assert parsed.tree == {
        "on": "NO",
        "yes": "12:30",
        "n": ["off", "Yes", "1_000", "2026-01-01", "0b11", "=", "<<"],
    }


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ('"12"', "12"),
        ("'true'", "true"),
        ("!!str 12", "12"),
        ("|\n  12\n", "12\n"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_scalars_follow_the_core_schema(written: str, value: object) -> None:
    parsed = read(f"a: {written}")
    assert (parsed.tree, type(parsed.tree["a"]), parsed.findings) == ({"a": value}, type(value), [])


def test_names_are_text_whatever_they_look_like() -> None:
    assert read("1: a\ntrue: b\nnull: c\n").tree == {"1": "a", "true": "b", "null": "c"}


def test_every_member_and_item_has_its_place() -> None:
    parsed = read("a:\n  b: [x, y]\n  c/d~: {e: 1}\n")
    assert parsed.places == {
        "": Place(FILE, 1, 1),
        "/a": Place(FILE, 1, 1),
        "/a/b": Place(FILE, 2, 3),
        "/a/b/0": Place(FILE, 2, 7),
        "/a/b/1": Place(FILE, 2, 10),
        "/a/c~1d~0": Place(FILE, 3, 3),
        "/a/c~1d~0/e": Place(FILE, 3, 10),
    }


def test_a_name_that_stands_twice_is_refused_and_the_first_one_stays() -> None:
    parsed = read("a: 1\nb: {c: 1, c: {d: 1, d: 2}}\na: 2\n")
    assert parsed.tree == {"a": 1, "b": {"c": 1}}
    assert said(parsed) == [
        'portazgo.yaml:2:11: "c" stands here twice; first in line 2',
        'portazgo.yaml:2:21: "d" stands here twice; first in line 2',
        'portazgo.yaml:3:1: "a" stands here twice; first in line 1',
    ]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("a: [1,\nb: }", "portazgo.yaml:2:4: this is no YAML: "),
        ("a: 1\n--- \nb: 2", "portazgo.yaml:2:1: a second document begins here: a file is one"),
        ("%YAML 1.1\n---\na: on", "portazgo.yaml:2:1: files are read as YAML 1.2: take the directive out"),
        ("a: *b", "portazgo.yaml:1:4: nothing before this is anchored as &b"),
        ("a: &a [*a]", "portazgo.yaml:1:8: nothing before this is anchored as &a"),
        ("? [a]\n: 1", "portazgo.yaml:1:3: a member's name must be text"),
        (
            "a: !!python/object:os.system x",
            "portazgo.yaml:1:4: the tag tag:yaml.org,2002:python/object:os.system means nothing",
        ),
        ("a: !mine {}", "portazgo.yaml:1:4: the tag !mine means nothing here"),
        ("a: .nan", "portazgo.yaml:1:4: .nan is no number that could be kept"),
        ("a: 1e999", "portazgo.yaml:1:4: 1e999 is no number that could be kept"),
        (f"a: {'9' * 5000}", "portazgo.yaml:1:4: a number of 5000 digits can't be kept"),
        ('a: "\\0"', "portazgo.yaml:1:4: this text holds a character that can't be stored"),
        ('"\\uD800": 1', "portazgo.yaml:1:1: this text holds a character that can't be stored"),
        ("a: 1\nb: \x07", "portazgo.yaml:2:4: this is no YAML: "),
        ("[" * 5000, "portazgo.yaml:1:41: this is nested more than 40 levels deep"),
        ("a:\n\tb: 1", "portazgo.yaml:2:1: this is no YAML: "),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, finding: str) -> None:
    assert [message[: len(finding)] for message in said(read(text))] == [finding]


def test_aliases_stand_for_what_they_name_and_share_its_place() -> None:
    parsed = read("a: &x {b: 1}\nc: *x\n")
    assert parsed.tree == {"a": {"b": 1}, "c": {"b": 1}}
    assert "/c/b" not in parsed.places


def test_a_bomb_of_aliases_is_defused() -> None:
    lines = [f"a0: &a0 [{'x,' * 9}x]"]
    lines += [f"a{n}: &a{n} [{f'*a{n - 1},' * 9}*a{n - 1}]" for n in range(1, 30)]
    parsed = read("\n".join(lines))
    assert parsed.is_broken
    assert [finding.message for finding in parsed.findings] == [
        f"the file unfolds to more than {LARGEST_WEIGHT} characters: aliases of aliases?"
    ]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
WORDS = st.sampled_from(
    [
        "on",
        "NO",
        "12:30",
        "1e3",
        "0x1",
        "~",
        "",
        "null",
        "=",
        "- a",
        "a: b",
        "#",
        "'",
        "|",
        "{x}",
        "-- a\n-- b \n",
        "#\n",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-(10**16), 10**16) | st.floats(allow_nan=False, allow_infinity=False)
TREES = st.recursive(
    SCALARS | TEXTS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS | WORDS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(TEXTS | WORDS, TREES, max_size=5))
def test_what_is_written_reads_back_the_same(tree: dict[str, object]) -> None:
    written = write_yaml(tree)
    parsed = read(written)
    assert (parsed.findings, parsed.tree if tree else {}) == ([], tree)


def test_a_finding_is_written_as_compilers_write() -> None:
    assert str(Finding(Place(Path("a/b.yaml"), 3, 7), "it is so")) == "a/b.yaml:3:7: it is so"
