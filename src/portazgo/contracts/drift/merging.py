"""Adds findings up: by operation and status, with how many answers showed each, first and last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from portazgo.contracts.drift.finding import NEW_NAMES_AT_MOST, Finding, Kind
from portazgo.contracts.language.paths import ANY, Path, format_path, parse_path

FINDINGS_OF_ONE = 200
"""Of one operation and status."""
NAMES_BESIDE_NAMELESS = 4
"""Where some members' names were taken for values, few others are told: more of them are values too."""


@dataclass(frozen=True, slots=True)
class Seen:
    """In how many answers, and when (microseconds since 1970)."""

    answers: int
    first_us: int
    last_us: int

    def and_(self, other: Seen) -> Seen:
        """Add another's."""
        return Seen(self.answers + other.answers, min(self.first_us, other.first_us), max(self.last_us, other.last_us))


@dataclass(slots=True)
class Merged:
    """The findings of one operation's answers of one status."""

    seen: dict[Finding, Seen] = field(default_factory=dict)

    def add(self, found: Iterable[Finding], at_us: int) -> None:
        """Add what one answer showed. Members whose names go on changing become one without a name."""
        for finding in found:
            self.put(finding, Seen(1, at_us, at_us))
        self.fold()

    def put(self, finding: Finding, seen: Seen) -> None:
        """Add one finding."""
        known = self.seen.get(finding)
        if known is not None:
            self.seen[finding] = known.and_(seen)
        elif len(self.seen) < FINDINGS_OF_ONE:
            self.seen[finding] = seen

    def fold(self) -> None:
        """Take the names from new members of a place that has had too many of them: they are values."""
        for around in crowded(self.seen):
            for finding in [one for one in self.seen if _is_new_in(one, around)]:
                nameless = replace(finding, path=format_path((*around, ANY)))
                self.put(nameless, self.seen.pop(finding))


def crowded(found: Iterable[Finding]) -> set[Path]:
    """The places in which more new members were seen than anybody names at once."""
    names: dict[Path, set[str]] = {}
    for finding in found:
        if finding.kind is Kind.NEW:
            *around, name = parse_path(finding.path)
            names.setdefault(tuple(around), set()).add(name)
    return {
        around
        for around, known in names.items()
        if len(known - {ANY}) > (NAMES_BESIDE_NAMELESS if ANY in known else NEW_NAMES_AT_MOST)
    }


def _is_new_in(finding: Finding, around: Path) -> bool:
    path = parse_path(finding.path)
    return finding.kind is Kind.NEW and path[:-1] == around and path[-1] != ANY
