"""What nodes follow: pages of changes, and the whole snapshot (docs/wire.md, section 3)."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from django.db import connection, transaction

from portazgo.kit.errors import Conflict, Gone
from portazgo.snapshot.compile import changes_head, last_line, page_of_changes, snapshot_head, with_hash
from portazgo.snapshot.log import NoHead
from portazgo.snapshot.models import THE_HEAD, ChangeRow, Head, PastHistory, ResourceRow, SecurityRow
from portazgo.snapshot.wire import NO_HASH

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_REVISIONS = 1_000
LARGEST_PAGE_BYTES = 4 * 1024 * 1024
_ROWS_AT_A_TIME = 1_000


@dataclass(frozen=True, slots=True)
class Position:
    """How far a node has come: history, revision, hash of the log there, and the security lane's sequence."""

    history: str
    revision: int
    hash: str
    security: int


@dataclass(frozen=True, slots=True)
class HeadNow:
    """Where the log is."""

    history: str
    revision: int
    hash: str
    security: int
    floor: int


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """What comes after a position; None: nothing new."""

    body: bytes | None
    head: int


def head_now() -> HeadNow:
    """Read where the log is. Raises NoHead."""
    head = Head.objects.filter(id=THE_HEAD).first()
    if head is None:
        raise NoHead
    return HeadNow(head.history, head.revision, head.hash, head.security_sequence, head.floor)


def changes_after(position: Position) -> ChangesPage:
    """Give what comes after a position: whole revisions, at most 1,000 or 4 MiB, and every newer security entry.

    Raises Conflict (`history`) when the position is no point of this log, Gone when the log no longer reaches back to it.
    """
    # Rows at or below the head never change, so that reading it first is all the consistency that is needed.
    head = head_now()
    _check(position, head)
    if position.revision == head.revision and position.security >= head.security:
        return ChangesPage(None, head.revision)
    rows = _rows_after(position.revision, head.revision)
    last = rows[-1] if rows else None
    reached, digest = (last.revision, last.hash) if last else (position.revision, position.hash)
    lines = [with_hash(row.line, row.hash) for row in rows]
    lines += _security_after(position.security, head.security)
    return ChangesPage(
        page_of_changes(changes_head(head.history, position.revision, reached, digest), lines), head.revision
    )


def is_point(position: Position) -> bool:
    """Tell whether this is a point of the log, as far as it still reaches back: the content there, not the number alone.

    Nor has anybody heard of a security entry that was not made yet.
    """
    head = head_now()
    if position.history != head.history or position.revision > head.revision or position.security > head.security:
        return False
    return position.hash == _hash_at(position.revision, head)


def write_snapshot(file: IO[bytes]) -> HeadNow:
    """Write the whole snapshot of one moment. Returns where the log was then.

    To a file, not to a socket: the database's transaction must not last as long as a slow reader.
    """
    with _one_moment():
        head = head_now()
        file.write(f"{snapshot_head(head.history, head.revision, head.hash)}\n".encode())
        count = 0
        rows = ResourceRow.objects.order_by("kind", "identifier").values_list("line", flat=True)
        for line in rows.iterator(_ROWS_AT_A_TIME):
            file.write(f"{line}\n".encode())
            count += 1
        for line in _security_after(0, head.security):
            file.write(f"{line}\n".encode())
            count += 1
        file.write(f"{last_line(count)}\n".encode())
    return head


def compact(keep_revisions: int) -> int:
    """Forget all but the newest revisions; nodes that are further behind take the snapshot. Returns the new floor."""
    with transaction.atomic():
        head = Head.objects.select_for_update().get(id=THE_HEAD)
        floor = max(head.floor, head.revision - keep_revisions)
        ChangeRow.objects.filter(revision__lt=floor).delete()
        Head.objects.filter(id=THE_HEAD).update(floor=floor)
    return floor


def forget_so_far() -> int:
    """Forget every revision before the one that the change under way becomes: a line of theirs tells what is erased by it.

    Nodes that are further behind take the snapshot. Call it last within the change: it takes the head's lock. Returns the
    revision that the change becomes.
    """
    head = Head.objects.select_for_update().get(id=THE_HEAD)
    ChangeRow.objects.filter(revision__lte=head.revision).delete()
    Head.objects.filter(id=THE_HEAD).update(floor=head.revision + 1)
    return head.revision + 1


def _check(position: Position, head: HeadNow) -> None:
    if position.history != head.history and PastHistory.objects.filter(history=position.history[:36]).exists():
        raise Gone(
            "this history was ended by a recovery", code="history_ended", remedy="take the snapshot", reason="recovered"
        )
    if position.history != head.history or position.revision > head.revision:
        raise _other_history()
    if position.revision < head.floor:
        raise Gone(
            f"the log begins at revision {head.floor}", code="below_floor", remedy="take the snapshot", reason="floor"
        )
    if position.hash != _hash_at(position.revision, head):
        raise _other_history()


def _hash_at(revision: int, head: HeadNow) -> str | None:
    if revision == head.revision:
        return head.hash
    if revision == 0:
        return NO_HASH
    return ChangeRow.objects.filter(revision=revision).values_list("hash", flat=True).first()


def _other_history() -> Conflict:
    return Conflict(
        "the position is no point of this log: the database was restored, or belongs to another deployment",
        code="other_history",
        reason="history",
    )


def _rows_after(after: int, head: int) -> list[ChangeRow]:
    rows: list[ChangeRow] = []
    size = 0
    wanted = ChangeRow.objects.filter(revision__gt=after, revision__lte=head).order_by("revision")[:MOST_REVISIONS]
    for row in wanted.iterator(100):
        size += len(row.line)
        if rows and size > LARGEST_PAGE_BYTES:
            break
        rows.append(row)
    return rows


def _security_after(sequence: int, head: int) -> Iterator[str]:
    rows = SecurityRow.objects.filter(sequence__gt=sequence, sequence__lte=head).order_by("sequence")
    return rows.values_list("line", flat=True).iterator(_ROWS_AT_A_TIME)


@contextmanager
def _one_moment() -> Iterator[None]:
    """Have every read inside see the same state, without keeping any writer waiting."""
    if connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
        return
    # `atomic` would begin IMMEDIATE, which is the writer's lock; a deferred transaction reads beside it.
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")
