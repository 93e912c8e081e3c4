"""What a node tells is taken in its exact form: its words go into queries, into the audit and onto a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from portazgo.care.failed import CareRefused
from portazgo.care.recovery import testimonies
from portazgo.care.recovery.recover import _leave_out
from portazgo.care.recovery.testimonies import of_folder, read

HEAD = {"testimony": 1, "node": "n", "label": "edge", "history": "h", "revision": 3, "hash": "a"}
ENTRY = {"sequence": 4, "operation": "narrow_networks", "id": "AAAAAAAAAA", "at": "2026-11-26T12:00:00Z"}


def lines(*between: Any, head: Any = HEAD) -> list[bytes]:
    """A whole testimony."""
    return [json.dumps(one).encode() for one in (head, *between, {"end": True, "count": len(between)})]


def test_an_entry_is_taken_with_the_members_that_are_read() -> None:
    told = read(lines({"security": {**ENTRY, "networks": ["10.0.0.0/8"], "more": {"x": 1}}}))
    assert told.entries == {4: {**ENTRY, "networks": ["10.0.0.0/8"]}}


def test_what_a_name_would_do_to_a_terminal_is_shown_instead() -> None:
    told = read(lines({"resource": {"kind": "key", "id": "AAAAAAAAAA", "name": "a\x1b[2Jb"}}))
    assert told.resources == {("key", "AAAAAAAAAA"): "a\\x1b[2Jb"}


@pytest.mark.parametrize(
    "one",
    [
        {**ENTRY, "id": "A\x00"},
        {**ENTRY, "id": 5},
        {**ENTRY, "id": "\ud800"},
        {**ENTRY, "id": "x" * 201},
        {**ENTRY, "operation": ["disable_key"]},
        {**ENTRY, "networks": 5},
        {**ENTRY, "networks": [5]},
        {**ENTRY, "sequence": float("inf")},
        {**ENTRY, "sequence": 2**62},
        {"sequence": 4},
        [],
        5,
    ],
    ids=str,
)
def test_what_has_another_form_is_not_taken(one: Any) -> None:
    with pytest.raises(testimonies.TestimonyInvalid):
        read(lines({"security": one}))


@pytest.mark.parametrize("member", ["node", "history", "hash"])
def test_who_tells_names_itself_in_plain_words(member: str) -> None:
    with pytest.raises(testimonies.TestimonyInvalid):
        read(lines(head={**HEAD, member: "\x1b[2J"}))


def test_depth_is_no_way_to_end_a_recovery() -> None:
    with pytest.raises(testimonies.TestimonyInvalid):
        read([lines()[0], b"[" * 200_000, lines()[1]])


def test_a_folder_whose_words_can_t_be_taken_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "snapshot.ndjson").write_bytes(b"[" * 200_000 + b"\n")
    (tmp_path / "lane.ndjson").write_text(json.dumps({"security": {**ENTRY, "id": "A\x00"}}) + "\n")
    with pytest.raises(CareRefused) as refused:
        of_folder(tmp_path, "q")
    assert "leave that folder out" in refused.value.remedy


def test_nodes_are_left_out_by_id_or_label_and_a_misspelt_one_is_told() -> None:
    here, unknown = "01a20e60-e200-7018-af02-628cc3d9f17a", "01a20e60-e200-7018-af02-628cc3d9f17b"
    assert _leave_out(["edge", unknown], {here: "edge", "other": "middle"}) == {here, unknown}
    with pytest.raises(CareRefused) as refused:
        _leave_out(["egde"], {here: "edge"})
    assert "egde" in refused.value.sentence


@pytest.mark.parametrize("identifier", ["", "a' OR 1=1", "01A20E60-E200-7018-AF02-628CC3D9F17A"])
def test_what_was_erased_is_named_by_an_id_and_nothing_else(identifier: str) -> None:
    with pytest.raises(testimonies.TestimonyInvalid):
        read(lines({"resource": {"kind": "erased_data_key", "id": identifier, "name": ""}}))
