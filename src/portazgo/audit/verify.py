"""Is the audit whole? Walks the chain a page at a time and names every row that is not what it was, or not where it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from portazgo.audit.chain import NO_HASH, link
from portazgo.audit.models import THE_HEAD, WHOLE, AuditHead, AuditRow
from portazgo.audit.service import ERASED

Kind = Literal["changed", "missing", "inserted", "out_of_place", "erased_unsaid", "cut_off", "other_head"]

REMEMBERED = 100
"""So many rows back it is looked for what a row was hung on, to tell what came between."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point of the chain."""

    number: int = 0
    hash: str = NO_HASH


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong; `last` is `number` but for a run of rows."""

    kind: Kind
    number: int
    last: int
    sentence: str


@dataclass(slots=True)
class Verified:
    """What a page showed; `reached` is where the next one begins."""

    reached: Place
    checked: int = 0
    whole: bool = False
    """Whether the end of the chain was reached."""
    troubles: list[Trouble] = field(default_factory=list)


def verify(after: Place, limit: int, heads: Sequence[Place] = ()) -> Verified:
    """Verify the rows after a place that has been verified, at most `limit`.

    `heads` are places that were written down elsewhere: only they show that the whole chain was made anew, or that its
    end was cut off together with the head in the database.
    """
    # Before the rows: what is written meanwhile lies beyond it.
    end = AuditHead.objects.filter(id=THE_HEAD).first()
    known_end = Place(end.number, end.hash) if end else Place()
    rows = list(AuditRow.objects.filter(number__gt=after.number).order_by("number")[:limit])
    walk = _Walk(after, _said_to_be_erased(rows))
    for row in rows:
        walk.take(row)
    found = Verified(walk.at, len(rows), len(rows) < limit, walk.troubles)
    hashes = {row.number: row.hash for row in rows} | {after.number: after.hash}
    _hold_against(found, hashes, after, heads, known_end)
    return found


@dataclass(frozen=True, slots=True)
class _Told:
    """The row that tells of an erasing, and the form that it says the erased one had."""

    number: int
    form: int | None


class _Walk:
    """Goes from row to row."""

    def __init__(self, after: Place, erased: Mapping[int, _Told]) -> None:
        self.at = after
        self.troubles: list[Trouble] = []
        self._erased = erased
        self._hashes = {after.hash: after.number}

    def take(self, row: AuditRow) -> None:
        """Look at the next row."""
        if row.number > self.at.number + 1:
            self._missing(self.at.number + 1, row.number - 1)
        if row.erased_at is not None:
            self._erased_row(row)
        elif row.payload_digest() != row.digest or row.personal_digest() != row.personal:
            self._say("changed", row.number, f"row {row.number} ({row.action} {row.subject}) is not what was written")
        if row.number == self.at.number + 1 and row.hash != link(self.at.hash, row.digest):
            self._displaced(row)
        self.at = Place(row.number, row.hash)
        self._hashes[row.hash] = row.number
        if len(self._hashes) > REMEMBERED:
            del self._hashes[next(iter(self._hashes))]

    def _erased_row(self, row: AuditRow) -> None:
        told = self._erased.get(row.number)
        if told is None or told.number <= row.number:
            self._say("erased_unsaid", row.number, f"row {row.number} is erased, and no later row says by whom")
        elif told.form not in {None, row.form}:
            self._say(
                "changed", row.number, f"row {row.number} is erased, and not of the form that row {told.number} says"
            )
        if row.actor_name or row.address or row.details or row.changes or row.salt:
            self._say("changed", row.number, f"row {row.number} is erased, and says something again")
        elif row.form != WHOLE and row.payload_digest() != row.digest:
            what = f"row {row.number} ({row.action} {row.subject})"
            self._say("changed", row.number, f"{what} is erased, and what was kept of it is not what was written")

    def _displaced(self, row: AuditRow) -> None:
        before = next((number for digest, number in self._hashes.items() if row.hash == link(digest, row.digest)), None)
        if before is None:
            self._say(
                "out_of_place",
                row.number,
                f"row {row.number} ({row.action} {row.subject}) does not follow from the one before it: "
                "it was moved or put in, or what stood before it was taken away",
            )
        else:
            first = before + 1
            names = f"row {first} stands" if first == row.number - 1 else f"rows {first} to {row.number - 1} stand"
            sentence = f"{names} where nothing was written: row {row.number} was hung on row {before}"
            self.troubles.append(Trouble("inserted", first, row.number - 1, sentence))

    def _missing(self, first: int, last: int) -> None:
        names = f"row {first} is missing" if first == last else f"rows {first} to {last} are missing"
        self.troubles.append(Trouble("missing", first, last, names))

    def _say(self, kind: Kind, number: int, sentence: str) -> None:
        self.troubles.append(Trouble(kind, number, number, sentence))


def _said_to_be_erased(rows: Sequence[AuditRow]) -> dict[int, _Told]:
    """Give, by the number of an erased row, the last row that says that it was erased."""
    numbers = [row.number for row in rows if row.erased_at is not None]
    said: dict[int, _Told] = {}
    for start in range(0, len(numbers), 500):
        some = [str(number) for number in numbers[start : start + 500]]
        telling = AuditRow.objects.filter(action=ERASED, subject__in=some).order_by("number")
        said |= {int(row.subject): _Told(row.number, _form_told(row)) for row in telling}
    return said


def _form_told(row: AuditRow) -> int | None:
    """Read the form of what was erased; None: that was erased as well. Before there were two, nothing was said."""
    return None if row.erased_at is not None else row.details.get("form", WHOLE)


def _hold_against(
    found: Verified, hashes: Mapping[int, str], after: Place, heads: Sequence[Place], known_end: Place
) -> None:
    for head in heads:
        if after.number < head.number <= found.reached.number and hashes.get(head.number, head.hash) != head.hash:
            sentence = f"row {head.number} is not the one that was written down as the head: the chain was made anew"
            found.troubles.append(Trouble("other_head", head.number, head.number, sentence))
    if not found.whole:
        return
    last = max([known_end.number, *(head.number for head in heads)])
    if last > found.reached.number:
        first = found.reached.number + 1
        sentence = f"the end is cut off: there was a row {last}, and the newest is {found.reached.number}"
        found.troubles.append(Trouble("cut_off", first, last, sentence))
