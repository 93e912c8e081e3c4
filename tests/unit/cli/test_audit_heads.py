"""`audit verify` holds the chain against every head that was written down, and says when two of one row differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from portazgo.cli import audit

A, B = "a" * 64, "b" * 64


class Chain:
    """Answers as the control plane does, for a chain whose rows all have the hash A."""

    def __init__(self, rows: int, page: int) -> None:
        self.rows, self.page = rows, page

    def post(self, _path: str, body: Any) -> Any:
        """Verify a page."""
        assert len(body["heads"]) <= audit.MOST_HEADS
        at = body["after"]["number"] if body["after"] else 0
        reached = min(self.rows, at + self.page)
        troubles = [
            {"kind": "other_head", "number": head["number"]}
            for head in body["heads"]
            if at < head["number"] <= reached and head["hash"] != A
        ]
        if reached == 2:
            troubles.append({"kind": "changed", "number": 2})
        return {
            "checked": reached - at,
            "reached": {"number": reached, "hash": A},
            "whole": reached == self.rows,
            "troubles": troubles,
        }


def test_neither_of_two_heads_of_a_row_hides_the_other(tmp_path: Path) -> None:
    file = tmp_path / "audit-heads.log"
    lines = [{"at": "2026-11-26", "number": 5, "hash": one} for one in (A, B, A)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"torn')
    heads = sorted(audit._heads((str(file), f"7:{A}")))
    assert heads == [(5, A), (5, B), (7, A)]
    assert [(one["kind"], one["number"]) for one in audit._contradictions(heads)] == [("heads_differ", 5)]
    assert audit.walk(Chain(9, 4).post, heads).troubles == [{"kind": "other_head", "number": 5}]


def test_every_head_of_a_page_counts_however_many_there_are() -> None:
    rows = 3 * audit.MOST_HEADS
    heads = [(number, A) for number in range(1, rows)] + [(rows, B)]
    walked = audit.walk(Chain(rows, rows).post, heads)
    assert (walked.checked, walked.troubles) == (rows, [{"kind": "other_head", "number": rows}])


def test_what_is_wrong_with_rows_is_told_once() -> None:
    heads = [(number, A) for number in range(1, 3 * audit.MOST_HEADS)]
    walked = audit.walk(Chain(2, 2).post, heads)
    assert walked.troubles == [{"kind": "changed", "number": 2}]
