"""What a check of the doctor's found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a thing stands."""

    WELL = "well"
    WARNING = "warning"
    """It works, and somebody should look at it."""
    WRONG = "wrong"
    SKIPPED = "skipped"
    """It could not be looked at, and that is no fault in itself."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence that holds no secret, and what to do where something is to be done."""

    status: Status
    sentence: str
    remedy: str | None = None


def count(number: int, word: str) -> str:
    """Write a number with its word, in the plural where there isn't one."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def well(sentence: str) -> Finding:
    """Say that a thing is as it should be."""
    return Finding(Status.WELL, sentence)


def warning(sentence: str, remedy: str) -> Finding:
    """Say what should be looked at."""
    return Finding(Status.WARNING, sentence, remedy)


def wrong(sentence: str, remedy: str) -> Finding:
    """Say what is wrong, and what to do."""
    return Finding(Status.WRONG, sentence, remedy)


def skipped(sentence: str) -> Finding:
    """Say why a thing was not looked at."""
    return Finding(Status.SKIPPED, sentence)
