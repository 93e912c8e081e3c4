"""What every part of a file is made of. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints

from portazgo.declarative.words import DURATION_PATTERN

Value = TypeVar("Value")

Duration = Annotated[str, StringConstraints(pattern=DURATION_PATTERN)]
"""`250ms`, `3s`; what reads it bounds it."""


class Part(BaseModel):
    """A part of a file: what it does not know is an error, and no value is bent into another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def read_by(parse: Callable[[Any], object]) -> AfterValidator:
    """Check a value by reading it; it stays as it is written."""

    def check(written: Value) -> Value:
        parse(written)
        return written

    return AfterValidator(check)


def _empty_for_nothing(value: object) -> object:
    return {} if value is None else value


NOTHING_IS_EMPTY = BeforeValidator(_empty_for_nothing)
"""Take `badges:` with nothing behind it for an empty mapping."""


def is_mapping(value: object) -> str:
    """Tell what is written as a mapping from what is written as a word."""
    return "mapping" if isinstance(value, Mapping | Part) else "text"
