"""What the command line says beside sums and balances: on stderr, and only where there is something to say."""

from __future__ import annotations

from typing import Any

import pytest

from portazgo.cli import balance, usage, words

IN_ORDER: dict[str, Any] = {
    "requests": {"collected": 4, "summed_up": [4], "balanced": True},
    "records": {"missing": 0, "under_way": 0, "dropped": 0},
    "spilled": {"records": 0, "set_aside": 0},
    "left_off": {"epochs": 0, "records": 0},
    "balanced": True,
}
UNTIL = "2026-11-26T12:00:05.123Z"


def test_a_balance_says_what_retention_dropped_before_it_was_in_the_lake(capsys: pytest.CaptureFixture[str]) -> None:
    balance._tell(IN_ORDER, came=True)
    assert capsys.readouterr() == ("", "Every record is accounted for.\n")
    balance._tell({**IN_ORDER, "records": {**IN_ORDER["records"], "dropped": 7}}, came=True)
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "7 records were dropped, kept long enough, before they were in the lake; they count as in the lake.",
        "Every record is accounted for.",
    ]


def test_a_report_that_is_whole_says_nothing_and_one_that_is_not_how_far_it_goes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage._tell(UNTIL, 0, whole=True)
    assert capsys.readouterr() == ("", "")
    usage._tell(UNTIL, 0, whole=False)
    assert capsys.readouterr() == ("", "Records of calls that ended after 2026-11-26 12:00:05Z may still come.\n")
    usage._tell_of_file({"X-Portazgo-Whole": "false", "X-Portazgo-Complete-Until": UNTIL, "X-Portazgo-Gaps": "2"})
    assert capsys.readouterr().err.splitlines() == [
        "Records may be missing: 2 epochs in this range don't balance. `portazgo usage balance` names them.",
        "All others of calls that ended before 2026-11-26 12:00:05Z are in.",
    ]
    monkeypatch.setattr(words, "_chosen", "es")
    usage._tell(UNTIL, 0, whole=False)
    assert capsys.readouterr().err.startswith("Todavía pueden llegar registros")
