"""What changes for partners from one version of a contract to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portazgo.contracts.compilation import checked, restored
from portazgo.contracts.differences.contracts import changes
from portazgo.contracts.publishing import newest, version_named

if TYPE_CHECKING:
    from portazgo.contracts.compiling import CompiledContract
    from portazgo.contracts.differences.rules import Change
    from portazgo.contracts.models import Contract

DRAFT = "draft"
"""In place of a version's name: the contract as it is being written."""


@dataclass(frozen=True, slots=True)
class Diff:
    """What changes for partners from one version to another; `old` None: nothing was published yet."""

    old: str | None
    new: str
    changes: list[Change]

    @property
    def breaking(self) -> bool:
        """Whether a caller that did nothing wrong may fail."""
        return any(change.breaking for change in self.changes)


def diff(contract: Contract, old: str | None, new: str | None) -> Diff:
    """Compare two versions; `old` is the newest unless it is said, `new` the draft.

    Raises NotFound (`contract_version_unknown`), Invalid (`contract_refused`: the draft can't be compiled any more).
    """
    before = old
    if before is None:
        published = newest(contract)
        before = None if published is None else published.name
    after = new or DRAFT
    old_compiled = None if before is None else compiled(contract, before)
    new_compiled = compiled(contract, after)
    found = [] if old_compiled is None else changes(old_compiled, new_compiled)
    return Diff(before, after, found)


def compiled(contract: Contract, name: str) -> CompiledContract:
    """Give a version, or the draft, as it is compiled."""
    if name == DRAFT:
        return checked(contract.api, contract.schema, contract.terms).contract
    return restored(version_named(contract, name).compiled)
