"""Writes docs/what-partners-receive.md: what became of each condition that tests/blackbox/test_contract_answers.py played."""

from __future__ import annotations

from pathlib import Path

from support.answer_cases import CASES, Case
from support.served_contracts import Got

PAGE = Path(__file__).resolve().parents[2] / "docs" / "what-partners-receive.md"
BEFORE, AFTER = "before", "after"


def said(got: Got) -> str:
    """Say for the page what a partner got."""
    if got.code is not None:
        return f"{got.status}, a problem `{got.code}`"
    if not got.body:
        return f"{got.status} without a body"
    kind = "the body as it is" if (got.header("content-type") or "").startswith("image/") else "what the contract shows"
    return f"{got.status}, {kind}"


def lines(rows: dict[str, dict[str, str]]) -> list[str]:
    """Write the rows of the cases that were played whole."""
    played = [name for name, case in CASES.items() if len(rows.get(name, {})) == 1 + (case.after is not None)]
    told = "told by its beginning"
    return [
        f"| {CASES[name].title} | {rows[name][BEFORE]} | {rows[name].get(AFTER, told)} | {faults(CASES[name])} |"
        for name in played
    ]


def page(rows: dict[str, dict[str, str]]) -> str:
    """Write the page."""
    return "\n".join(
        [
            "# What partners receive",
            "",
            "<!-- Generated from tests/blackbox/test_contract_answers.py (PORTAZGO_TEST_WRITE=1); do not edit. -->",
            "",
            "What becomes of a backend's answer under a [contract](programs.md), whatever the backend does. Each row was",
            "played by a real backend against a real gateway: first before anything was sent to the partner, then, where it",
            "can happen, after the first bytes went out.",
            "",
            "- *Before*: the head of an answer is held until the answer is whole, or as much of it as the contract's `hold`",
            "  says was made.",
            "- *Cut off*: nothing more is written. HTTP/1.1 ends the connection without the last chunk, HTTP/2 sends",
            "  `RST_STREAM`. The record has the status that was sent, the fault, and `delivery: aborted`; the call is not",
            "  billed, and the backend's connection is not used again.",
            "- A client of HTTP/1.0 could not tell: it gets the whole answer or the problem.",
            "- A client that accepts gzip got the same in each case, where answers are [compressed](compression.md). What is",
            "  cut off has no end of the coded stream.",
            "",
            "| the backend sends | before the head is sent | after the first bytes | fault |",
            "|---|---|---|---|",
            *lines(rows),
            "",
        ]
    )


def faults(case: Case) -> str:
    """Say which faults the records have."""
    named = dict.fromkeys(fault for fault in (case.fault, case.after_fault) if fault)
    return ", ".join(f"`{fault}`" for fault in named) or "none"
