"""`portazgo doctor`: looks for what is wrong with this installation, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from portazgo.care.failed import CareFailed
from portazgo.care.finding import Finding, Status, wrong
from portazgo.care.registry import CHECKS
from portazgo.care.surroundings import Surroundings
from portazgo.client.admin import Answered
from portazgo.kit.http import Unreachable
from portazgo.settings import Settings, SettingsInvalid, load


class Told(NamedTuple):
    """A finding, with the check that made it."""

    check: str
    finding: Finding


def examine(environment: Mapping[str, str]) -> Iterator[Told]:
    """Tell what every check found, as it is found. With settings that can't be read, they are all there is to tell."""
    try:
        settings = load(environment=environment)
    except SettingsInvalid as problem:
        for fault in problem.faults:
            yield Told("settings", wrong(f"{fault.name} ({fault.source}): {fault.message}", fault.remedy))
        return
    yield from examine_with(settings, environment)


def examine_with(settings: Settings, environment: Mapping[str, str]) -> Iterator[Told]:
    """Tell what every check found under these settings."""
    around = Surroundings(settings, environment)
    for name, check in CHECKS.items():
        try:
            for finding in check(around):
                yield Told(name, finding)
        except (CareFailed, Answered, Unreachable, OSError) as problem:
            # What is away while it is being looked at is a finding too, and no reason to look at nothing else.
            yield Told(name, wrong(f"it could not be looked at: {problem}", "see the other findings, then look again"))


def healthy(told: list[Told]) -> bool:
    """Tell whether nothing is wrong; warnings and what could not be looked at are no illness."""
    return all(one.finding.status is not Status.WRONG for one in told)
