"""Documents on stdout: for programs as the API gave them, for people short and harmless."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from ruamel.yaml import YAML

from portazgo.cli.cells import cell, duration, size, without_seconds
from portazgo.cli.complaints import complain
from portazgo.cli.output import note, show_one, show_pairs, show_paragraph, show_rows
from portazgo.cli.session import Failed

ROWS: list[dict[str, Any]] = [
    {
        "id": "01990000-0000-7000-8000-000000000001",
        "name": "acme",
        "plan": None,
        "on": True,
        "created_at": "2026-11-24T12:00:05.123Z",
        "metadata": {"tier": "gold"},
        "label": "no",
    },
    {
        "id": "01990000-0000-7000-8000-000000000002",
        "name": "ñandú, s.a.",
        "plan": "p",
        "on": False,
        "created_at": "2026-11-24T12:00:06Z",
        "metadata": {},
        "label": "on",
    },
]
COLUMNS = ("name", "metadata.tier", "plan", "on", "created_at")


def test_json_jsonl_and_yaml_are_the_documents_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows(ROWS, COLUMNS, "json")
    assert json.loads(capsys.readouterr().out) == ROWS
    show_rows(ROWS, COLUMNS, "jsonl")
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == ROWS
    show_rows(ROWS, COLUMNS, "yaml")
    assert YAML(typ="safe").load(capsys.readouterr().out) == ROWS


def test_csv_has_the_columns_with_values_as_programs_want_them(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows(ROWS, COLUMNS, "csv")
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [
        list(COLUMNS),
        ["acme", "gold", "", "true", "2026-11-24T12:00:05.123Z"],
        ["ñandú, s.a.", "", "p", "false", "2026-11-24T12:00:06Z"],
    ]


def test_no_cell_of_a_csv_is_a_formula(capsys: pytest.CaptureFixture[str]) -> None:
    formulas = ['=HYPERLINK("http://a","b")', "@SUM(1)", "+cmd|'/c calc'!A0", "-2+3+cmd|x", "\t=1", "-1\n=1"]
    plain = ["-Xk3_a-9", "+57", "-1.5", "a=b", "it's", ""]
    show_rows([{"agent": one} for one in [*formulas, *plain, "a\r=1"]] + [{"agent": -7}], ("agent",), "csv")
    found = [row[0] if row else "" for row in csv.reader(io.StringIO(capsys.readouterr().out, newline=""))][1:]
    assert found == [*(f"'{one}" for one in formulas), *plain, "a\\x0d=1", "-7"]


def test_a_table_has_names_for_ids_short_times_and_yes_or_no(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    show_rows(ROWS, COLUMNS, "table", names={"p": "gold-plan"})
    assert [line.split("  ") for line in squeezed(capsys.readouterr().out)] == [
        ["name", "metadata tier", "plan", "on", "created"],
        ["acme", "gold", "-", "yes", "2026-11-24 12:00Z"],
        ["ñandú, s.a.", "-", "gold-plan", "no", "2026-11-24 12:00Z"],
    ]


def test_a_row_stays_a_line_where_nobody_looks_at_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    show_rows([{"name": "x" * 500, "why": "y" * 500}], ("name", "why"), "table")
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_nothing_is_folded_that_one_copies(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    show_rows([{"id": ROWS[0]["id"], "name": "a" * 63}], ("id", "name"), "table")
    assert ROWS[0]["id"] in capsys.readouterr().out


def test_an_empty_list_says_so_beside_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([], COLUMNS, "table")
    assert capsys.readouterr() == ("", "Nothing there yet.\n")
    show_rows([], COLUMNS, "json")
    assert capsys.readouterr() == ("[]\n", "")


def test_one_document_is_pairs_for_people_with_nested_members_on_lines_of_their_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    live = {"targets": ["http://a:1", "http://b:2"], "credential": {"kind": "mint", "claims": {"role": "partner"}}}
    show_one({"name": "shop", "environments": {"live": live}}, "table")
    assert [line.split("  ") for line in squeezed(capsys.readouterr().out)] == [
        ["name", "shop"],
        ["live targets", "http://a:1, http://b:2"],
        ["live credential", "mint"],
        ["live claims", "role=partner"],
    ]


def test_what_a_caller_wrote_can_t_write_to_the_operator_s_terminal() -> None:
    assert cell("id\x1b]0;owned\x07\r\n\u202eevil", {}) == "id\\x1b]0;owned\\x07\\x0d\\x0a\\x202eevil"
    assert cell({"a\x1b": ["\x9b31m"]}, {}) == "a\\x1b=\\x9b31m"


def test_throttles_durations_sizes_and_times_read_well() -> None:
    throttle = {"name": "per-minute", "quota": 600, "window_seconds": 60, "burst": None}
    assert cell([throttle, {**throttle, "window_seconds": 600, "burst": 5}], {}) == "600/1m, 600/10m (5)"
    assert [duration(seconds) for seconds in (1, 90, 3_600, 86_400)] == ["1s", "90s", "1h", "1d"]
    assert [size(count) for count in (0, 1_023, 1_024, 5 * 1024**2, 3 * 1024**3)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "5.0 MiB",
        "3.0 GiB",
    ]
    assert without_seconds("2026-11-24 12:00:05Z") == "2026-11-24 12:00Z"
    assert without_seconds("at 12:00:05Z") == "at 12:00:05Z"


def squeezed(text: str) -> list[str]:
    """Give the lines with two blanks between columns, whatever their width."""
    import re

    return [re.sub(r" {2,}", "  ", line).strip() for line in text.splitlines()]


def test_sentences_can_not_write_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    """They name members of backends' documents: `schema import` and `contract diff` tell them."""
    name = "a\x1b]52;c;cm0=\x07\x9b31m\u202eb"
    told = r"a\x1b]52;c;cm0=\x07\x9b31m\x202eb"
    show_pairs([(f"breaks {name}", f"{name} is gone")])
    show_paragraph(f"{name}\nof two lines")
    note(name)
    complain(Failed(name, remedy=name), [])
    out, err = capfd.readouterr()
    assert out == f"breaks {told}  {told} is gone\n{told}\nof two lines\n"
    assert err == f"{told}\nError: {told}\n  {told}\n"
