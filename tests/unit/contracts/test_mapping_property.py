"""What a contract is compiled to, over schemas, contracts, documents and calls made up at random.

PORTAZGO_TEST_PROPERTY_CASES sets how many cases are tried (2,000 here), PORTAZGO_TEST_SEED repeats a run: a case that
fails prints its own. `scripts/contract_property.py` tries many more.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.register_assert_rewrite("support.contract_property")

from support.contract_property import Effort, answers, requests  # noqa: E402 - its assertions are to say what differs

CASES = int(os.environ.get("PORTAZGO_TEST_PROPERTY_CASES", "2000"))
SEED = int(os.environ.get("PORTAZGO_TEST_SEED", str(random.SystemRandom().randrange(1 << 40))))
EFFORT = Effort(contracts=3, cases=8)


def test_an_answer_is_what_the_contract_says_and_nothing_else() -> None:
    run(answers)


def test_a_request_that_the_partner_may_send_is_one_that_the_backend_takes() -> None:
    run(requests)


def test_the_long_run_says_what_it_tried_and_adds_it_to_a_table(tmp_path: Path) -> None:
    results = tmp_path / "property.md"
    heading = "| day | what | cases | seeds | CPU seconds | outcome |\n|---|---|---|---|---|---|\n"
    results.write_text(f"{heading}| older |\n\nAfterwards.\n", "utf-8")
    script = Path(__file__).resolve().parents[3] / "scripts" / "contract_property.py"
    command = [sys.executable, str(script), "--cases", "1", "--seed", "20", "--results", str(results)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert "0 findings; next seed 2" in ran.stdout
    *_, older, row, empty, after = results.read_text("utf-8").split("\n")[:-1]
    assert (older, empty, after) == ("| older |", "", "Afterwards.")
    assert row.endswith("| nothing found |"), row


def run(one: Callable[[int, Effort], int]) -> None:
    done, seed = 0, SEED
    while done < CASES // 2:
        try:
            done += one(seed, EFFORT)
        except BaseException as problem:
            problem.add_note(f"PORTAZGO_TEST_SEED={seed}")
            raise
        seed += 1
    # Contracts that are refused prove nothing: most have to be sound.
    assert seed - SEED < CASES // 2
