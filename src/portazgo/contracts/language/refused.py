"""Why a contract is not compiled."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where in the contract as it was written (RFC 6901), and what was meant, perhaps."""

    pointer: str
    message: str
    near: str | None = None

    @property
    def sentence(self) -> str:
        """Say what is wrong and, where it is likely, what was meant."""
        return self.message if self.near is None else f'{self.message}; did you mean "{self.near}"?'


class ContractRefused(Exception):
    """The contract can't be compiled. All that is wrong with it, in the order of the document."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.message} (at {problem.pointer})" for problem in problems[:5]))
        self.problems = list(problems)


_LISTED_AT_MOST = 20
_COMPARED_AT_MOST = 300
"""Each takes a tenth of a millisecond, and many names may be wrong."""
_TYPED_AT_MOST = 2
_LONGEST_NAME = 200


def listed(known: Collection[str]) -> str:
    """Give the end of a sentence that names what there is; empty where that is nothing, or too much to read."""
    return f" (there is: {', '.join(known)})" if 0 < len(known) <= _LISTED_AT_MOST else ""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like the one that was written; None: none is.

    Of more names than anybody knows, those are looked at that begin alike and are about as long.
    """
    if len(name) > _LONGEST_NAME:
        return None
    candidates = list(known)
    if len(candidates) > _COMPARED_AT_MOST:
        alike = (one for one in candidates if one[:1] == name[:1] and abs(len(one) - len(name)) <= _TYPED_AT_MOST)
        candidates = list(islice(alike, _COMPARED_AT_MOST))
    found = get_close_matches(name, candidates, n=1, cutoff=0.6)
    return found[0] if found else None
