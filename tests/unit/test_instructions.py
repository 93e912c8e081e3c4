"""The count of instructions: what passes, what does not, and that a comparison of unlike things is refused."""

from __future__ import annotations

from dataclasses import asdict, replace

import instructions
import pytest
from instructions import PHASES, Conditions, Count

CONDITIONS = Conditions(rustc="rustc 1.95.0", packages="0123456789abcdef", profile="release", processor="aes avx2")
COUNT = Count(10_000, dict.fromkeys(PHASES, 1000))
BASELINE = {"conditions": asdict(CONDITIONS), **asdict(COUNT)}


@pytest.mark.parametrize(("request_cost", "passes"), [(9_000, True), (10_500, True), (10_501, False)])
def test_five_per_cent_more_is_the_limit(request_cost: int, passes: bool) -> None:
    told, passed = instructions.judge(BASELINE, replace(COUNT, request=request_cost), CONDITIONS)
    assert passed is passes
    assert ("make instructions-baseline" in told) is (request_cost != 10_500)


@pytest.mark.parametrize("member", ["rustc", "packages", "profile", "processor"])
def test_counts_under_other_conditions_are_not_compared(member: str) -> None:
    told, passed = instructions.judge(BASELINE, COUNT, replace(CONDITIONS, **{member: "another"}))
    assert not passed
    assert f"{member}: {getattr(CONDITIONS, member)} → another" in told
    assert "make instructions-baseline" in told


def test_what_other_crates_need_does_not_end_a_baseline() -> None:
    def package(name: str, version: str, *needs: str) -> str:
        return f'[[package]]\nname = "{name}"\nversion = "{version}"\ndependencies = {list(needs)}\n'

    core = [
        package("core", "0.1.0", "hash 1.0.0"),
        package("hash", "1.0.0"),
        package("server", "0.1.0", "core", "tokio"),
    ]
    before = instructions.digest_of_packages("".join([*core, package("tokio", "1.0.0")]), "core")
    assert instructions.digest_of_packages("".join([*core, package("tokio", "1.0.1")]), "core") == before
    core[1] = package("hash", "1.0.1")
    assert instructions.digest_of_packages("".join([*core, package("tokio", "1.0.0")]), "core") != before


def test_a_phase_costs_what_its_calls_from_the_request_cost() -> None:
    profile = """fn=_ZN12instructions4main17h0E
1 5
cfn=_ZN12instructions5serve17h1E
calls=2 9
1 300
fn=_ZN12instructions5serve17h1E
1 40
cfn=_ZN12instructions13phase_framing17h2E
calls=2 3
2 160
cfn=_ZN12instructions12phase_record17h3E
calls=1 3
2 100
fn=_ZN12instructions12phase_record17h3E
cfn=_ZN12instructions12phase_record17h3E
calls=1 3
2 70
"""
    assert instructions.inclusive(profile.splitlines()) == {"serve": 300, "framing": 160, "record": 100}
