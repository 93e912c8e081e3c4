"""Examples, put through what a contract was compiled to, by the code that nodes run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portazgo import _native
from portazgo.contracts.comparing import DRAFT, compiled
from portazgo.contracts.examples.running import Compared, Example, Result, compare, run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portazgo.contracts.compiling import CompiledContract
    from portazgo.contracts.models import Contract


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of an example, and what another version makes of the same body; None: none was asked for."""

    result: Result
    compared: Compared | None = None


def try_examples(
    contract: Contract, version: str | None, against: str | None, examples: Iterable[Example]
) -> list[Tried]:
    """Put examples through a version (the draft unless it is said), and beside it through another to compare with.

    Raises NotFound (`contract_version_unknown`), Invalid (`contract_refused`).
    """
    tried = compiled(contract, version or DRAFT)
    other = None if against is None else compiled(contract, against)
    return [_tried(example, tried, other) for example in examples]


def _tried(example: Example, contract: CompiledContract, other: CompiledContract | None) -> Tried:
    result = run(example, contract, _native)
    return Tried(result, None if other is None else compare(result, other, _native))
