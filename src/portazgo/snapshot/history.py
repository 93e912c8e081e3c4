"""A new history: what the log says from here on has nothing to do with what it said before (docs/wire.md, section 3).

Begun by `portazgo recover`, after the restore of a database that nodes are ahead of. Nodes of the history that has ended
are told to take the snapshot; what they know as revoked they keep for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection, transaction

from portazgo.kit.ids import uuid7
from portazgo.snapshot.compile import Revision, canonical, chain
from portazgo.snapshot.feed import HeadNow, head_now
from portazgo.snapshot.models import THE_HEAD, ChangeRow, Head, PastHistory
from portazgo.snapshot.wake import CHANNEL, wake
from portazgo.snapshot.wire import NO_HASH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portazgo.kit.clock import Clock


def begin_anew(*, past_revision: int, past_security: int, adopted: Iterable[str] = (), clock: Clock) -> HeadNow:
    """End the history and begin another, in the transaction that is under way. Returns where it begins.

    Numbers go on past what any node has seen: a revision or a sequence that stands in an audit row, a receipt or a log
    of the old history is never given to something else. `adopted`: more histories whose nodes are to take the snapshot.
    """
    head = Head.objects.select_for_update().get(id=THE_HEAD)
    revision = max(head.revision, past_revision) + 1
    security = max(head.security_sequence, past_security)
    line = canonical(Revision(revision, [], []).document())
    begun = HeadNow(str(uuid7()), revision, chain(NO_HASH, line), security, revision)
    for ended in (head.history, *adopted):
        PastHistory.objects.create(history=ended, ended_at=clock.now(), revision=head.revision)
    # Positions of the old history lead nowhere: whoever is there takes the snapshot.
    ChangeRow.objects.all().delete()
    ChangeRow.objects.create(revision=revision, hash=begun.hash, line=line, made_at=clock.now())
    Head.objects.filter(id=THE_HEAD).update(
        history=begun.history, revision=revision, hash=begun.hash, security_sequence=security, floor=revision
    )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")
    transaction.on_commit(wake)
    return head_now()
