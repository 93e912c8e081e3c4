"""What care ends with when it can't be given."""

from __future__ import annotations


class CareFailed(Exception):
    """A sentence and what to do; nothing was left half done."""

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(f"{sentence}; {remedy}")
        self.sentence = sentence
        self.remedy = remedy


class CareRefused(CareFailed):
    """What is there already, or what was handed in, is against it; nothing was touched."""
